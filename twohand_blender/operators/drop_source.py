"""Files dropped on the 3D view: they become the input, and their hands are reconstructed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import bpy
from bpy.props import CollectionProperty, StringProperty

from ...inference.contract import ErrorCode, HandsError
from ..properties import settings_of
from ..scene.editing import scene_of
from .messages import errors_reported
from .reconstruct import refusal

_NUMBERED: Final = re.compile(r"^(?P<prefix>.*?)\d+(?P<suffix>\.[^.]+)$")


class TWOHAND_OT_drop_source(bpy.types.Operator):
    """Use the file as the input and reconstruct its hands"""

    bl_idname = "twohand.drop_source"
    bl_label = "Reconstruct Hands"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        directory: str
        files: Sequence[bpy.types.OperatorFileListElement]
    else:
        directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
        files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:  # noqa: ARG002 - Blender's signature
        """Blender has asked already what to do with the file: its own image tools take the same ones."""
        return self._run(context, "INVOKE_DEFAULT")

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """From scripts: wait for the result."""
        return self._run(context, "EXEC_DEFAULT")

    def _run(self, context: bpy.types.Context, way: str) -> set[Any]:
        with errors_reported(self):
            path, sequence = dropped_source(Path(self.directory), [file.name for file in self.files])
            settings = settings_of(scene_of(context))
            settings.input_path, settings.as_sequence = str(path), sequence
            reconstruct = bpy.ops.twohand.reconstruct  # pyright: ignore[reportAttributeAccessIssue] - registered by us
            try:
                return reconstruct(way)
            except RuntimeError as error:  # as an operator that is called raises what it reports
                self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
        return {"CANCELLED"}


class TWOHAND_FH_source(bpy.types.FileHandler):
    """Pictures and movies dropped on the 3D view; Blender shows a menu, because its image tools take them, too."""

    bl_idname = "TWOHAND_FH_source"
    bl_label = "Reconstruct Hands"
    bl_import_operator = "twohand.drop_source"
    # Blender's own tables: what the worker cannot read, it says.
    bl_file_extensions = ";".join(
        sorted({*getattr(bpy.path, "extensions_image"), *getattr(bpy.path, "extensions_movie")})  # noqa: B009 - missing in the stubs
    )

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        area = cast("bpy.types.Area | None", context.area)  # the stubs take members of a context for functions
        return area is not None and area.type == "VIEW_3D"


def dropped_source(folder: Path, names: list[str]) -> tuple[Path, bool]:
    """The input that dropped files stand for, and whether it is a numbered sequence.

    Raises
    ------
    HandsError
        USAGE for several files that are not pictures of one sequence
    """
    if not names:
        raise HandsError(ErrorCode.USAGE, "No file was dropped.", "Drop a picture or a movie.")
    if len(names) == 1:
        return folder / names[0], False
    matches = [_NUMBERED.match(name) for name in names]
    if None in matches or len({(match["prefix"], match["suffix"].lower()) for match in matches if match}) > 1:
        raise HandsError(
            ErrorCode.USAGE,
            f"The {len(names)} files are not one numbered sequence.",
            "Drop one file, or the pictures of one sequence.",
        )
    return folder / min(names), True
