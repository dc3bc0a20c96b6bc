"""The focal length that a camera wrote into its picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..camera import FILM_WIDTH_MM

if TYPE_CHECKING:
    from PIL import Image

_EXIF_IFD: Final = 0x8769
_FOCAL_LENGTH: Final = 0x920A
_FOCAL_LENGTH_35MM: Final = 0xA405
_IMAGE_WIDTH, _IMAGE_HEIGHT = 0xA002, 0xA003
_PLANE_X_RESOLUTION, _PLANE_Y_RESOLUTION, _PLANE_UNIT = 0xA20E, 0xA20F, 0xA210
_UNIT_MM: Final = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_PLAUSIBLE_35MM: Final = (5.0, 2000.0)


def focal_35mm(exif: Image.Exif) -> float | None:
    """35 mm equivalent focal length in millimetres, or None where the picture does not say it credibly.

    Taken from FocalLengthIn35mmFilm, else from FocalLength and the sensor's size (FocalPlane tags).
    """
    try:
        tags = exif.get_ifd(_EXIF_IFD)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError):
        return None
    for value in (_number(tags, _FOCAL_LENGTH_35MM), _from_sensor(tags)):
        if value is not None and _PLAUSIBLE_35MM[0] <= value <= _PLAUSIBLE_35MM[1]:
            return value
    return None


def _from_sensor(tags: Mapping[int, Any]) -> float | None:
    focal_mm = _number(tags, _FOCAL_LENGTH)
    unit_mm = _UNIT_MM.get(int(_number(tags, _PLANE_UNIT) or 2))
    sides = [
        _number(tags, pixels) / density * unit_mm  # type: ignore[operator]  # None is filtered out below
        for pixels, resolution in ((_IMAGE_WIDTH, _PLANE_X_RESOLUTION), (_IMAGE_HEIGHT, _PLANE_Y_RESOLUTION))
        if unit_mm and _number(tags, pixels) and (density := _number(tags, resolution))
    ]
    if focal_mm is None or not sides:
        return None
    return focal_mm * FILM_WIDTH_MM / max(sides)


def _number(tags: Mapping[int, Any], tag: int) -> float | None:
    """A tag's value where it is a positive finite number."""
    try:
        value = float(tags[tag])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return value if 0 < value < float("inf") else None
