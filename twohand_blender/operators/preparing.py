"""The set up or import of model files that runs or has just ended; it lives outside every operator and every file.

At most one runs, and it is pumped by a persistent timer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import bpy

from ...inference.contract import ErrorCode, HandsError
from ..record_process import RecordProcess
from ..runtime import set_up
from .running import RUNNING

_PUMP_INTERVAL_S: Final = 0.1
_STAGES: Final[dict[str, tuple[str, int]]] = {
    set_up.PREPARE: ("Making the environment", 1),
    set_up.EXAMINE: ("Checking what is there", 1000),
    set_up.DOWNLOAD: ("Downloading", 1000),
    set_up.UNPACK: ("Unpacking", 1000),
    set_up.TRY: ("Trying it out", 1),
    "import": ("Importing", 1),
}
"""Of each stage its name, and how many of its steps make a megabyte."""
_AREAS: Final = ("VIEW_3D", "PREFERENCES")


@dataclass
class Preparing:
    """The state, and what the interface shows of it.

    Parameters
    ----------
    process : what runs or has just ended, None before the first
    error : why nothing came of it
    """

    process: RecordProcess | None = None
    error: HandsError | None = None
    _on_end: Callable[[], None] | None = field(default=None, repr=False)

    @property
    def active(self) -> bool:
        """True while a process runs."""
        return self.process is not None and self.process.running

    def start(self, process: RecordProcess, on_end: Callable[[], None], *, wait: bool) -> None:
        """Start a process; wait for it, or pump it until it ends. Then call `on_end`, where it went well.

        Raises
        ------
        HandsError
            as the process does; where it is waited for, its own error, too
        """
        self.error = None
        process.start()
        self.process, self._on_end = process, on_end
        if not wait:
            if not bpy.app.timers.is_registered(_pump):
                bpy.app.timers.register(_pump, first_interval=_PUMP_INTERVAL_S, persistent=True)
            return
        try:
            process.wait()
        finally:
            self._end()
        if self.error is not None:
            raise self.error

    def pump(self) -> bool:
        """Take in what the process said; true while it runs."""
        if not self.active or self.process is None:
            return False
        if not self.process.poll():
            self._end()
        redraw()
        return self.active

    def cancel(self) -> None:
        """End the process now."""
        if self.process is not None and self.process.running:
            self.process.cancel()
            self._end()
            redraw()

    def stop(self) -> None:
        """End the process and forget everything."""
        if self.process is not None:
            self.process.cancel()
        self.process, self.error, self._on_end = None, None, None

    def text(self) -> str:
        """What a progress bar says, for example ``Downloading 12 of 91 MB, 0:10 left``."""
        progress = self.process.progress if self.process else None
        if progress is None:
            return "Starting"
        name, steps = _STAGES.get(str(progress["stage"]), ("Working", 1))
        text = name
        if progress["total"]:
            text += f" {progress['done'] / steps:.0f} of {progress['total'] / steps:.0f} MB"
        if progress["eta_s"] is not None:
            minutes, seconds = divmod(round(progress["eta_s"]), 60)
            text += f", {minutes}:{seconds:02d} left"
        return text

    def share(self) -> float:
        """Part done of the stage, from 0 to 1."""
        progress: Any = self.process.progress if self.process else None
        return min(progress["done"] / progress["total"], 1.0) if progress and progress["total"] else 0.0

    def _end(self) -> None:
        process, on_end = self.process, self._on_end
        self._on_end = None
        if process is None:
            return
        self.error = process.error
        if process.error is None and on_end is not None:
            try:
                on_end()
            except HandsError as error:
                self.error = error


PREPARING: Final = Preparing()


def preparing_refusal() -> str:
    """Why neither the environment nor the model files can be changed now, empty where they can."""
    if PREPARING.active:
        return "A set up or an import is running"
    if RUNNING.active:
        return "A reconstruction is running"
    return ""


def let_worker_go() -> None:
    """End a worker that waits for its next run: its files are about to be changed."""
    RUNNING.warm.close()


def cancelled(error: HandsError | None) -> bool:
    """Whether an error is none, since the user wanted it."""
    return error is not None and error.code is ErrorCode.CANCELLED


def redraw() -> None:
    """Draw the sidebars and the preferences again."""
    for manager in bpy.data.window_managers:
        for window in manager.windows:
            for area in window.screen.areas if window.screen else ():
                if area.type in _AREAS:
                    area.tag_redraw()


def _pump() -> float | None:
    """Timer: its return value is the time to the next call, None ends it."""
    return _PUMP_INTERVAL_S if PREPARING.pump() else None


def unregister() -> None:
    """End the process and the timer."""
    PREPARING.stop()
    if bpy.app.timers.is_registered(_pump):
        bpy.app.timers.unregister(_pump)
