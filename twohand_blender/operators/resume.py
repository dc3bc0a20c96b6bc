"""Resume: go on with a reconstruction that was cancelled or failed, or import what it has done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty

from .messages import errors_reported
from .run_request import refusal, start_request, wait_for_request
from .running import RUNNING


class TWOHAND_OT_resume(bpy.types.Operator):
    """Go on where the last reconstruction stopped"""

    bl_idname = "twohand.resume"
    bl_label = "Resume"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        only_done: bool
    else:
        only_done: BoolProperty(
            name="Only What Is Done",
            description="Work on no more frames: import those that are done",
            options={"SKIP_SAVE"},
        )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: Any) -> str:  # noqa: ARG003 - Blender's signature
        if properties.only_done:
            return "Build the hands of the frames that were saved before the reconstruction stopped"
        return ""  # the class's own

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = refusal(context) or ("" if RUNNING.resumable else "No reconstruction was stopped half-way")
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:  # noqa: ARG002 - Blender's signature
        """As `TWOHAND_OT_reconstruct` does."""
        if bpy.app.background:
            return self.execute(context)
        with errors_reported(self):
            start_request(context, resume_request(self.only_done))
            return {"FINISHED"}
        return {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        with errors_reported(self):
            for line in wait_for_request(context, resume_request(self.only_done)):
                self.report({"INFO"}, line)
            return {"FINISHED"}
        return {"CANCELLED"}


def resume_request(only_done: bool) -> dict[str, Any]:
    """The last request again: the worker finds its frames by the take's name and by equal options."""
    request = RUNNING.job.request if RUNNING.job else {}
    return request | {"options": {**request.get("options", {}), "finish": only_done}}
