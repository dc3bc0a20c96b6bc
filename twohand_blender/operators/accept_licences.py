"""The licences of chosen model files: shown, accepted, and then the files are imported."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any, Final, cast

import bpy
from bpy.props import BoolProperty, StringProperty

from ...inference.contract import ErrorCode, HandsError
from .import_model_files import import_refusal, start_import
from .messages import errors_reported

_DIALOG_WIDTH_PX: Final = 560
_LINE_CHARACTERS: Final = 84


class TWOHAND_OT_accept_licences(bpy.types.Operator):
    """Read the licences of the chosen files and accept them; nothing is imported without that"""

    bl_idname = "twohand.accept_licences"
    bl_label = "Accept Licences"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        paths: str
        licences: str
        accepted: bool
    else:
        paths: StringProperty(name="Files", description="Paths, as JSON", options={"HIDDEN", "SKIP_SAVE"})
        licences: StringProperty(name="Licences", description="As JSON", options={"HIDDEN", "SKIP_SAVE"})
        accepted: BoolProperty(
            name="I have read these licences and accept them",
            description="It is recorded with each imported file that you accepted its licence, when and where",
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = import_refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:  # noqa: ARG002 - Blender's signature
        manager = cast(bpy.types.WindowManager, context.window_manager)
        return manager.invoke_props_dialog(
            self, width=_DIALOG_WIDTH_PX, title="Licences of These Files", confirm_text="Import"
        )

    def draw(self, context: bpy.types.Context) -> None:  # noqa: ARG002 - Blender's signature
        layout = cast(bpy.types.UILayout, self.layout)
        for licence in json.loads(self.licences):
            box = layout.box()
            column = box.column(align=True)
            for line in textwrap.wrap(licence["name"], _LINE_CHARACTERS):
                column.label(text=line)
            column.separator()
            for line in textwrap.wrap(licence["terms"], _LINE_CHARACTERS):
                column.label(text=line)
            for address in licence["addresses"]:
                box.operator("wm.url_open", text=address, icon="URL").url = address
        layout.prop(self, "accepted")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        with errors_reported(self):
            if not self.accepted:
                raise HandsError(
                    ErrorCode.CANCELLED,
                    "The licences were not accepted; nothing was imported.",
                    "Tick the box once you have read them.",
                )
            start_import(context, json.loads(self.paths), wait=bpy.app.background)
            return {"FINISHED"}
        return {"CANCELLED"}
