"""What the preferences show of the user's model files, kept up to date by a timer."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bpy

from ...inference.contract import HandsError
from ..locations import EXTENSION_FOLDER, worker_python
from ..model_files import ModelFiles
from ..preferences import python_path_of
from .preparing import redraw

MODEL_FILES: Final = ModelFiles()
_INTERVAL_S: Final = 0.1


def ready_python(context: bpy.types.Context) -> Path | None:
    """The worker's interpreter, None where there is none."""
    try:
        return worker_python(python_path_of(context))
    except HandsError:
        return None


def list_models(context: bpy.types.Context, *, anew: bool) -> None:
    """Ask the worker what is there; the interface is drawn again when the answer has come.

    Parameters
    ----------
    anew : also where the same worker was asked before
    """
    python = ready_python(context)
    if python is None or MODEL_FILES.asking:
        return
    if anew or MODEL_FILES.needs_asking(python, EXTENSION_FOLDER):
        MODEL_FILES.ask(python, EXTENSION_FOLDER)
        if bpy.app.background:
            MODEL_FILES.wait()
        elif not bpy.app.timers.is_registered(_look):
            bpy.app.timers.register(_look, first_interval=_INTERVAL_S, persistent=True)


def _look() -> float | None:
    if MODEL_FILES.asking:
        return _INTERVAL_S
    redraw()
    return None


def unregister() -> None:
    """End the timer and forget what was answered."""
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    MODEL_FILES.forget()
