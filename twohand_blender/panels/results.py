"""Panel "Hands in This Scene": what was built, and what can be done with it."""

from __future__ import annotations

from typing import cast

import bpy

from ..properties import settings_of
from ..results import EXPORT_SUMMARY, summary_of
from ..scene.collection import built_keys
from ..scene.editing import scene_of
from .lines import draw_lines, line_length
from .tab import HandsTab


class TWOHAND_PT_results(HandsTab, bpy.types.Panel):
    """What was built in this scene."""

    bl_idname = "TWOHAND_PT_results"
    bl_label = "Hands in This Scene"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(built_keys(scene_of(context)))

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = cast(bpy.types.UILayout, self.layout), scene_of(context)
        for key in built_keys(scene):
            box = layout.box()
            row = box.row()
            row.label(text=key.name, icon="ARMATURE_DATA", translate=False)
            removal = row.operator("twohand.remove_result", text="", icon="X")
            removal.take_name, removal.take_source = key.name, key.source
            width = line_length(context)
            draw_lines(box, summary_of(scene, key), width)
            overlay = box.operator("twohand.show_overlay", icon="OVERLAY")
            overlay.take_name, overlay.take_source = key.name, key.source
            column = box.column(align=True)
            column.prop(settings_of(scene), "smoothing")
            smooth = column.operator("twohand.smooth", icon="SMOOTHCURVE")
            smooth.take_name, smooth.take_source = key.name, key.source
            box.operator_context = "INVOKE_DEFAULT"
            export = box.operator("twohand.export_fbx", text="Export FBX...", icon="EXPORT")
            export.take_name, export.take_source = key.name, key.source
            draw_lines(box, summary_of(scene, key, EXPORT_SUMMARY), width)
        layout.operator("twohand.add_pose_library", icon="ASSET_MANAGER")
