"""One piece of work of a worker: ask, follow, cancel, and know how it ended (no bpy in here, so it is tested alone).

The caller calls `Job.poll` now and then (a Blender timer, or `Job.wait` in background mode); nothing here blocks, and
nothing here touches a scene. What the records mean stands in ``docs/contract.md``.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from ..inference.contract import PROTOCOL_VERSION, ErrorCode, HandsError
from .worker import Worker

_WARNING_LIMIT: Final = 10_000
_STAGE_NAMES: Final = {
    "track": "Reconstructing",
    "look_back": "Looking back",
    "refine": "Refining",
    "preview": "Drawing",
}
_LAST_STAGE: Final = "refine"
"""Even a worker that was cancelled goes through it, and then writes its take."""
_SLOW_STOP_S: Final = 0.5
_MISSING_MODULE: Final = re.compile(r"No module named '?([\w.]+)'?")
_NUMBERS: Final = itertools.count(1)
"""Of requests: no two jobs share one, so that what an older request says is never taken for a newer one's."""


class JobState(Enum):
    """Where a job stands; DONE and FAILED are final."""

    IDLE = "idle"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """The newest progress record: `done` of `total` steps of `stage`, None where the worker does not know."""

    stage: str
    done: int
    total: int | None
    eta_s: float | None

    @property
    def share(self) -> float:
        """Part done, from 0 to 1; 0 while the length is unknown."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total else 0.0

    def text(self) -> str:
        """What a progress bar says, for example ``Reconstructing 12 of 300, 0:41 left``."""
        text = _STAGE_NAMES.get(self.stage, self.stage[:1].upper() + self.stage[1:])
        text += f" {self.done} of {self.total}" if self.total else f" {self.done}" if self.done else ""
        if self.eta_s is not None:
            minutes, seconds = divmod(round(max(self.eta_s, 0.0)), 60)
            text += f", {minutes}:{seconds:02d} left"
        return text


@dataclass(frozen=True)
class Patience:
    """How long a job waits for its worker, seconds."""

    hello_s: float = 120.0
    """From the start to the first record: a cold disk and a virus scanner make the first import slow."""
    silence_s: float = 900.0
    """Between two records later on."""
    cancel_nothing_s: float = 0.4
    """From the request to stop until the worker is killed, where no frame has been begun: nothing is lost by it."""
    cancel_s: float = 5.0
    """Else: until it is interrupted, and again until it is killed, unless it says that it finishes what it has."""
    finishing_s: float = 300.0
    """From there on: the frames done are refined (about 4 ms each, so a minute for a long movie) and written."""
    exit_s: float = 10.0
    """From killing it to the end of the process."""


class Job:
    """One piece of work.

    Parameters
    ----------
    worker : who does it, one job at a time; started where it is not yet, and not ended with the job
    request : what ``serve`` is asked for, without an id

    Attributes
    ----------
    state : see `JobState`
    progress : the newest progress record, None before the first
    warnings : warning records in the order they came
    take_path, summary : what the worker wrote, once there is a result record
    error : why the job failed, once it has
    started_at_s : seconds since the epoch
    """

    def __init__(self, worker: Worker, request: Mapping[str, Any], patience: Patience | None = None) -> None:
        self.state = JobState.IDLE
        self.progress: Progress | None = None
        self.warnings: list[dict[str, Any]] = []
        self.take_path: Path | None = None
        self.summary: dict[str, Any] = {}
        self.error: HandsError | None = None
        self.started_at_s = 0.0
        self.request = dict(request)
        self._number = next(_NUMBERS)
        self._worker = worker
        self._patience = patience or Patience()
        self._answered = False
        self._cancelled_s: float | None = None
        self._deadline_s = 0.0
        self._deadline_reason = ""

    @property
    def running(self) -> bool:
        """True between `start` and the end."""
        return self.state in (JobState.RUNNING, JobState.CANCELLING)

    @property
    def cancelled(self) -> bool:
        """True once `cancel` was called, whatever came of it."""
        return self._cancelled_s is not None

    @property
    def process_id(self) -> int | None:
        """The worker's process id, None before the start."""
        return self._worker.process_id

    def text(self) -> str:
        """What happens just now, in a few words."""
        if self._cancelled_s is not None:
            if self.progress is not None and self.progress.stage == _LAST_STAGE:
                return "Stopping: keeping what is done"
            slow = time.monotonic() - self._cancelled_s > _SLOW_STOP_S
            return "Stopping after this frame" if slow else "Stopping"
        if self.progress is not None:
            return self.progress.text()
        return "Loading models" if self._worker.greeted else "Starting"

    def log_text(self) -> str:
        """The last lines of the worker's log."""
        return self._worker.log_text()

    def start(self) -> None:
        """Ask the worker.

        Raises
        ------
        HandsError
            RUNTIME_MISSING where the interpreter cannot be started; the job is FAILED then
        """
        if self.state is not JobState.IDLE:
            raise RuntimeError("A job runs once.")
        self.started_at_s = time.time()
        try:
            self._worker.start()
        except HandsError as error:
            self._worker.note(str(error))
            self._fail(error)
            raise
        self.state = JobState.RUNNING
        if self._worker.greeted:
            self._wait_until(self._patience.silence_s, "did not answer")
        else:
            self._wait_until(self._patience.hello_s, "did not answer after its start")
        self._worker.send({**self.request, "id": self._number})

    def poll(self) -> JobState:
        """Take in what the worker said since the last call and return the state; never blocks."""
        if not self.running:
            return self.state
        for record in self._worker.records():
            self._take_record(record)
        if self._answered:
            self._finish()
        elif self._worker.silent():
            self._finish()
            self._worker.close()
        elif time.monotonic() > self._deadline_s:
            self._lose_patience()
        return self.state

    def wait(
        self,
        on_poll: Callable[[Job], None] | None = None,
        interval_s: float = 0.05,
        at_most_s: float = float("inf"),
    ) -> JobState:
        """Poll until the job is over, for background mode and scripts; Ctrl-C cancels once, then kills."""
        end_s = time.monotonic() + at_most_s
        while self.running and time.monotonic() < end_s:
            try:
                self.poll()
                if on_poll:
                    on_poll(self)
                time.sleep(interval_s)
            except KeyboardInterrupt:
                if self.cancelled:
                    self.close()
                    raise
                self.cancel()
        return self.state

    def cancel(self) -> None:
        """Ask the worker to stop and to keep what it has; where it does not, it is interrupted and then killed."""
        if self.state is not JobState.RUNNING:
            return
        self.state, self._cancelled_s = JobState.CANCELLING, time.monotonic()
        self._worker.send({"request": "cancel"})
        self._wait_until(
            self._patience.cancel_s if self.progress else self._patience.cancel_nothing_s, "did not stop when asked to"
        )

    def close(self) -> None:
        """Stop at once; safe at any time, needed before Blender forgets the job. A worker without work lives on."""
        if self.running:
            self._worker.close()
            self._fail(HandsError(ErrorCode.CANCELLED, "The reconstruction was stopped."))

    # --- reading ----------------------------------------------------------------------------------------------------

    def _take_record(self, record: Mapping[str, Any]) -> None:
        if self._answered:
            return  # nothing counts after the last record
        # A worker that cannot even begin says so without a number.
        unnumbered = record["record"] == "hello" or (record["record"] == "error" and not self._worker.greeted)
        if record.get("id") != self._number and not unnumbered:
            return  # of an older request
        first_progress = record["record"] == "progress" and self.progress is None
        try:
            self._understand(record)
        except (KeyError, TypeError, ValueError, OverflowError):
            self._worker.note(f"A record without sense was ignored: {str(record)[:200]}")
            return
        if self.state is JobState.RUNNING:
            self._wait_until(self._patience.silence_s, "stopped answering")
        elif record["record"] == "progress" and record["stage"] == _LAST_STAGE:
            self._wait_until(self._patience.finishing_s, "did not finish after it was asked to stop")
        elif first_progress:
            self._wait_until(self._patience.cancel_s, "did not stop when asked to")

    def _understand(self, record: Mapping[str, Any]) -> None:
        match record["record"]:
            case "hello":
                self._greet(int(record["protocol"]))
            case "progress":
                total, eta_s = record["total"], record["eta_s"]
                self.progress = Progress(
                    str(record["stage"]),
                    int(record["done"]),
                    None if total is None else int(total),
                    None if eta_s is None else float(eta_s),
                )
            case "warning":
                if len(self.warnings) < _WARNING_LIMIT:
                    self.warnings.append(dict(record))
            case "result":
                self.summary = dict(record["summary"])
                self.take_path = Path(record["take"])
                self._answered = True
            case "error":
                self.error = HandsError(
                    ErrorCode.from_label(str(record["code"])), str(record["message"]), str(record.get("hint", ""))
                )
                self._answered = True
            case _:
                pass  # a newer worker's record that we need not know

    def _greet(self, protocol: int) -> None:
        self._worker.greeted = True
        if protocol != PROTOCOL_VERSION:
            self.error = HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"The worker speaks protocol {protocol}, this add-on speaks {PROTOCOL_VERSION}.",
                "Restart Blender; if it stays so, install the add-on again.",
            )
            self._answered = True
            self._worker.kill()

    # --- ending -----------------------------------------------------------------------------------------------------

    def _wait_until(self, patience_s: float, reason: str) -> None:
        self._deadline_s, self._deadline_reason = time.monotonic() + patience_s, reason

    def _lose_patience(self) -> None:
        """Interrupt a worker that is deaf to our request to stop; kill any other."""
        if self.cancelled and self.progress is not None and not self._worker.spent:
            self._worker.interrupt()
            self._wait_until(self._patience.cancel_s, "did not stop when asked to")
            return
        if not self.cancelled:
            self.error = HandsError(
                ErrorCode.WORKER_LOST,
                f"The reconstruction {self._deadline_reason} and was ended.",
                self._last_words() or "Try again; the frames done so far are kept.",
            )
        self._worker.note(f"The worker {self._deadline_reason} and was killed.")
        self._worker.kill()
        self._wait_until(self._patience.exit_s, "is still there")

    def _finish(self) -> None:
        if self.error is not None:
            self._fail(self.error)
        elif self._answered:
            self.state = JobState.DONE
        elif self.cancelled:
            self._fail(HandsError(ErrorCode.CANCELLED, "The reconstruction was cancelled."))
        else:
            self._fail(self._lost())

    def _fail(self, error: HandsError) -> None:
        self.error, self.state = error, JobState.FAILED

    def _lost(self) -> HandsError:
        """The typed error for a worker that ended without its last record."""
        exit_code = self._worker.exit_code
        missing = _MISSING_MODULE.search(self.log_text())
        if missing and not self._worker.greeted:
            return HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"The Python interpreter '{self._worker.python}' lacks the package '{missing[1]}'.",
                "In the add-on's preferences press Repair, or clear 'Own Python' and press Set Up.",
            )
        if exit_code in (-9, 137):
            hint = "The system ended it, most often because the memory was used up."
        else:
            hint = self._last_words() or "Its log is empty."
        return HandsError(
            ErrorCode.WORKER_LOST, f"The reconstruction ended unexpectedly (exit code {exit_code}).", hint
        )

    def _last_words(self) -> str:
        words = self._worker.last_words
        return f"The last line of its log: {words}" if words else ""
