"""A worker process: start it, speak to it, hear what it says, end it; nothing here blocks (no bpy in here).

A `Worker` is one process and knows nothing of what is worked on; a `job.Job` is one piece of work.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from ..inference.contract import parse_record
from .worker_process import start_process, worker_environment

_LINE_LIMIT: Final = 1 << 20
_QUEUE_LIMIT: Final = 4096
_LOG_LINES: Final = 400
_LOG_LINE_LENGTH: Final = 2000
_LOGGED_RECORDS: Final = ("hello", "result", "error")
_PIPES_AFTER_EXIT_S: Final = 1.0
"""A grandchild may hold the pipes open for ever: nobody waits longer for it."""


class Worker:
    """One process of ``PYTHON -m inference ...``.

    Parameters
    ----------
    command : its command line, see `worker_process.worker_command`
    folder : the extension's folder, where it runs

    Attributes
    ----------
    greeted : its first record has been taken, so it need not be waited for again
    spent : it was told to end, or killed; no more work is given to it
    last_words : the last line that it wrote to stderr
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.greeted = False
        self.spent = False
        self.last_words = ""
        self._command = tuple(command)
        self._folder = folder
        self._environment = worker_environment()
        self._process: subprocess.Popen[bytes] | None = None
        self._records: queue.Queue[dict[str, Any]] = queue.Queue(_QUEUE_LIMIT)
        self._to_write: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._exited_at_s: float | None = None

    @property
    def python(self) -> str:
        """The interpreter."""
        return self._command[0]

    @property
    def process_id(self) -> int | None:
        """None before the start."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """True between the start and the end of the process."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None before the end; negative for a signal."""
        return self._process.poll() if self._process else None

    def would_equal(self, command: Sequence[str], folder: Path) -> bool:
        """Whether a worker started now with these would be like this one: same program, folder and environment."""
        same = (self._command, self._folder) == (tuple(command), folder)
        return same and self._environment == worker_environment()

    def start(self) -> None:
        """Start the process, unless that was done before.

        Raises
        ------
        HandsError
            RUNTIME_MISSING where the interpreter cannot be started
        """
        if self._process is not None:
            return
        self.note("$ " + " ".join(self._command))
        self._process = start_process(self._command, self._folder, self._environment)
        assert self._process.stdin and self._process.stdout and self._process.stderr  # noqa: S101 pipes, see there
        self._threads = [
            threading.Thread(target=_read_lines, args=(self._process.stdout, self._take_line), daemon=True),
            threading.Thread(target=_read_lines, args=(self._process.stderr, self._take_log), daemon=True),
            threading.Thread(target=_write_lines, args=(self._process.stdin, self._to_write), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, request: Mapping[str, Any]) -> None:
        """Give the worker a request; a thread writes it, so that a worker that does not read holds nobody up."""
        line = json.dumps(request)
        self.note("> " + line)
        self._to_write.put(line.encode() + b"\n")

    def records(self) -> Iterator[dict[str, Any]]:
        """What it said since the last call; not more at once than what a flooding worker may cost Blender."""
        for _ in range(_QUEUE_LIMIT):
            try:
                yield self._records.get_nowait()
            except queue.Empty:
                return

    def silent(self) -> bool:
        """True once the process has ended, all that it said was taken, and nothing more can come."""
        if self._process is None or self._process.poll() is None or not self._records.empty():
            return False
        now_s = time.monotonic()
        self._exited_at_s = self._exited_at_s or now_s
        return not self._listening() or now_s - self._exited_at_s > _PIPES_AFTER_EXIT_S

    def note(self, text: str) -> None:
        """Add a line to the log."""
        self._log.append(text[:_LOG_LINE_LENGTH])

    def log_text(self) -> str:
        """The last lines of what it wrote to stderr, and of what passed between it and Blender."""
        return "\n".join(self._log)

    def interrupt(self) -> None:
        """Ask it by a signal to stop its work and to end."""
        self.spent = True
        if self._process is not None:
            with contextlib.suppress(OSError):  # already gone
                self._process.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT)

    def kill(self) -> None:
        """End it at once, with its children."""
        self.spent = True
        if self._process is None or self._process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)  # its own session, so its children end with it

    def close(self) -> None:
        """End it at once and release its pipes; safe at any time."""
        self._closing.set()
        self._to_write.put(None)
        if self._process is None:
            return
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        for thread in self._threads:
            thread.join(1.0)
        if not any(thread.is_alive() for thread in self._threads):
            for stream in (self._process.stdout, self._process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()

    def _listening(self) -> bool:
        return any(thread.is_alive() for thread in self._threads[:2])

    def _take_line(self, line: bytes) -> bool:
        """Reader thread: queue a record, drop what is none; False once nobody listens any more."""
        record = parse_record(line.decode("utf-8", errors="replace"))
        if record is not None and record["record"] in _LOGGED_RECORDS:
            self.note("< " + json.dumps(record))
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
            self.last_words = text[:_LOG_LINE_LENGTH]
            self.note(text)
        return not self._closing.is_set()


def _read_lines(stream: IO[bytes], sink: Callable[[bytes], bool]) -> None:
    """Reader thread: hand every line to `sink` until the stream ends or the sink has had enough."""
    with contextlib.suppress(OSError, ValueError):  # the pipe was closed meanwhile
        while line := stream.readline(_LINE_LIMIT):
            if not sink(line):
                return


def _write_lines(stream: IO[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    """Writer thread: until there is None to write, or nobody who reads."""
    with contextlib.suppress(OSError, ValueError), stream:
        while (line := lines.get()) is not None:
            stream.write(line)
            stream.flush()
