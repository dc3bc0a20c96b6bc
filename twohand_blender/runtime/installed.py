"""What a wheel becomes in an environment: unpacked, compared with its own list of files, removed.

A wheel is a zip file of what belongs into ``site-packages``, with a list of its files and their hashes (RECORD). None
of the locked wheels has anything to be built or run, so that unpacking is all that there is to do.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ...inference.contract import ErrorCode, HandsError, output_error
from .download import Advance
from .lock import Wheel

_CHUNK_BYTES: Final = 1 << 20
_IN_SITE_PACKAGES: Final = ("purelib", "platlib")
LEFT_OUT: Final = ("torch/test/", "torch/include/")
"""145 MB of tests and C++ headers, whose long paths, moreover, some Windows programs cannot handle."""


@dataclass(frozen=True)
class _Row:
    """A line of a RECORD that has a hash: a file below ``site-packages``."""

    path: PurePosixPath
    sha256: bytes


def unpack(wheel: Wheel, path: Path, site_packages: Path, advance: Advance) -> None:
    """Unpack a wheel. Its list of files is written last: without it the package counts as not installed.

    Parameters
    ----------
    wheel : what it is
    path : the file, whose hash was compared
    site_packages : where to
    advance : is given `Wheel.unpacked_byte_count` in all

    Raises
    ------
    HandsError
        RUNTIME_MISSING for a file that is no wheel, OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    try:
        with zipfile.ZipFile(path) as archive:
            record = f"{wheel.dist_info}/RECORD"
            names = [name for name in archive.namelist() if not name.endswith("/")]
            places = {name: place for name in names if (place := _place(name)) is not None}
            if record not in places:
                raise zipfile.BadZipFile(f"it has no {record}")
            done = 0
            for name in sorted(places, key=lambda name: name == record):
                target = site_packages / places[name]
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, target.open("wb") as file:
                    while chunk := source.read(_CHUNK_BYTES):
                        file.write(chunk)
                        done += len(chunk)
                        advance(len(chunk))
            advance(wheel.unpacked_byte_count - done)
    except zipfile.BadZipFile as error:
        raise HandsError(
            ErrorCode.RUNTIME_MISSING, f"'{path.name}' cannot be unpacked ({error}).", "Press Repair."
        ) from error
    except OSError as error:
        raise output_error(site_packages / wheel.name, error) from error


def _place(name: str) -> PurePosixPath | None:
    """Where a member of a wheel belongs, below ``site-packages``; None for what the worker has no use for."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        raise zipfile.BadZipFile(f"'{name}' leads out of its folder")
    if path.parts[0].endswith(".data"):  # scripts, manual pages and the like, but for these two
        if len(path.parts) < 3 or path.parts[1] not in _IN_SITE_PACKAGES:
            return None
        path = PurePosixPath(*path.parts[2:])
    return None if name.startswith(LEFT_OUT) else path


def seems_installed(wheel: Wheel, site_packages: Path) -> bool:
    """Whether the locked wheel was unpacked here, judged by its list of files alone."""
    try:
        content = (site_packages / wheel.dist_info / "RECORD").read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content).hexdigest() == wheel.record_sha256


def is_installed(wheel: Wheel, site_packages: Path, advance: Advance = lambda _byte_count: None) -> bool:
    """Whether the locked wheel is here with every file as it was packed; reads all of them."""
    if not seems_installed(wheel, site_packages):
        return False
    try:
        for row in _rows(site_packages / wheel.dist_info / "RECORD"):
            with (site_packages / row.path).open("rb") as file:
                if hashlib.file_digest(file, "sha256").digest() != row.sha256:
                    return False
                advance(file.tell())
    except (OSError, ValueError):
        return False
    return True


def _rows(record: Path) -> Iterator[_Row]:
    """The files of an installed package. Raises OSError or ValueError for a list that cannot be read."""
    with record.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if len(row) < 2 or not row[1]:
                continue
            place = _place(row[0])
            kind, _, text = row[1].partition("=")
            if place is not None and kind == "sha256":
                yield _Row(place, base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def others_installed(wheels: tuple[Wheel, ...], site_packages: Path) -> list[Path]:
    """Folders of packages that are installed here and are none of these wheels: other versions, other variants."""
    wanted = {wheel.dist_info for wheel in wheels}
    return sorted(path for path in site_packages.glob("*.dist-info") if path.name not in wanted)


def remove(dist_info: Path) -> None:
    """Take an installed package away, whole or half-way unpacked.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, most often since a program still uses it
    """
    site_packages = dist_info.parent
    folders: set[Path] = set()
    try:
        with suppress(ValueError, zipfile.BadZipFile):
            for row in _rows(dist_info / "RECORD") if (dist_info / "RECORD").is_file() else ():
                path = site_packages / row.path
                path.unlink(missing_ok=True)
                folders |= {site_packages.joinpath(*row.path.parts[:depth]) for depth in range(1, len(row.path.parts))}
        for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
            shutil.rmtree(folder / "__pycache__", ignore_errors=True)
            with suppress(OSError):  # something of another package lies in it, too
                folder.rmdir()
        if dist_info.is_dir():
            shutil.rmtree(dist_info)
    except OSError as error:
        raise output_error(dist_info, error) from error
