"""A request to the worker, from an operator to the hands in the scene: while Blender goes on, or waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import bpy

from ...inference.contract import ErrorCode, HandsError
from ..job import Job, JobState
from ..locations import EXTENSION_FOLDER, worker_python
from ..preferences import python_path_of
from ..scene.editing import scene_of
from .import_take import import_refusal, import_take
from .preparing import PREPARING
from .running import RUNNING


def start_request(context: bpy.types.Context, request: Mapping[str, Any]) -> None:
    """Ask the worker and return at once; a timer sees the end and brings the hands into the context's scene.

    Raises
    ------
    HandsError
        RUNTIME_MISSING
    """
    RUNNING.start(_job(context, request), scene_of(context).name, _arrive)


def wait_for_request(context: bpy.types.Context, request: Mapping[str, Any]) -> list[str]:
    """Ask the worker, wait, bring the hands into the context's scene and return what was found in plain words.

    Raises
    ------
    HandsError
        whatever the worker or the import says
    """
    job = _job(context, request)
    manager = cast(bpy.types.WindowManager, context.window_manager)
    manager.progress_begin(0, 1)
    try:
        RUNNING.start(job, scene_of(context).name)
        job.wait(lambda running: manager.progress_update(running.progress.share if running.progress else 0))
    finally:
        job.close()
        RUNNING.settle()
        manager.progress_end()
    if job.state is not JobState.DONE or job.take_path is None:
        raise job.error or HandsError(ErrorCode.INTERNAL, "The reconstruction ended without a result.")
    return import_take(context, job.take_path)


def refusal(context: bpy.types.Context) -> str:
    """Why nothing can be reconstructed now, empty where it can."""
    if RUNNING.active:
        return "A reconstruction is running"
    if PREPARING.active:
        return "The reconstruction is being set up, or model files are being imported"
    return import_refusal(context)


def _job(context: bpy.types.Context, request: Mapping[str, Any]) -> Job:
    python = worker_python(python_path_of(context))
    return Job(RUNNING.warm.worker(python, EXTENSION_FOLDER), request)


def _arrive() -> None:
    """The worker ended: import its take into the scene it is for, or offer it."""
    job = RUNNING.job
    if job is None or job.state is not JobState.DONE or job.take_path is None:
        return
    count, complete = job.summary.get("frames", 0), job.summary.get("complete", True)
    if job.cancelled and complete:
        RUNNING.offer(job.take_path, f"Cancelled, but all {count} frames were done already.")
        return
    if not complete and not _is_asked_to_finish(job):
        RUNNING.offer(job.take_path, f"Cancelled: {count} frames are done.")
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
            run("EXEC_DEFAULT", True, filepath=str(job.take_path), look_through=shown)
        except RuntimeError as error:
            RUNNING.error = HandsError(ErrorCode.INTERNAL, str(error).removeprefix("Error: ").strip())


def _is_asked_to_finish(job: Job) -> bool:
    return bool(job.request.get("options", {}).get("finish"))


def _window_of(scene: bpy.types.Scene) -> bpy.types.Window | None:
    """A window that shows the scene, else any."""
    windows = [window for manager in bpy.data.window_managers for window in manager.windows]
    return next((window for window in windows if window.scene == scene), windows[0] if windows else None)
