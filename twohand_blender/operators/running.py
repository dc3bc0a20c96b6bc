"""The reconstruction that runs or has just ended; it lives outside every operator and every file.

Operators and scenes come and go while a worker runs (undo, another file), so the state is kept here, one for the whole
Blender, and is pumped by a persistent timer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import bpy
from bpy.app.handlers import persistent

from ...inference.contract import HandsError
from ..job import Job, JobState

_PUMP_INTERVAL_S: Final = 0.1


@dataclass
class Running:
    """The state, and what the panel shows of it.

    Parameters
    ----------
    job : the run, None before the first
    scene_name : the scene that the result is for
    other_file : another file was loaded since the start, so the scene is gone
    waiting_take : a take that was written and is offered for import: an incomplete one, or one whose scene is gone
    waiting_reason : why it was not imported at once
    error : why nothing came of it
    """

    job: Job | None = None
    scene_name: str = ""
    other_file: bool = False
    waiting_take: Path | None = None
    waiting_reason: str = ""
    error: HandsError | None = None
    _on_end: Callable[[], None] | None = field(default=None, repr=False)

    @property
    def active(self) -> bool:
        """True while a worker runs."""
        return self.job is not None and self.job.running

    def start(self, job: Job, scene_name: str, on_end: Callable[[], None]) -> None:
        """Start a job and pump it until it ends, then call `on_end`.

        Raises
        ------
        HandsError
            RUNTIME_MISSING
        """
        self.clear()
        job.start()
        self.job, self.scene_name, self.other_file, self._on_end = job, scene_name, False, on_end
        if not bpy.app.timers.is_registered(_pump):
            bpy.app.timers.register(_pump, first_interval=_PUMP_INTERVAL_S, persistent=True)

    def clear(self) -> None:
        """Forget what the last run left behind."""
        self.waiting_take, self.waiting_reason, self.error = None, "", None

    def offer(self, take: Path, reason: str) -> None:
        """Keep a take for the user to import."""
        self.waiting_take, self.waiting_reason = take, reason

    def pump(self) -> bool:
        """Take in what the worker said; true while it runs."""
        if self.job is None:
            return False
        was_running = self.job.running
        self.job.poll()
        _redraw_sidebars()
        if was_running and not self.job.running:
            if self.job.state is JobState.FAILED:
                self.error = self.job.error
            if self._on_end:
                self._on_end()
            _redraw_sidebars()
        return self.job.running

    def stop(self) -> None:
        """End the worker and forget everything."""
        if self.job is not None:
            self.job.close()
        self.job, self._on_end = None, None
        self.clear()


RUNNING: Final = Running()


def _pump() -> float | None:
    """Timer: its return value is the time to the next call, None ends it."""
    return _PUMP_INTERVAL_S if RUNNING.pump() else None


@persistent
def _note_loading(*_: object) -> None:
    RUNNING.other_file = True


def _redraw_sidebars() -> None:
    for manager in bpy.data.window_managers:
        for window in manager.windows:
            for area in window.screen.areas if window.screen else ():
                if area.type == "VIEW_3D":
                    area.tag_redraw()


def register() -> None:
    """Note when another file is loaded."""
    bpy.app.handlers.load_post.append(_note_loading)


def unregister() -> None:
    """End the worker, the timer and the handler."""
    RUNNING.stop()
    if bpy.app.timers.is_registered(_pump):
        bpy.app.timers.unregister(_pump)
    if _note_loading in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_note_loading)
