"""Sub-panel "Frames": which frames of a movie or sequence."""

from __future__ import annotations

import bpy

from ..properties import settings_of
from ..scene.editing import scene_of
from .tab import SettingsPanel, settings_column


class TWOHAND_PT_frames(SettingsPanel, bpy.types.Panel):
    """Which frames of a movie or sequence are reconstructed."""

    bl_idname = "TWOHAND_PT_frames"
    bl_label = "Frame Range"

    def draw_header(self, context: bpy.types.Context) -> None:
        if self.layout is not None:
            self.layout.prop(settings_of(scene_of(context)), "use_frame_range", text="")

    def draw(self, context: bpy.types.Context) -> None:
        settings = settings_of(scene_of(context))
        column = settings_column(self)
        if not settings.use_frame_range:
            column.label(text="All frames are reconstructed", icon="INFO")
        rows = column.column(align=True)
        rows.active = settings.use_frame_range
        rows.prop(settings, "frame_start")
        rows.prop(settings, "frame_end")
        rows.prop(settings, "frame_step")
