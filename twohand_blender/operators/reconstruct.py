"""Reconstruct Hands: ask the worker for a take and, when it is there, import it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import bpy
from bpy.props import EnumProperty, StringProperty

from ...inference.contract import ErrorCode, HandsError
from ..locations import EXTENSION_PACKAGE, default_take_path
from ..properties import ENGINE_ITEMS, settings_of
from ..scene.editing import scene_of
from ..worker_options import worker_options
from .messages import errors_reported
from .run_request import refusal, start_request, wait_for_request

AS_IN_THE_SCENE: Final = "SCENE"


class TWOHAND_OT_reconstruct(bpy.types.Operator):
    """Find the hands in a picture or movie and build them as rigged, keyframed meshes"""

    bl_idname = "twohand.reconstruct"
    bl_label = "Reconstruct Hands"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        input_path: str
        take_path: str
        engine: str
    else:
        input_path: StringProperty(
            name="Input",
            description="Picture, movie or folder. Empty: the scene's setting",
            subtype="FILE_PATH",
            options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
        )
        take_path: StringProperty(
            name="Take",
            description="Where to keep the take. Empty: the scene's setting",
            subtype="FILE_PATH",
            options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
        )
        engine: EnumProperty(
            name="Engine",
            description="How hands are read from the picture",
            items=[(AS_IN_THE_SCENE, "As in the Scene", "The scene's setting"), *ENGINE_ITEMS],
            default=AS_IN_THE_SCENE,
            options={"SKIP_SAVE"},
        )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:  # noqa: ARG002 - Blender's signature
        """From the interface: the worker runs while Blender goes on, its end is seen by a timer."""
        if bpy.app.background:
            return self.execute(context)
        with errors_reported(self):
            start_request(context, reconstruct_request(context, self.input_path, self.take_path, self.engine))
            return {"FINISHED"}
        return {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """From scripts and in background mode: wait for the result."""
        with errors_reported(self):
            request = reconstruct_request(context, self.input_path, self.take_path, self.engine)
            for line in wait_for_request(context, request):
                self.report({"INFO"}, line)
            return {"FINISHED"}
        return {"CANCELLED"}


def reconstruct_request(
    context: bpy.types.Context, input_path: str = "", take_path: str = "", engine: str = AS_IN_THE_SCENE
) -> dict[str, Any]:
    """What ``serve`` is asked for (docs/command-line.md).

    Parameters
    ----------
    input_path, take_path, engine : go before those of the scene

    Raises
    ------
    HandsError
        INPUT_MISSING where no input is chosen; what `worker_options` raises
    """
    scene = scene_of(context)
    settings = settings_of(scene)
    source = _source_path(input_path or settings.input_path)
    take = _take_path(take_path or settings.take_path, source)
    options = worker_options(scene, source, "" if engine == AS_IN_THE_SCENE else engine)
    return {"request": "reconstruct", "input": str(source), "out": str(take), "options": options}


def _source_path(text: str) -> Path:
    if not text.strip():
        raise HandsError(
            ErrorCode.INPUT_MISSING,
            "No picture or movie is chosen.",
            "Choose one in the field 'Input' of the Hands tab.",
        )
    return Path(bpy.path.abspath(text)).absolute()


def _take_path(text: str, source: Path) -> Path:
    """As chosen, else beside the saved file, else in the add-on's own folder."""
    if text.strip():
        return Path(bpy.path.abspath(text)).absolute()
    if bpy.data.filepath:
        return default_take_path(source, Path(bpy.data.filepath).parent)
    try:
        folder = bpy.utils.extension_path_user(EXTENSION_PACKAGE, path="takes", create=True)
    except ValueError:  # not loaded as an extension (a script, a test): Blender knows no folder for it
        folder = bpy.app.tempdir
    return default_take_path(source, Path(folder))
