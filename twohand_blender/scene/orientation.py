"""How a camera was held: JPEG files say it in their EXIF data, the reconstruction heeds it, Blender does not."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ORIENTATION_TAG: Final = 0x0112
_EXIF_SEGMENT: Final = 0xE1
_START_OF_SCAN: Final = 0xDA


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
    """The orientation that a JPEG file states; upright where it states none or is no JPEG."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"\xff\xd8":
                return UPRIGHT
            while True:
                marker, kind, length = struct.unpack(">BBH", file.read(4))
                if marker != 0xFF or kind == _START_OF_SCAN:
                    return UPRIGHT
                content = file.read(length - 2)
                if kind == _EXIF_SEGMENT and content.startswith(b"Exif\0\0"):
                    return _BY_TAG.get(_orientation_tag(content[6:]), UPRIGHT)
    except (OSError, struct.error):
        return UPRIGHT


def _orientation_tag(tiff: bytes) -> int:
    """The tag's value in the first directory of a TIFF structure; 1 where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for entry in range(count):
        tag, _kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * entry)
        if tag == _ORIENTATION_TAG:
            return value
    return 1
