"""The state of a worker: start, read without blocking, cancel, kill (no bpy in here, so it is tested alone).

One `Job` is one run of ``PYTHON -m inference ...``. The caller calls `Job.poll` now and then (a Blender timer, or
`Job.wait` in background mode); nothing here blocks, and nothing here touches a scene. What the records mean stands in
``docs/contract.md``.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any, Final

from ..inference.contract import PROTOCOL_VERSION, ErrorCode, HandsError, parse_record
from .worker_process import start_process

_LINE_LIMIT: Final = 1 << 20
_QUEUE_LIMIT: Final = 4096
_LOG_LINES: Final = 400
_LOG_LINE_LENGTH: Final = 2000
_WARNING_LIMIT: Final = 10_000
_STAGE_NAMES: Final = {
    "track": "Reconstructing",
    "look_back": "Looking back",
    "refine": "Refining",
    "preview": "Drawing",
}
_LAST_STAGE: Final = "refine"
"""Even a worker that was cancelled goes through it, and then writes its take."""
_MISSING_MODULE: Final = re.compile(r"No module named '?([\w.]+)'?")


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
    cancel_s: float = 5.0
    """From the request to stop until the worker is killed, unless it says that it finishes what it has."""
    finishing_s: float = 300.0
    """From there on: the frames done are refined (about 4 ms each, so a minute for a long movie) and written."""
    exit_s: float = 10.0
    """From the last record to the end of the process."""


class Job:
    """One run of a worker.

    Attributes
    ----------
    state : see `JobState`
    progress : the newest progress record, None before the first
    warnings : warning records in the order they came
    take_path, summary : what the worker wrote, once there is a result record
    error : why the job failed, once it has
    """

    def __init__(self, command: Sequence[str], folder: Path, patience: Patience | None = None) -> None:
        self.state = JobState.IDLE
        self.progress: Progress | None = None
        self.warnings: list[dict[str, Any]] = []
        self.take_path: Path | None = None
        self.summary: dict[str, Any] = {}
        self.error: HandsError | None = None
        self._command = list(command)
        self._folder = folder
        self._patience = patience or Patience()
        self._process: subprocess.Popen[bytes] | None = None
        self._records: queue.Queue[dict[str, Any]] = queue.Queue(_QUEUE_LIMIT)
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._readers: list[threading.Thread] = []
        self._closing = threading.Event()
        self._deadline_s = 0.0
        self._deadline_reason = ""
        self._greeted = False
        self._cancelled = False
        self._exited_at_s: float | None = None

    @property
    def running(self) -> bool:
        """True between `start` and the end."""
        return self.state in (JobState.RUNNING, JobState.CANCELLING)

    @property
    def cancelled(self) -> bool:
        """True once `cancel` was called, whatever came of it."""
        return self._cancelled

    @property
    def process_id(self) -> int | None:
        """The worker's process id, None before the start."""
        return self._process.pid if self._process else None

    def log_text(self) -> str:
        """The last lines of the worker's stderr."""
        return "\n".join(self._log)

    def start(self) -> None:
        """Start the worker.

        Raises
        ------
        HandsError
            RUNTIME_MISSING where the interpreter cannot be started; the job is FAILED then
        """
        if self.state is not JobState.IDLE:
            raise RuntimeError("A job runs once.")
        try:
            self._process = start_process(self._command, self._folder)
        except HandsError as error:
            self.state, self.error = JobState.FAILED, error
            raise
        self.state = JobState.RUNNING
        self._wait_until(self._patience.hello_s, "did not answer after its start")
        assert self._process.stdout and self._process.stderr  # noqa: S101 both are pipes, see start_process
        self._readers = [
            threading.Thread(target=_read_lines, args=(stream, sink), daemon=True)
            for stream, sink in ((self._process.stdout, self._take_line), (self._process.stderr, self._take_log))
        ]
        for reader in self._readers:
            reader.start()

    def poll(self) -> JobState:
        """Take in what the worker said since the last call and return the state; never blocks."""
        if not self.running or self._process is None:
            return self.state
        self._take_records()
        now = time.monotonic()
        if self._process.poll() is None:
            if now > self._deadline_s:
                self._give_up()
            return self.state
        self._exited_at_s = self._exited_at_s or now
        # A grandchild may hold the pipes open for ever: after a second nobody waits for it.
        if any(reader.is_alive() for reader in self._readers) and now - self._exited_at_s < 1.0:
            return self.state
        self._take_records()
        self._finish(self._process.returncode)
        return self.state

    def wait(self, on_poll: Callable[[Job], None] | None = None, interval_s: float = 0.05) -> JobState:
        """Poll until the job is over, for background mode and scripts; Ctrl-C cancels once, then kills."""
        while self.running:
            try:
                self.poll()
                if on_poll:
                    on_poll(self)
                time.sleep(interval_s)
            except KeyboardInterrupt:
                if self._cancelled:
                    self.close()
                    raise
                self.cancel()
        return self.state

    def cancel(self) -> None:
        """Ask the worker to stop and to keep what it has; it is killed if it does not within `Patience.cancel_s`."""
        if self.state is not JobState.RUNNING or self._process is None:
            return
        self.state = JobState.CANCELLING
        self._cancelled = True
        self._wait_until(self._patience.cancel_s, "did not stop when asked to")
        request = signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT
        with contextlib.suppress(OSError):  # already gone: the next poll sees it
            self._process.send_signal(request)

    def close(self) -> None:
        """End the worker now and release its pipes; safe at any time, needed before Blender forgets the job."""
        self._closing.set()
        if self._process is None:
            return
        self._kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        for reader in self._readers:
            reader.join(1.0)
        if not any(reader.is_alive() for reader in self._readers):
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self.running:
            self._fail(HandsError(ErrorCode.CANCELLED, "The reconstruction was stopped."))

    # --- reading ----------------------------------------------------------------------------------------------------

    def _take_line(self, line: bytes) -> bool:
        """Reader thread: queue a record, drop what is none; False once nobody listens any more."""
        record = parse_record(line.decode("utf-8", errors="replace"))
        while record is not None and not self._closing.is_set():
            try:
                self._records.put(record, timeout=0.2)
                break
            except queue.Full:
                continue  # nobody polls just now; the worker waits at its full pipe meanwhile
        return not self._closing.is_set()

    def _take_log(self, line: bytes) -> bool:
        """Reader thread: keep the end of the log."""
        text = line.decode("utf-8", errors="replace").rstrip()
        if text:
            self._log.append(text[:_LOG_LINE_LENGTH])
        return not self._closing.is_set()

    def _take_records(self) -> None:
        for _ in range(_QUEUE_LIMIT):  # a flooding worker must not hold up Blender
            try:
                record = self._records.get_nowait()
            except queue.Empty:
                return
            self._take_record(record)

    def _take_record(self, record: Mapping[str, Any]) -> None:
        if self.take_path or self.error:
            return  # nothing counts after the last record
        if self.state is JobState.RUNNING:
            self._wait_until(self._patience.silence_s, "stopped answering")
        elif record["record"] == "progress" and record.get("stage") == _LAST_STAGE:
            self._wait_until(self._patience.finishing_s, "did not finish after it was asked to stop")
        try:
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
                    self._wait_until(self._patience.exit_s, "did not end after its result")
                case "error":
                    self.error = HandsError(
                        ErrorCode.from_label(str(record["code"])), str(record["message"]), str(record.get("hint", ""))
                    )
                    self._wait_until(self._patience.exit_s, "did not end after its error")
                case _:
                    pass  # a newer worker's record that we need not know
        except (KeyError, TypeError, ValueError, OverflowError):
            self._log.append(f"A record without sense was ignored: {str(record)[:200]}")

    def _greet(self, protocol: int) -> None:
        self._greeted = True
        if protocol != PROTOCOL_VERSION:
            self.error = HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"The worker speaks protocol {protocol}, this add-on speaks {PROTOCOL_VERSION}.",
                "Restart Blender; if it stays so, install the add-on again.",
            )
            self._kill()

    # --- ending -----------------------------------------------------------------------------------------------------

    def _wait_until(self, patience_s: float, reason: str) -> None:
        self._deadline_s, self._deadline_reason = time.monotonic() + patience_s, reason

    def _give_up(self) -> None:
        """The worker used up our patience: kill it; what it delivered before still counts."""
        if not (self.take_path or self.error or self._cancelled):
            self.error = HandsError(
                ErrorCode.WORKER_LOST,
                f"The reconstruction {self._deadline_reason} and was ended.",
                self._last_words() or "Try again; the frames done so far are kept.",
            )
        self._log.append(f"The worker {self._deadline_reason} and was killed.")
        self._kill()
        self._wait_until(self._patience.exit_s, "is still there")

    def _kill(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)  # its own session, so its children end with it

    def _finish(self, exit_code: int) -> None:
        if self.error is not None:
            self._fail(self.error)
        elif self.take_path is not None:
            self.state = JobState.DONE
        elif self._cancelled:
            self._fail(HandsError(ErrorCode.CANCELLED, "The reconstruction was cancelled."))
        else:
            self._fail(self._lost(exit_code))
        self.close()

    def _fail(self, error: HandsError) -> None:
        self.error, self.state = error, JobState.FAILED

    def _lost(self, exit_code: int) -> HandsError:
        """The typed error for a worker that ended without its last record."""
        missing = _MISSING_MODULE.search(self.log_text())
        if missing and not self._greeted:
            return HandsError(
                ErrorCode.RUNTIME_MISSING,
                f"The Python interpreter '{self._command[0]}' lacks the package '{missing[1]}'.",
                "Install the packages that the add-on's preferences name, or choose another interpreter there.",
            )
        if exit_code in (-9, 137):
            hint = "The system ended it, most often because the memory was used up."
        else:
            hint = self._last_words() or "Its log is empty."
        return HandsError(
            ErrorCode.WORKER_LOST, f"The reconstruction ended unexpectedly (exit code {exit_code}).", hint
        )

    def _last_words(self) -> str:
        return f"The last line of its log: {self._log[-1]}" if self._log else ""


def _read_lines(stream: IO[bytes], sink: Callable[[bytes], bool]) -> None:
    """Reader thread: hand every line to `sink` until the stream ends or the sink has had enough."""
    with contextlib.suppress(OSError, ValueError):  # the pipe was closed meanwhile
        while line := stream.readline(_LINE_LIMIT):
            if not sink(line):
                return
