"""The plan of a set up: what it will do and take, told before anything is done."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...inference.contract import ErrorCode, HandsError, output_error
from .download import PART_SUFFIX
from .environment import OWN_PYTHON_HINT, site_packages_in
from .installed import seems_installed
from .lock import Lock, Wheel
from .state import CACHE_FOLDER
from .target import Target

CPU: Final = "cpu"
RESEARCH: Final = "research"
VARIANT_NAMES: Final = {CPU: "Standard", RESEARCH: "Research"}
_REASONS: Final = {
    CPU: "CPU: the nets are small; a build for NVIDIA GPUs would download 1.5 GB more",
    RESEARCH: "CPU, with torch: for the paper's network (non-commercial research only)",
}
_MARGIN_BYTES: Final = 64_000_000
"""Left free besides what is written: byte code, a log, other programs."""


@dataclass(frozen=True)
class Plan:
    """What a set up will do.

    Parameters
    ----------
    base_python : the interpreter that the environment is made of
    target : its version and system
    folder : where everything goes
    variant : ``cpu`` or ``research``
    wheels : all packages
    lacking : those that are not installed yet
    wheels_folder : a folder that is looked into before anything is downloaded; None for none
    to_download : those that lie neither there nor among the finished downloads
    download_bytes : what is still to be downloaded, parts that are there taken off
    disk_bytes : what the disk must have room for
    """

    base_python: Path
    target: Target
    folder: Path
    variant: str
    wheels: tuple[Wheel, ...]
    lacking: tuple[Wheel, ...]
    wheels_folder: Path | None
    to_download: tuple[Wheel, ...]
    download_bytes: int
    disk_bytes: int

    @property
    def unpacked_bytes(self) -> int:
        """What the environment takes when it is done."""
        return sum(wheel.unpacked_byte_count for wheel in self.wheels)

    def rows(self) -> list[tuple[str, str]]:
        """What is shown: name and value, a line each."""
        hosts = ", ".join(sorted({wheel.url.split("/")[2] for wheel in self.to_download}))
        download = f"{megabytes(self.download_bytes)} from {hosts}" if self.to_download else "Nothing"
        version = f"{self.target.python[0]}.{self.target.python[1]}"
        return [
            ("Python", f"{version}, Blender's own ({self.base_python}), which is left as it is"),
            ("Packages", ", ".join(f"{wheel.name} {wheel.version}" for wheel in self.wheels)),
            ("Download", download),
            ("On Disk", megabytes(self.unpacked_bytes)),
            ("Folder", str(self.folder)),
            ("Runs On", _REASONS[self.variant]),
        ]


def make_plan(
    lock: Lock, target: Target, base_python: Path, folder: Path, variant: str, *, wheels_folder: Path | None
) -> Plan:
    """Look at what is there and plan the rest.

    Raises
    ------
    HandsError
        RUNTIME_MISSING where the lock has nothing for this Python, or only for a newer system
    """
    wheels = lock.wheels_of(target, variant)
    for wheel in wheels:
        if needed := target.too_old_for(wheel.filename):
            raise HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"The package {wheel.name} needs {needed}, which is newer than this system.",
                OWN_PYTHON_HINT,
            )
    site_packages = site_packages_in(folder, target.python)
    lacking = tuple(wheel for wheel in wheels if not seems_installed(wheel, site_packages))
    cache = folder / CACHE_FOLDER
    to_download = tuple(wheel for wheel in lacking if not (_lies_in(wheel, wheels_folder) or _lies_in(wheel, cache)))
    parts = sum(min(_size(cache / (wheel.filename + PART_SUFFIX)), wheel.byte_count) for wheel in to_download)
    download_bytes = sum(wheel.byte_count for wheel in to_download) - parts
    disk_bytes = download_bytes + sum(wheel.unpacked_byte_count for wheel in lacking)
    return Plan(
        base_python, target, folder, variant, wheels, lacking, wheels_folder, to_download, download_bytes, disk_bytes
    )


def obstacle(plan: Plan, *, online: bool) -> HandsError | None:
    """Why a plan cannot be carried out, None where it can.

    Parameters
    ----------
    online : whether Blender may use the network
    """
    if plan.to_download and not online:
        if plan.wheels_folder is not None:
            return HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"The folder of wheels lacks {_named(plan.to_download)}.",
                "Put them there, or allow online access in Preferences > System > Network.",
            )
        return HandsError(
            ErrorCode.RUNTIME_MISSING,
            "Blender may not use the network.",
            "Allow online access in Preferences > System > Network, or choose a folder of wheels.",
        )
    existing = next(parent for parent in (plan.folder, *plan.folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return output_error(plan.folder, PermissionError(errno.EACCES, "no right to write there"))
    try:
        free_bytes = shutil.disk_usage(existing).free
    except OSError:
        return None  # writing will tell
    needed_bytes = plan.disk_bytes + _MARGIN_BYTES
    if plan.lacking and free_bytes < needed_bytes:
        return HandsError(
            ErrorCode.DISK_FULL,
            f"The disk that holds '{plan.folder}' has {megabytes(free_bytes)} free, and {megabytes(needed_bytes)} are "
            "needed.",
            "Free some space.",
        )
    return None


def megabytes(byte_count: int) -> str:
    """For a person, for example ``91 MB``."""
    return f"{byte_count / 1e6:.0f} MB" if byte_count >= 1e6 else f"{byte_count / 1e6:.1f} MB"


def _named(wheels: tuple[Wheel, ...]) -> str:
    names = [wheel.filename for wheel in wheels[:3]]
    return ", ".join(names) + (f" and {len(wheels) - 3} more" if len(wheels) > 3 else "")


def _lies_in(wheel: Wheel, folder: Path | None) -> bool:
    return folder is not None and _size(folder / wheel.filename) == wheel.byte_count


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
