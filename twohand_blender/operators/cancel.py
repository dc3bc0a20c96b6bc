"""Cancel: ask the worker to stop and to keep what it has."""

from __future__ import annotations

from typing import Any

import bpy

from ..job import JobState
from .running import RUNNING


class TWOHAND_OT_cancel(bpy.types.Operator):
    """Stop the reconstruction; the frames done so far are kept and offered for import"""

    bl_idname = "twohand.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:  # noqa: ARG003 - Blender's signature
        if not RUNNING.active:
            cls.poll_message_set("No reconstruction is running")
            return False
        if RUNNING.job is not None and RUNNING.job.state is JobState.CANCELLING:
            cls.poll_message_set("The reconstruction is being stopped")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:  # noqa: ARG002 - Blender's signature
        if RUNNING.job is not None:
            RUNNING.job.cancel()
        return {"FINISHED"}
