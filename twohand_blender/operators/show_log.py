"""Show Log: what the worker wrote, in a text of the file, opened in an editor."""

from __future__ import annotations

import platform
from typing import Any, Final, cast

import bpy

from ...inference import __version__
from .running import RUNNING

TEXT_NAME: Final = "Hands Log"


class TWOHAND_OT_show_log(bpy.types.Operator):
    """Open the log of the last reconstruction as a text, to read it or to report an error with it"""

    bl_idname = "twohand.show_log"
    bl_label = "Show Log"
    bl_options = {"INTERNAL", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:  # noqa: ARG003 - Blender's signature
        if RUNNING.job is None:
            cls.poll_message_set("Nothing was reconstructed since Blender was started")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        text = bpy.data.texts.get(TEXT_NAME) or bpy.data.texts.new(TEXT_NAME)
        text.from_string(log_text())
        text.cursor_set(0)  # else the editor shows the empty line after the end
        space = None if bpy.app.background else _text_editor(context)
        if space is None:
            self.report({"INFO"}, f"The log is in the text '{text.name}'.")
        else:
            space.text = text
            space.show_word_wrap = True
        return {"FINISHED"}


def log_text() -> str:
    """The log, under the lines that a report of an error should have."""
    heading = f"Two Hands {__version__}, Blender {bpy.app.version_string}, {platform.platform()}"
    error = f"{RUNNING.error}\n" if RUNNING.error else ""
    return f"{heading}\n{error}\n{RUNNING.job.log_text() if RUNNING.job else ''}\n"


def _text_editor(context: bpy.types.Context) -> bpy.types.SpaceTextEditor | None:
    """A text editor that is open, else one in a new window."""
    manager = cast(bpy.types.WindowManager, context.window_manager)
    for window in manager.windows:
        for area in window.screen.areas:
            if area.type == "TEXT_EDITOR":
                return cast(bpy.types.SpaceTextEditor, area.spaces.active)
    known = set(manager.windows)
    if bpy.ops.wm.window_new() != {"FINISHED"}:
        return None
    area = next(window for window in manager.windows if window not in known).screen.areas[0]
    area.type = "TEXT_EDITOR"
    return cast(bpy.types.SpaceTextEditor, area.spaces.active)
