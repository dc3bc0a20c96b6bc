"""Remove: take the worker's environment away again."""

from __future__ import annotations

from typing import Any, cast

import bpy

from ..managed_runtime import runtime_state
from ..preferences import forget_findings
from ..runtime.plan import megabytes
from ..runtime.state import remove_runtime
from .messages import errors_reported
from .preparing import PREPARING, let_worker_go, redraw
from .set_up_runtime import change_refusal


class TWOHAND_OT_remove_runtime(bpy.types.Operator):
    """Delete the environment with its packages and unfinished downloads; it can be set up again at any time"""

    bl_idname = "twohand.remove_runtime"
    bl_label = "Remove"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:  # noqa: ARG003 - Blender's signature
        reason = change_refusal()
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        """Ask first."""
        state = runtime_state()
        size = f" ({megabytes(state.byte_count)})" if state and state.byte_count else ""
        manager = cast(bpy.types.WindowManager, context.window_manager)
        return manager.invoke_confirm(
            self,
            event,
            title="Remove the Environment",
            message=f"Delete '{state.folder if state else ''}'{size}? Your takes and model files stay.",
            confirm_text="Remove",
        )

    def execute(self, context: bpy.types.Context) -> set[Any]:
        with errors_reported(self):
            state = runtime_state()
            if state is None:
                return {"CANCELLED"}
            forget_findings(context)
            let_worker_go()
            PREPARING.error = None
            remove_runtime(state.folder)
            redraw()
            self.report({"INFO"}, "The environment was removed.")
            return {"FINISHED"}
        return {"CANCELLED"}
