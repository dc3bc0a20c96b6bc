"""How a camera was held: pictures say it in their EXIF data, the reconstruction heeds it, Blender does not."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

_ORIENTATION_TAG: Final = 0x0112
_EXIF_SEGMENT: Final = 0xE1
_START_OF_SCAN: Final = 0xDA
_EXIF_START: Final = b"Exif\0\0"


@dataclass(frozen=True)
class Orientation:
    """What makes the stored picture upright: first a flip from left to right, then quarter turns clockwise."""

    flip_x: bool
    quarter_turns: int


UPRIGHT: Final = Orientation(flip_x=False, quarter_turns=0)
_BY_TAG: Final = {
    2: Orientation(flip_x=True, quarter_turns=0),
    3: Orientation(flip_x=False, quarter_turns=2),
    4: Orientation(flip_x=True, quarter_turns=2),
    5: Orientation(flip_x=True, quarter_turns=3),
    6: Orientation(flip_x=False, quarter_turns=1),
    7: Orientation(flip_x=True, quarter_turns=1),
    8: Orientation(flip_x=False, quarter_turns=3),
}


def orientation_of(path: Path) -> Orientation:
    """The orientation that a JPEG, TIFF, PNG or WebP file states; upright where it states none."""
    try:
        with path.open("rb") as file:
            exif = _exif_of(file)
            return UPRIGHT if exif is None else _BY_TAG.get(_orientation_tag(exif), UPRIGHT)
    except (OSError, struct.error, OverflowError):
        return UPRIGHT


def _exif_of(file: BinaryIO) -> BinaryIO | None:
    """The TIFF structure that holds a picture's EXIF data; of a TIFF file, the file itself."""
    start = file.read(12)
    if start[:4] in (b"II*\0", b"MM\0*"):
        return file
    if start[:2] == b"\xff\xd8":
        return _exif_of_jpeg(file)
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        file.seek(8)
        return _exif_of_chunks(file, ">I4s", b"eXIf", checksum_bytes=4, alignment=1)
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return _exif_of_chunks(file, "<4sI", b"EXIF", checksum_bytes=0, alignment=2)
    return None


def _exif_of_jpeg(file: BinaryIO) -> BinaryIO | None:
    file.seek(2)
    while True:
        marker, kind, length = struct.unpack(">BBH", file.read(4))
        if marker != 0xFF or kind == _START_OF_SCAN:
            return None
        content = file.read(length - 2)
        if kind == _EXIF_SEGMENT and content.startswith(_EXIF_START):
            return BytesIO(content.removeprefix(_EXIF_START))


def _exif_of_chunks(
    file: BinaryIO, header: str, wanted: bytes, *, checksum_bytes: int, alignment: int
) -> BinaryIO | None:
    while len(words := file.read(8)) == 8:
        first, second = struct.unpack(header, words)
        name, length = (first, second) if isinstance(first, bytes) else (second, first)
        if name == wanted:
            return BytesIO(file.read(length).removeprefix(_EXIF_START))  # some programs write it here as well
        file.seek(-(-length // alignment) * alignment + checksum_bytes, 1)
    return None


def _orientation_tag(tiff: BinaryIO) -> int:
    """The tag's value in the first directory of a TIFF structure; 1 where there is none."""
    tiff.seek(0)
    order = {b"II": "<", b"MM": ">"}.get(tiff.read(2))
    if order is None:
        return 1
    _version, start = struct.unpack(f"{order}HI", tiff.read(6))
    tiff.seek(start)
    (count,) = struct.unpack(f"{order}H", tiff.read(2))
    for _ in range(count):
        tag, _kind, _count, value, _rest = struct.unpack(f"{order}HHIHH", tiff.read(12))
        if tag == _ORIENTATION_TAG:
            return value
    return 1
