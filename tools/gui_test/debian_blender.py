"""A folder with Debian's Blender in it: found, or made by mmdebstrap."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from .skipping import CannotRunHere

SUITE: Final = "sid"  # the only suite with a Blender that we support (5.2); it can break on any day
_PACKAGES: Final = (
    "blender", "python3-numpy", "python3-requests", "python3-cattr",  # cattrs: 5.2's extension tool imports it
    "libgl1-mesa-dri", "libgl1", "libegl1", "libegl-mesa0",
)  # fmt: skip
_KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_LONGEST_S: Final = 1200


def has_blender(root: Path) -> bool:
    """Whether `root` is a folder with an installed Blender."""
    return (root / "usr" / "bin" / "blender").is_file()


def make_root(root: Path) -> None:
    """Install Debian's Blender and what it needs into the folder `root` (1.2 GB).

    Raises
    ------
    CannotRunHere
        without mmdebstrap, Debian's keyring or a mirror, or where the suite cannot be installed today
    """
    if shutil.which("mmdebstrap") is None:
        raise CannotRunHere("mmdebstrap is not installed (on Debian: apt-get install mmdebstrap)")
    if not _KEYRING.is_file():
        raise CannotRunHere(f"'{_KEYRING}' is missing (on Debian: apt-get install debian-archive-keyring)")
    # Made beside its place and moved there: a run that was ended half-way must not look like a finished one.
    unfinished = root.with_name(root.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    command = [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=apt", f"--keyring={_KEYRING}",
        '--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"', "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
        f"--include={','.join(_PACKAGES)}", SUITE, str(unfinished), _mirror(),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise CannotRunHere(f"Debian {SUITE} was not installed within {_LONGEST_S} s") from None
    if done.returncode or not has_blender(unfinished):
        shutil.rmtree(unfinished, ignore_errors=True)
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CannotRunHere(f"Debian {SUITE} with Blender could not be installed: {last}")
    unfinished.rename(root)


def _mirror() -> str:
    """The mirror that this machine's apt is set up with."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    mirrors = [line for line in listing.stdout.split() if "security" not in line]
    if not mirrors:
        raise CannotRunHere("apt knows no Debian mirror on this machine")
    return mirrors[0]
