"""Remove Box: the one that is chosen in the list."""

from __future__ import annotations

from typing import Any

import bpy

from ..boxes import active_box, remove_boxes
from ..properties import settings_of
from ..scene.editing import scene_of


class TWOHAND_OT_remove_box(bpy.types.Operator):
    """Remove the chosen box"""

    bl_idname = "twohand.remove_box"
    bl_label = "Remove Box"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_box(settings_of(scene_of(context))) is None:
            cls.poll_message_set("No box is chosen in the list")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        remove_boxes(settings_of(scene_of(context)), only_active=True)
        return {"FINISHED"}
