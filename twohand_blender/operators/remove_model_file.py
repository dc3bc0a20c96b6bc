"""Remove Model File: delete one of the user's imported model files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import StringProperty

from ..locations import EXTENSION_FOLDER, worker_python
from ..model_files import ask_worker
from ..preferences import python_path_of
from .import_model_files import import_refusal
from .listing_models import list_models
from .messages import errors_reported
from .preparing import let_worker_go


class TWOHAND_OT_remove_model_file(bpy.types.Operator):
    """Delete this file from the model folder; the download that it was made from is left alone"""

    bl_idname = "twohand.remove_model_file"
    bl_label = "Remove Model File"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        model_name: str
    else:
        model_name: StringProperty(name="Name", description="Its name in the list", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = import_refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        """Ask first."""
        manager = cast(bpy.types.WindowManager, context.window_manager)
        return manager.invoke_confirm(
            self,
            event,
            title="Remove Model File",
            message=f"Delete '{self.model_name}' from the model folder? To have it again, import your download again.",
            confirm_text="Remove",
        )

    def execute(self, context: bpy.types.Context) -> set[Any]:
        with errors_reported(self):
            let_worker_go()  # it may have the file open
            ask_worker(worker_python(python_path_of(context)), EXTENSION_FOLDER, ["models", "remove", self.model_name])
            list_models(context, anew=True)
            self.report({"INFO"}, f"'{self.model_name}' was removed.")
            return {"FINISHED"}
        return {"CANCELLED"}
