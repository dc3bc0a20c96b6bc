"""The reconstruction that runs or has just ended; it lives outside every operator and every file.

Operators and scenes come and go while a worker runs (undo, another file), so the state is kept here, one for the whole
Blender, and is pumped by a persistent timer.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import bpy
from bpy.app.handlers import persistent

from ...inference.contract import HandsError, partial_path, read_take
from ..job import Job, JobState
from ..warm_worker import WarmWorker

_PUMP_INTERVAL_S: Final = 0.1
_IDLE_INTERVAL_S: Final = 30.0
_LAST_CHANCE_S: Final = 1.0
"""What a worker that runs gets to save its frames when Blender ends or the add-on is disabled."""
_CLOCK_SLACK_S: Final = 2.0
"""Between a file's time and ours."""


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
    resumable : the run did not come to its end, and the next one can go on from its frames
    finishable : and a take can be made of them, because no complete one is in their place
    warm : the worker between runs
    """

    job: Job | None = None
    scene_name: str = ""
    other_file: bool = False
    waiting_take: Path | None = None
    waiting_reason: str = ""
    error: HandsError | None = None
    resumable: bool = False
    finishable: bool = False
    warm: WarmWorker = field(default_factory=WarmWorker)
    _on_end: Callable[[], None] | None = field(default=None, repr=False)

    @property
    def active(self) -> bool:
        """True while a worker works."""
        return self.job is not None and self.job.running

    def start(self, job: Job, scene_name: str, on_end: Callable[[], None] | None = None) -> None:
        """Start a job. With `on_end`, a timer pumps it until it ends, then calls that; else the caller waits for it.

        Raises
        ------
        HandsError
            RUNTIME_MISSING
        """
        self.clear()
        self.job, self.scene_name, self.other_file, self._on_end = job, scene_name, False, on_end
        try:
            job.start()
        except HandsError as error:
            self.error = error
            raise
        if on_end is not None:
            _restart_timer(_PUMP_INTERVAL_S)
        elif not bpy.app.background:  # where it never fires
            _restart_timer(_IDLE_INTERVAL_S)

    def clear(self) -> None:
        """Forget what the last run left behind."""
        self.waiting_take, self.waiting_reason, self.error = None, "", None
        self.resumable = self.finishable = False

    def offer(self, take: Path, reason: str) -> None:
        """Keep a take for the user to import."""
        self.waiting_take, self.waiting_reason = take, reason

    def pump(self) -> float | None:
        """Take in what the worker said; the time to the next call, None where there is nothing to look after."""
        if self.active and self.job is not None:
            self.job.poll()
            if not self.job.running:
                self.settle()
                if self._on_end:
                    self._on_end()
            _redraw_sidebars()
        if self.active:
            return _PUMP_INTERVAL_S
        self.warm.end_when_idle()
        return _IDLE_INTERVAL_S if self.warm.running else None

    def settle(self) -> None:
        """Note how the job ended."""
        job = self.job
        if job is None:
            return
        self.warm.touch()
        if job.state is JobState.FAILED:
            self.error = job.error
        self.resumable = _left_frames(job)
        self.finishable = self.resumable and not _is_complete(Path(job.request["out"]))

    def stop(self) -> None:
        """End the worker and forget everything."""
        if self.job is not None:
            self.job.cancel()
            self.job.wait(at_most_s=_LAST_CHANCE_S)
            self.job.close()
        self.warm.close()
        self.job, self._on_end = None, None
        self.clear()


RUNNING: Final = Running()


def _left_frames(job: Job) -> bool:
    """Whether a run that did not come to its end has left frames: its own, or those that it went on from."""
    out = job.request.get("out")
    if out is None or (job.state is JobState.DONE and job.summary.get("complete", True)):
        return False
    try:
        saved_at_s = partial_path(Path(out)).stat().st_mtime
    except OSError:
        return False
    return saved_at_s > job.started_at_s - _CLOCK_SLACK_S or any(one.get("code") == "resumed" for one in job.warnings)


def _is_complete(take_path: Path) -> bool:
    try:
        return read_take(take_path).complete
    except HandsError:
        return False


def _pump() -> float | None:
    """Timer: its return value is the time to the next call, None ends it."""
    return RUNNING.pump()


def _restart_timer(first_interval_s: float) -> None:
    if bpy.app.timers.is_registered(_pump):
        bpy.app.timers.unregister(_pump)
    bpy.app.timers.register(_pump, first_interval=first_interval_s, persistent=True)


@persistent
def _note_loading(*_: object) -> None:
    RUNNING.other_file = True


def _redraw_sidebars() -> None:
    """The sidebars alone: drawing a heavy scene anew for each step would make Blender slow."""
    for manager in bpy.data.window_managers:
        for window in manager.windows:
            for area in window.screen.areas if window.screen else ():
                for region in area.regions if area.type == "VIEW_3D" else ():
                    if region.type == "UI":
                        region.tag_redraw()


def register() -> None:
    """Note when another file is loaded, and end the worker with Blender."""
    bpy.app.handlers.load_post.append(_note_loading)
    atexit.register(RUNNING.stop)


def unregister() -> None:
    """End the worker, the timer and the handler."""
    atexit.unregister(RUNNING.stop)
    RUNNING.stop()
    if bpy.app.timers.is_registered(_pump):
        bpy.app.timers.unregister(_pump)
    if _note_loading in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_note_loading)
