"""A child process that tells of its work in records and may be ended at any moment (no bpy in here).

Setting up and importing model files run like this: unlike a reconstruction they keep what is done without being asked
to, so that ending one is killing it. What the records mean stands in ``docs/contract.md``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from ..inference.contract import ErrorCode, HandsError, parse_record
from .worker_process import start_process

_LOG_LINES: Final = 200
_LINE_LIMIT: Final = 1 << 20
_EXIT_S: Final = 2.0


class RecordProcess:
    """One run of a command.

    Attributes
    ----------
    progress : the newest progress record, None before the first
    summary : of the result record, None before it
    error : why it failed, None where it did not
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.progress: Mapping[str, Any] | None = None
        self.summary: Mapping[str, Any] | None = None
        self.error: HandsError | None = None
        self._command, self._folder = list(command), folder
        self._process: subprocess.Popen[bytes] | None = None
        self._records: deque[dict[str, Any]] = deque(maxlen=1 << 12)
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._readers: list[threading.Thread] = []
        self._over = False

    @property
    def running(self) -> bool:
        """True from `start` to the end."""
        return self._process is not None and not self._over

    def log_text(self) -> str:
        """The last lines of its stderr."""
        return "\n".join(self._log)

    def start(self) -> None:
        """Start it.

        Raises
        ------
        HandsError
            RUNTIME_MISSING where it cannot be started
        """
        self._process = start_process(self._command, self._folder)
        assert self._process.stdout and self._process.stderr  # noqa: S101 both are pipes, see start_process
        self._readers = [
            threading.Thread(target=_read_lines, args=(stream, take), daemon=True)
            for stream, take in ((self._process.stdout, self._take_line), (self._process.stderr, self._log.append))
        ]
        for reader in self._readers:
            reader.start()

    def poll(self) -> bool:
        """Take in what it said since the last call; true while it runs. Never blocks."""
        if not self.running or self._process is None:
            return False
        exit_code = self._process.poll()  # before the records, so that none comes after the last look
        if exit_code is not None:
            for reader in self._readers:
                reader.join(_EXIT_S)  # its pipes are at their end, so this takes no time
        while self._records:
            self._take_record(self._records.popleft())
        if exit_code is not None:
            if self.summary is None and self.error is None:
                words = f"The last line of its log: {self._log[-1]}" if self._log else "Its log is empty."
                self.error = HandsError(
                    ErrorCode.WORKER_LOST, f"The process ended unexpectedly (exit code {exit_code}).", words
                )
            self._release()
        return self.running

    def wait(self, on_poll: Callable[[], None] = lambda: None, interval_s: float = 0.05) -> None:
        """Poll until it is over, for background mode and scripts; Ctrl-C ends it."""
        try:
            while self.poll():
                on_poll()
                time.sleep(interval_s)
        except KeyboardInterrupt:
            self.cancel()
            raise

    def cancel(self) -> None:
        """End it now; safe at any time."""
        if not self.running or self._process is None:
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)  # its own session, so its children end with it
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_S)
        self.error = self.error or HandsError(ErrorCode.CANCELLED, "Cancelled.", "What is done so far is kept.")
        self._release()

    def _release(self) -> None:
        self._over = True
        if self._process is None:
            return
        for reader in self._readers:
            reader.join(_EXIT_S)
        if not any(reader.is_alive() for reader in self._readers):
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()

    def _take_line(self, line: str) -> None:
        record = parse_record(line)
        if record is not None:
            self._records.append(record)

    def _take_record(self, record: Mapping[str, Any]) -> None:
        with contextlib.suppress(KeyError, TypeError, ValueError):  # a record without sense is passed over
            match record["record"]:
                case "progress":
                    self.progress = record
                case "result":
                    self.summary = dict(record["summary"])
                case "error":
                    code = ErrorCode.from_label(str(record["code"]))
                    self.error = HandsError(code, str(record["message"]), str(record.get("hint", "")))


def _read_lines(stream: IO[bytes], take: Callable[[str], object]) -> None:
    """Reader thread: hand every line on until the stream ends."""
    with contextlib.suppress(OSError, ValueError):  # the pipe was closed meanwhile
        while line := stream.readline(_LINE_LIMIT):
            take(line.decode("utf-8", errors="replace").rstrip())
