"""Sub-panel "Camera": the focal length of what filmed the hands."""

from __future__ import annotations

import bpy

from ...inference.contract import HandsError
from ..properties import settings_of
from ..scene.editing import scene_of
from ..scene_focal import focal_options
from .lines import draw_lines, line_length
from .tab import SettingsPanel, settings_column


class TWOHAND_PT_camera(SettingsPanel, bpy.types.Panel):
    """Where the focal length comes from."""

    bl_idname = "TWOHAND_PT_camera"
    bl_label = "Camera"

    def draw(self, context: bpy.types.Context) -> None:
        scene = scene_of(context)
        settings = settings_of(scene)
        column = settings_column(self)
        column.prop(settings, "focal_source")
        if settings.focal_source == "GIVEN":
            column.prop(settings, "focal_mm")
        elif settings.focal_source == "CAMERA":
            column.prop(settings, "focal_camera")
            if settings.focal_camera is None and scene.camera is not None:
                column.label(text=scene.camera.name, icon="CAMERA_DATA", translate=False)
            try:
                focal_options(scene)
            except HandsError as error:
                draw_lines(column, [error.message], line_length(context), icon="ERROR")
