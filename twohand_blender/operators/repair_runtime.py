"""Repair: compare the worker's environment with the lock, file by file, and mend what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty

from ..managed_runtime import variant_to_set_up
from .messages import errors_reported
from .set_up_runtime import change_refusal, start_set_up


class TWOHAND_OT_repair_runtime(bpy.types.Operator):
    """Compare every file of the environment with what was tested, and put right what differs; downloads only that"""

    bl_idname = "twohand.repair_runtime"
    bl_label = "Repair"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        wait: bool
    else:
        wait: BoolProperty(
            name="Wait", description="Return when all is done", default=True, options={"HIDDEN", "SKIP_SAVE"}
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:  # noqa: ARG003 - Blender's signature
        reason = change_refusal()
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:  # noqa: ARG002 - Blender's signature
        """From the interface: Blender goes on meanwhile."""
        self.wait = bpy.app.background
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """From scripts and in background mode: wait until all is done."""
        with errors_reported(self):
            start_set_up(context, variant_to_set_up(), wait=self.wait)
            if self.wait:
                self.report({"INFO"}, "Everything is as it was tested.")
            return {"FINISHED"}
        return {"CANCELLED"}
