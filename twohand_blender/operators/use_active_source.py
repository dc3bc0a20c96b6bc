"""Use Active Clip/Image: take over what a Movie Clip or Image Editor shows as the input."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

import bpy

from ...inference.contract import ErrorCode, HandsError
from ..properties import settings_of
from ..scene.editing import scene_of
from .messages import errors_reported

_OTHER: Final = "Save it as a file first, or choose another one."


class TWOHAND_OT_use_active_source(bpy.types.Operator):
    """Use the clip or image of an open Movie Clip or Image Editor as the input, else the active clip of the scene"""

    bl_idname = "twohand.use_active_source"
    bl_label = "Use Active Clip/Image"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_source(context) is None:
            cls.poll_message_set("No Movie Clip or Image Editor is open with something in it")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        with errors_reported(self):
            source = active_source(context)
            if source is None:
                return {"CANCELLED"}
            path, sequence = path_of(source)
            settings = settings_of(scene_of(context))
            settings.input_path, settings.as_sequence = path, sequence
            self.report({"INFO"}, f"The input is '{source.name}'.")
            return {"FINISHED"}
        return {"CANCELLED"}


def active_source(context: bpy.types.Context) -> bpy.types.MovieClip | bpy.types.Image | None:
    """What the editor with the mouse shows, else another one of the screen (clips first), else the scene's clip."""
    screen = cast("bpy.types.Screen | None", context.screen)
    spaces = [cast("bpy.types.Space | None", context.space_data)]
    for kind in ("CLIP_EDITOR", "IMAGE_EDITOR"):
        spaces += [area.spaces.active for area in (screen.areas if screen is not None else ()) if area.type == kind]
    for space in spaces:
        shown = getattr(space, "clip", None) or getattr(space, "image", None)
        if isinstance(shown, (bpy.types.MovieClip, bpy.types.Image)):
            return shown
    return scene_of(context).active_clip


def path_of(source: bpy.types.MovieClip | bpy.types.Image) -> tuple[str, bool]:
    """The path of a clip or image as Blender keeps it, and whether it is a numbered sequence.

    Raises
    ------
    HandsError
        USAGE where there is no file that the worker could read, with the reason
    """
    if isinstance(source, bpy.types.Image):
        reason = _refusal(source)
        if reason:
            raise HandsError(ErrorCode.USAGE, f"The image '{source.name}' {reason}.", _OTHER)
    absolute = Path(bpy.path.abspath(source.filepath, library=source.library))
    if not absolute.is_file():
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"The file of '{source.name}' is not there: '{absolute}'.", "Find it first."
        )
    # A path that is relative to a library is not relative to this file.
    path = str(absolute) if source.library is not None else source.filepath
    return path, source.source == "SEQUENCE"


def _refusal(image: bpy.types.Image) -> str:
    if image.source == "GENERATED":
        return "was made in Blender and has no file"
    if image.source == "VIEWER":
        return "is a render result or a viewer and has no file"
    if image.source == "TILED":
        return "is made of tiles"
    if image.packed_files:
        return "is packed into the .blend file"
    if image.is_dirty:
        return "has changes that are not in its file"
    return ""
