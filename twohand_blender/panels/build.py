"""Sub-panel "Hands": how the result is built in the scene, and where its take is kept."""

from __future__ import annotations

import bpy

from ..properties import settings_of
from ..scene.editing import scene_of
from .tab import SettingsPanel, settings_column


class TWOHAND_PT_build(SettingsPanel, bpy.types.Panel):
    """How the hands are built in the scene."""

    bl_idname = "TWOHAND_PT_build"
    bl_label = "Hands"

    def draw(self, context: bpy.types.Context) -> None:
        settings = settings_of(scene_of(context))
        column = settings_column(self)
        column.prop(settings, "skin_tone")
        column.prop(settings, "limit_joints")
        column.prop(settings, "smoothing")
        column.prop(settings, "take_path", placeholder="Automatic")
