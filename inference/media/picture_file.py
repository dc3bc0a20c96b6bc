"""One picture file to upright 8-bit RGB, whatever its format, depth, colour space or orientation."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..runtime import require
from .exif import focal_35mm
from .source import LARGEST_PICTURE_PX, SMALLEST_SIDE_PX

if TYPE_CHECKING:
    from PIL import Image

PICTURE_FORMATS: Final = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM", "JPEG2000")
"""Pillow's names of the formats that are tried; leaves out those that start other programs (EPS), are documents,
move (GIF: read as a movie) or are recognised by guessing (TGA)."""
PICTURE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".tif", ".tiff", ".webp", ".bmp", ".ppm", ".pgm", ".jp2"}
)
"""Endings by which pictures are picked out of a folder; a file given by itself is judged by its content."""

LARGEST_WORKING_PX: Final = 2**25
"""Pictures above 33 megapixels are worked on at 1/2, 1/4 ... of their size: hands stay far larger than the nets' 224
pixels, and decoding stays within a few hundred MB."""
TRANSPARENT_GREY: Final = 128
"""What shows through transparent parts: neither black nor white makes an edge around every skin."""

_STRIP_PX: Final = 2**21
_READ_ERRORS: Final = (OSError, SyntaxError, ValueError, IndexError, EOFError, struct.error, zlib.error)
_ORIENTATION_TAG: Final = 0x0112


class NotAPictureError(HandsError):
    """The content is no known picture; it may still be a movie."""


@dataclass(frozen=True)
class PictureHeader:
    """What a picture says of itself before its pixels are decoded; sizes are (width, height) of the upright picture."""

    size_px: tuple[int, int]
    working_size_px: tuple[int, int]
    focal_35mm: float | None


def read_header(path: Path) -> PictureHeader:
    """Size and focal length of a picture without decoding it.

    Raises
    ------
    HandsError
        INPUT_MISSING, INPUT_UNREADABLE, INPUT_EMPTY, INPUT_TOO_SMALL or INPUT_TOO_LARGE
    """
    with _opened(path) as image:
        width, height = image.size
        exif = image.getexif()
        # Pillow itself turns TIFF upright, and already swaps the size that it reports.
        if exif.get(_ORIENTATION_TAG, 1) in (5, 6, 7, 8) and image.format != "TIFF":
            width, height = height, width
        _check_size(path, width, height)
        factor = reduction_factor(width, height)
        working = (-(-width // factor), -(-height // factor))
        return PictureHeader((width, height), working, focal_35mm(exif))


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Upright picture (H, W, 3) in its working size.

    Raises
    ------
    HandsError
        as `read_header`
    """
    with _opened(path) as image:
        _check_size(path, *image.size)
        factor = reduction_factor(*image.size)
        wanted_width = -(-image.size[0] // factor)
        if factor > 1:
            # JPEG decodes smaller at once; the other formats ignore this, and are shrunk afterwards.
            image.draft(None, (wanted_width, -(-image.size[1] // factor)))
        image.load()
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)  # asked now: loading turns TIFF upright
        return _upright(_to_rgb(path, image, round(image.size[0] / wanted_width)), orientation)


def reduction_factor(width: int, height: int) -> int:
    """1, 2, 4 ... by which a picture is shrunk so that it stays below `LARGEST_WORKING_PX`."""
    factor = 1
    while width * height > LARGEST_WORKING_PX * factor * factor:
        factor *= 2
    return factor


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    require("PIL")
    from PIL import Image, UnidentifiedImageError

    # Our own limit is checked on the size in the header, before any pixel is decoded, and says what to do.
    Image.MAX_IMAGE_PIXELS = None
    Image.init()  # else only a few formats are known by name
    start = b""
    try:
        with path.open("rb") as file:
            start = file.read(64)
            if not start:
                raise HandsError(ErrorCode.INPUT_EMPTY, f"'{path.name}' is an empty file.", "Copy or export it again.")
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # damaged EXIF and the like: we take what can be read
                with Image.open(file, formats=PICTURE_FORMATS) as image:
                    yield image
    except FileNotFoundError as error:
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"There is no file at '{path}'.", "Check the path; was the file moved or renamed?"
        ) from error
    except UnidentifiedImageError as error:
        raise _not_a_picture(path, start) from error
    except MemoryError as error:
        raise HandsError(
            ErrorCode.OUT_OF_MEMORY, f"There is not enough memory to read '{path.name}'.", "Scale the picture down."
        ) from error
    except _READ_ERRORS as error:
        detail = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise HandsError(
            ErrorCode.INPUT_UNREADABLE,
            f"'{path.name}' cannot be read ({detail}).",
            "The file may be damaged, cut short or protected; copy or export it again.",
        ) from error


def _not_a_picture(path: Path, start: bytes) -> HandsError:
    """The error for content that is no picture, naming what it is where that is easily seen."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        what, hint = "is a web page, not a picture", "Download the picture itself."
    elif start.startswith(b"\x76\x2f\x31\x01") or start.startswith(b"#?RADIANCE"):
        what, hint = (
            "is a floating-point picture (OpenEXR or HDR)",
            "Save it as PNG or JPEG with the view transform on.",
        )
    elif start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        what, hint = "is a HEIC picture, which cannot be read", "Save it as JPEG or PNG."
    else:
        return NotAPictureError(
            ErrorCode.INPUT_UNREADABLE,
            f"'{path.name}' is not a picture that can be read.",
            "Use PNG, JPEG, TIFF or WebP.",
        )
    return HandsError(ErrorCode.INPUT_UNREADABLE, f"'{path.name}' {what}.", hint)


def _check_size(path: Path, width: int, height: int) -> None:
    check_smallest_side(path, width, height)
    if width * height > LARGEST_PICTURE_PX:
        raise HandsError(
            ErrorCode.INPUT_TOO_LARGE,
            f"'{path.name}' has {width} x {height} pixels, more than {LARGEST_PICTURE_PX // 10**6} megapixels.",
            "Scale the picture down; hands need a few hundred pixels each.",
        )


def check_smallest_side(path: Path, width: int, height: int) -> None:
    """Raise INPUT_TOO_SMALL where no hand can be seen in a picture of this size."""
    if min(width, height) < SMALLEST_SIDE_PX:
        raise HandsError(
            ErrorCode.INPUT_TOO_SMALL,
            f"'{path.name}' has only {width} x {height} pixels.",
            f"Use a picture of at least {SMALLEST_SIDE_PX} x {SMALLEST_SIDE_PX} pixels.",
        )


def _to_rgb(path: Path, image: Image.Image, factor: int) -> NDArray[np.uint8]:
    """Pixels as (H, W, 3), shrunk by `factor`; in strips, so that a huge picture is in memory once only."""
    width, height = image.size
    rgb = np.empty((-(-height // factor), -(-width // factor), 3), dtype=np.uint8)
    rows = max(1, _STRIP_PX // (width * factor))
    for row in range(0, len(rgb), rows):
        strip = _strip_to_rgb(path, image.crop((0, row * factor, width, min((row + rows) * factor, height))))
        rgb[row : row + rows] = np.asarray(strip.reduce(factor) if factor > 1 else strip)
    return rgb


def _strip_to_rgb(path: Path, image: Image.Image) -> Image.Image:
    from PIL import Image as PillowImage

    if image.mode == "F":
        raise HandsError(
            ErrorCode.INPUT_UNREADABLE,
            f"'{path.name}' is a floating-point picture.",
            "Save it as 8-bit or 16-bit PNG, TIFF or JPEG.",
        )
    if image.mode.startswith("I"):
        levels = np.asarray(image)
        levels = levels if levels.dtype == np.uint16 else levels.clip(0, 65535).astype(np.uint16)
        # 65535 = 255 * 257: linear, white stays white.
        return PillowImage.fromarray((levels // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        pixels = image.convert("RGBA")
        backdrop = PillowImage.new("RGB", image.size, (TRANSPARENT_GREY,) * 3)
        backdrop.paste(pixels, mask=pixels.getchannel("A"))
        return backdrop
    return image.convert("RGB")


def _upright(stored: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo how the camera was held, as EXIF's Orientation tells."""
    views = {
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: stored[::-1].swapaxes(0, 1),
        7: stored[::-1, ::-1].swapaxes(0, 1),
        8: stored[:, ::-1].swapaxes(0, 1),
    }
    return np.ascontiguousarray(views.get(orientation, stored))
