"""Clear Boxes: all of the input that is chosen."""

from __future__ import annotations

from typing import Any

import bpy

from ..boxes import boxes_of, remove_boxes
from ..properties import settings_of
from ..scene.editing import scene_of


class TWOHAND_OT_clear_boxes(bpy.types.Operator):
    """Remove all boxes of this input; those of other inputs stay"""

    bl_idname = "twohand.clear_boxes"
    bl_label = "Clear Boxes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = settings_of(scene_of(context))
        if not boxes_of(settings, settings.input_path):
            cls.poll_message_set("This input has no boxes")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        count = remove_boxes(settings_of(scene_of(context)), only_active=False)
        self.report({"INFO"}, "1 box removed" if count == 1 else f"{count} boxes removed")
        return {"FINISHED"}
