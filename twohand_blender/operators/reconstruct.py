"""Reconstruct Hands: start the worker and, when its take is there, import it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import EnumProperty, StringProperty

from ...inference.contract import ErrorCode, HandsError
from ..job import Job, JobState
from ..locations import EXTENSION_FOLDER, EXTENSION_PACKAGE, default_take_path, worker_python
from ..preferences import python_path_of
from ..properties import ENGINE_ITEMS, settings_of
from ..scene.editing import scene_of
from ..worker_options import option_words, worker_options
from ..worker_process import worker_command
from .import_take import import_refusal, import_take
from .messages import errors_reported
from .running import RUNNING


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
            options={"SKIP_SAVE"},
        )
        take_path: StringProperty(
            name="Take",
            description="Where to keep the take. Empty: the scene's setting",
            subtype="FILE_PATH",
            options={"SKIP_SAVE"},
        )
        engine: EnumProperty(
            name="Engine",
            description="How hands are read from the picture",
            items=[("SCENE", "As in the Scene", "The scene's setting"), *ENGINE_ITEMS],
            default="SCENE",
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
            job = self._job(context)
            RUNNING.start(job, scene_of(context).name, _finish)
            return {"FINISHED"}
        return {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """From scripts and in background mode: wait for the result."""
        with errors_reported(self):
            job = self._job(context)
            manager = cast(bpy.types.WindowManager, context.window_manager)
            manager.progress_begin(0, 1)
            try:
                job.start()
                job.wait(lambda running: manager.progress_update(running.progress.share if running.progress else 0))
            finally:
                manager.progress_end()
                job.close()
            if job.state is not JobState.DONE or job.take_path is None:
                raise job.error or HandsError(ErrorCode.INTERNAL, "The reconstruction ended without a result.")
            for line in import_take(context, job.take_path):
                self.report({"INFO"}, line)
            return {"FINISHED"}
        return {"CANCELLED"}

    def _job(self, context: bpy.types.Context) -> Job:
        settings = settings_of(scene_of(context))
        source = _source_path(self.input_path or settings.input_path)
        take = _take_path(self.take_path or settings.take_path, source)
        options = worker_options(scene_of(context), source, "" if self.engine == "SCENE" else self.engine)
        python = worker_python(python_path_of(context))
        return Job(worker_command(python, reconstruct_arguments(source, take, options)), EXTENSION_FOLDER)


def refusal(context: bpy.types.Context) -> str:
    """Why nothing can be reconstructed now, empty where it can."""
    if RUNNING.active:
        return "A reconstruction is running"
    return import_refusal(context)


def reconstruct_arguments(source: Path, take: Path, options: Mapping[str, Any]) -> list[str]:
    """The worker's command line."""
    # What begins with a dash would be taken for an option; both paths are absolute, so neither does.
    return ["reconstruct", str(source), "--out", str(take), "--records", *option_words(options)]


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


def _finish() -> None:
    """The worker ended: import its take into the scene it is for, or offer it."""
    job = RUNNING.job
    if job is None or job.state is not JobState.DONE or job.take_path is None:
        return
    if not job.summary.get("complete", True):
        RUNNING.offer(job.take_path, f"Cancelled: {job.summary.get('frames', 0)} frames are done.")
        return
    scene = bpy.data.scenes.get(RUNNING.scene_name)
    if RUNNING.other_file or scene is None:
        RUNNING.offer(job.take_path, "The hands are done; their scene is not open any more.")
        return
    window = _window_of(scene)
    shown = window is not None and window.scene == scene
    view_layer = window.view_layer if window is not None and shown else scene.view_layers[0]
    with bpy.context.temp_override(window=window, scene=scene, view_layer=view_layer):
        reason = import_refusal(bpy.context)
        if reason:
            RUNNING.offer(job.take_path, f"The hands are done. {reason}.")
            return
        try:
            # As an operator of its own, so that one undo step takes the whole result back.
            run = bpy.ops.twohand.import_take  # pyright: ignore[reportAttributeAccessIssue] - registered by us
            run("EXEC_DEFAULT", True, filepath=str(job.take_path))
        except RuntimeError as error:
            RUNNING.error = HandsError(ErrorCode.INTERNAL, str(error).removeprefix("Error: ").strip())


def _window_of(scene: bpy.types.Scene) -> bpy.types.Window | None:
    """A window that shows the scene, else any."""
    windows = [window for manager in bpy.data.window_managers for window in manager.windows]
    return next((window for window in windows if window.scene == scene), windows[0] if windows else None)
