"""The focal length of the scene's camera, in the terms of the worker's options."""

from __future__ import annotations

import math
from typing import Final

import bpy

from ..inference.contract import ErrorCode, HandsError
from .properties import settings_of

_FILM_WIDTH_MM: Final = 36.0
"""Of the longer side, that a "35 mm equivalent" refers to."""


def focal_options(scene: bpy.types.Scene) -> dict[str, float]:
    """One option that gives a picture the view of the scene's camera, whatever the picture's proportions.

    Blender lays the sensor along the longer side, the width or the height of the picture, as the camera's sensor fit
    says. That is what a 35 mm equivalent, a horizontal and a vertical field of view are for.

    Raises
    ------
    HandsError
        USAGE where there is no camera, or one that has no focal length
    """
    camera = focal_camera(scene)
    data = camera.data if camera is not None else None
    if not isinstance(data, bpy.types.Camera):
        raise HandsError(
            ErrorCode.USAGE,
            "The scene has no camera to take the focal length from.",
            "Add one, or choose another source of the focal length.",
        )
    if data.type != "PERSP":
        raise HandsError(
            ErrorCode.USAGE,
            f"The camera '{data.name}' has no focal length, because it is not a perspective camera.",
            "Change its type, or choose another source of the focal length.",
        )
    if data.sensor_fit == "AUTO":
        return {"focal_mm": data.lens / data.sensor_width * _FILM_WIDTH_MM}
    if data.sensor_fit == "VERTICAL":
        return {"vertical_fov": _angle_deg(data.sensor_height, data.lens)}
    return {"fov": _angle_deg(data.sensor_width, data.lens)}


def focal_camera(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The camera that is meant: the one of the settings, else the scene's."""
    return settings_of(scene).focal_camera or scene.camera


def _angle_deg(sensor_mm: float, lens_mm: float) -> float:
    return math.degrees(2 * math.atan(0.5 * sensor_mm / lens_mm))
