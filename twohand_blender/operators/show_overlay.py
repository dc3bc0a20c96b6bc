"""Show Overlay: look through a result's camera, with the picture behind the hands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import StringProperty

from ..overlay_view import enter_overlay, is_looked_through, leave_overlay, view_of
from ..results import chosen_result
from ..scene.build import CAMERA_ROLE
from ..scene.collection import built_keys, own_objects
from ..scene.editing import scene_of


class TWOHAND_OT_show_overlay(bpy.types.Operator):
    """Look through the camera of the hands, with the picture behind them; once more: back to the view as it was"""

    bl_idname = "twohand.show_overlay"
    bl_label = "Show Overlay"
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
        reason = "" if built_keys(scene_of(context)) else "There are no hands in this scene"
        if not reason and view_of(context) is None:
            reason = "Open a 3D viewport to look at the hands"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[Any]:
        key, view = chosen_result(scene_of(context), self.take_name, self.take_source), view_of(context)
        if key is not None and view is not None and is_looked_through(context, key, view):
            leave_overlay(context, view)
            return {"FINISHED"}
        if key is None or view is None or not enter_overlay(context, key, view):
            self.report({"ERROR"}, "The camera of these hands is gone. Import their take again.")
            return {"CANCELLED"}
        camera = own_objects(scene_of(context), key)[CAMERA_ROLE]
        if not cast(bpy.types.Camera, camera.data).background_images:
            self.report({"WARNING"}, "The picture is missing: it could not be shown when the hands were built.")
        return {"FINISHED"}
