"""Remove: take away what was built from a take, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import StringProperty

from ..results import chosen_result
from ..scene.collection import remove_build
from ..scene.editing import scene_of
from .import_take import result_refusal


class TWOHAND_OT_remove_result(bpy.types.Operator):
    """Remove the hands, camera and animation that were built from a take; the take file stays"""

    bl_idname = "twohand.remove_result"
    bl_label = "Remove"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        take_name: str
        take_source: str
    else:
        take_name: StringProperty(
            name="Take", description="Empty: the take of the active object, else the newest", options={"SKIP_SAVE"}
        )
        take_source: StringProperty(name="Source", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = result_refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[Any]:
        scene = scene_of(context)
        key = chosen_result(scene, self.take_name, self.take_source)
        if key is None:
            self.report({"ERROR"}, f"There are no hands '{self.take_name}' in this scene.")
            return {"CANCELLED"}
        remove_build(scene, key)
        return {"FINISHED"}
