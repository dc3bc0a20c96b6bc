"""The worker that stays between runs with its models loaded (no bpy in here)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from .worker import Worker
from .worker_process import worker_command

IDLE_LIMIT_S: Final = 600.0
"""A worker without work holds some hundred MB; after this time it is ended."""


class WarmWorker:
    """Makes a worker where it is needed, and keeps it as long as it is good."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._used_s = 0.0

    @property
    def running(self) -> bool:
        """Whether a process is there."""
        return self._worker is not None and self._worker.running

    def worker(self, python: Path, folder: Path) -> Worker:
        """The worker of the last run where it still lives and nothing about it would be different now, else a new one.

        Parameters
        ----------
        python : the interpreter
        folder : the extension's folder
        """
        command = worker_command(python, ["serve"])
        kept = self._worker
        if kept is None or kept.spent or not kept.running or not kept.would_equal(command, folder):
            self.close()
            self._worker = Worker(command, folder)
        self.touch()
        assert self._worker is not None  # noqa: S101 made above
        return self._worker

    def touch(self) -> None:
        """Count the idle time from now."""
        self._used_s = time.monotonic()

    def end_when_idle(self, limit_s: float = IDLE_LIMIT_S) -> None:
        """End the worker if it has had no work for so long; not to be called while it has."""
        if time.monotonic() - self._used_s > limit_s:
            self.close()

    def close(self) -> None:
        """End the worker. Needed, too, before files of its interpreter are changed or removed."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None
