"""Cancel: end a set up or an import of model files."""

from __future__ import annotations

from typing import Any

import bpy

from .preparing import PREPARING


class TWOHAND_OT_cancel_preparing(bpy.types.Operator):
    """End it now. What was downloaded so far is kept, and the next set up goes on from there"""

    bl_idname = "twohand.cancel_preparing"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:  # noqa: ARG003 - Blender's signature
        if not PREPARING.active:
            cls.poll_message_set("Nothing is being set up or imported")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:  # noqa: ARG002 - Blender's signature
        PREPARING.cancel()
        return {"FINISHED"}
