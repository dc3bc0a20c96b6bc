"""``serve``: stays alive with its models loaded, takes requests as JSON lines on stdin, answers with records."""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import ErrorCode, HandsError, error_record
from .interrupt import cancel_on_signals, end_with_parent
from .output import RecordOutput
from .parser import Parser
from .reconstruct import add_options, engine_options, finish, load_engine, reconstruct

if TYPE_CHECKING:
    from ..engines import Engine, EngineOptions
    from ..pipeline import Reporter

_POLL_S: Final = 0.2


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    return subparsers.add_parser(
        "serve",
        help="keep the models loaded and take requests on stdin (for programs)",
        description="Reads one JSON request a line from stdin and answers with records on stdout; "
        "docs/command-line.md shows them. Ends with stdin.",
    )


def run(_arguments: argparse.Namespace) -> int:
    """Serve until stdin ends, a quit request, or a signal while idle."""
    with cancel_on_signals() as stopped:
        end_with_parent(stopped)
        return _Server(stopped).run()


@dataclass(frozen=True, eq=False)
class _Request:
    """A line of stdin, and whether it has been cancelled."""

    body: object
    cancelled: threading.Event = field(default_factory=threading.Event)


class _Server:
    """One request at a time; a thread reads stdin, so that a cancel request is heard while frames are made."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._waiting: queue.Queue[_Request | None] = queue.Queue()  # None: no more will come
        self._open: list[_Request] = []  # those that wait and the one that runs
        self._loaded: tuple[object, Engine] | None = None
        self._output = RecordOutput()

    def run(self) -> int:
        self._output.hello()
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # what JSON is, whatever the console's code page
        threading.Thread(target=self._read, name="read_requests", daemon=True).start()
        while not self._stopped.is_set():
            try:
                request = self._waiting.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if request is None:
                return 0
            self._answer(request)
            self._open.remove(request)
        return ErrorCode.CANCELLED.exit_code

    def _read(self) -> None:
        for line in sys.stdin:
            if not line.strip():
                continue
            try:
                body = json.loads(line)
                name = body.get("request") if isinstance(body, dict) else None
            except (ValueError, RecursionError):
                body, name = None, None
            if name == "cancel":
                self._cancel()
            elif name == "quit":
                break
            else:
                request = _Request(body)
                self._open.append(request)
                self._waiting.put(request)
        self._cancel()
        self._waiting.put(None)

    def _cancel(self) -> None:
        """Stop what runs, and what waits before it begins."""
        for request in tuple(self._open):
            request.cancelled.set()

    def _answer(self, request: _Request) -> None:
        relay = threading.Thread(target=self._relay_signal, args=(done := threading.Event(),), daemon=True)
        relay.start()
        output = _TaggedOutput(self._output, request)
        try:
            if request.cancelled.is_set():
                raise HandsError(ErrorCode.CANCELLED, "Cancelled before it began.")
            self._reconstruct(request, output)
        except HandsError as error:
            output(error_record(error))
        except MemoryError:
            self._loaded = None
            output(error_record(HandsError(ErrorCode.OUT_OF_MEMORY, "The memory of this machine is full.")))
        except Exception as error:  # the server outlives a bad request; the traceback goes to the log
            logging.getLogger(__name__).exception("unexpected error")
            message = f"An unexpected error happened ({type(error).__name__}: {error})."
            hint = "Please report it together with the log."
            output(error_record(HandsError(ErrorCode.INTERNAL, message, hint)))
        finally:
            done.set()

    def _relay_signal(self, done: threading.Event) -> None:
        """A signal stops the current request, too."""
        while not done.wait(_POLL_S):
            if self._stopped.is_set():
                self._cancel()
                return

    def _reconstruct(self, request: _Request, output: RecordOutput) -> None:
        if not isinstance(request.body, dict) or request.body.get("request") != "reconstruct":
            raise HandsError(
                ErrorCode.USAGE,
                "A line on stdin is no request that is known.",
                'Send {"request": "reconstruct", "input": PATH, ...}, {"request": "cancel"} or {"request": "quit"}.',
            )
        arguments = request_arguments(request.body)
        outcome = reconstruct(arguments, lambda report: self._engine(arguments, report), output, request.cancelled)
        finish(outcome, output)

    def _engine(self, arguments: argparse.Namespace, report: Reporter) -> Engine:
        """The engine that the arguments name: the one of the last request where nothing about it has changed."""
        options = engine_options(arguments)
        key = (arguments.engine, options, _file_stamps(options))
        if self._loaded is not None and self._loaded[0] == key:
            return self._loaded[1]
        self._loaded = None  # never two in memory
        engine = load_engine(arguments, report)
        if engine.name == arguments.engine:  # else its files or packages may be there at the next request
            self._loaded = (key, engine)
        return engine


class _TaggedOutput(RecordOutput):
    """Records that carry the ``id`` of their request, where it has one; where nobody reads them, it is cancelled."""

    def __init__(self, output: RecordOutput, request: _Request) -> None:
        super().__init__()
        self._output, self._cancelled = output, request.cancelled
        self._tag = {"id": request.body["id"]} if isinstance(request.body, dict) and "id" in request.body else {}

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Write one record."""
        try:
            self._output({**record, **self._tag})
        except BrokenPipeError:
            self._cancelled.set()  # the frames done so far are still worth keeping


def _file_stamps(options: EngineOptions) -> tuple[tuple[str, int, int], ...]:
    """Path, size and time of every file that an engine may be loaded from: the user imports and removes some."""
    from ..models import default_models_dir

    folders, stamps = [options.weights_dir], []
    with suppress(HandsError):  # the user's folder may be unknown; whoever needs it says so
        folders.append(options.models_dir or default_models_dir())
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            stamps += [(entry.path, (stat := entry.stat()).st_size, stat.st_mtime_ns) for entry in entries]
    return tuple(sorted(stamps))


def request_arguments(request: Mapping[str, Any]) -> argparse.Namespace:
    """The arguments of a reconstruct request, checked as those of the command line are.

    Raises
    ------
    HandsError
        USAGE
    """
    parser = Parser(prog="reconstruct", add_help=False)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    add_options(parser)
    options = request.get("options") or {}
    if not isinstance(options, dict):
        raise HandsError(ErrorCode.USAGE, "The request's options are no JSON object.", 'For example {"fov": 60}.')
    values = {"input": request.get("input"), "out": request.get("out"), **options}
    words = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        option = f"--{str(name).replace('_', '-')}"
        if value is True:
            words.append(option)
        elif isinstance(value, dict):  # boxes by frame number
            words += [f"{option}={frame}:{_text(box)}" for frame, box in value.items()]
        else:
            words.append(f"{option}={_text(value)}")
    return parser.parse_args(words)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
