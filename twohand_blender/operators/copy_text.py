"""Copy: put a text that is shown shortened, or not at all, into the clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import StringProperty


class TWOHAND_OT_copy_text(bpy.types.Operator):
    """Copy this to the clipboard"""

    bl_idname = "twohand.copy_text"
    bl_label = "Copy"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        text: str
        about: str
    else:
        text: StringProperty(name="Text", description="What is copied", options={"SKIP_SAVE"})
        about: StringProperty(name="About", description="What it is", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: Any) -> str:  # noqa: ARG003 - Blender's signature
        """The tooltip: the whole text where it is short."""
        return properties.about or properties.text

    def execute(self, context: bpy.types.Context) -> set[Any]:
        manager = cast(bpy.types.WindowManager, context.window_manager)
        manager.clipboard = self.text
        return {"FINISHED"}
