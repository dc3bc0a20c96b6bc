"""The camera that saw the picture: at the world's origin, looking along +Y with +Z up."""

from __future__ import annotations

import math
from typing import Final

import bpy

from ...inference.contract import Take
from .names import CAMERA_NAME

_SENSOR_WIDTH_MM: Final = 36.0
_CLIP_START_M: Final = 0.01
"""Hands may be nearer than Blender's default of 0.1 m."""


def build_camera(take: Take) -> bpy.types.Object:
    """A camera object with the take's intrinsics, linked to no collection.

    OpenCV camera axes (x right, y down, z forward) are world axes (x, z, -y). The intrinsics hold for a render of the
    picture's size (`set_render_size`), or of any size of the same proportions.
    """
    width, height = take.picture_size_px
    data = bpy.data.cameras.new(CAMERA_NAME)
    camera = bpy.data.objects.new(CAMERA_NAME, data)
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0)
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = _SENSOR_WIDTH_MM
    data.lens = take.focal_px / width * _SENSOR_WIDTH_MM
    # Pixel (0, 0) is the centre of the top-left pixel: in lengths from the picture's corner that is (0.5, 0.5).
    # A shift moves the frame, in units of its width: the optical axis then appears on the other side.
    data.shift_x = -(take.principal_px[0] + 0.5 - width / 2) / width
    data.shift_y = (take.principal_px[1] + 0.5 - height / 2) / width
    data.clip_start = _CLIP_START_M
    data.display_size = 0.1
    return camera


def set_render_size(scene: bpy.types.Scene, take: Take) -> None:
    """Render in the picture's size with square pixels: what the camera's intrinsics hold for."""
    render = scene.render
    render.resolution_x, render.resolution_y = take.picture_size_px
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
