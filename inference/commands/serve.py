"""``serve``: stays alive with its models loaded, takes requests as JSON lines on stdin, answers with records."""

from __future__ import annotations

import argparse
import io
import json
import logging
import queue
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import ErrorCode, HandsError, error_record
from .interrupt import cancel_on_signals, end_with_parent
from .output import RecordOutput
from .parser import Parser
from .reconstruct import add_options, finish, load_engine, reconstruct

if TYPE_CHECKING:
    from ..engines import Engine
    from ..pipeline import Reporter

_POLL_S: Final = 0.2
_QUIT: Final = object()


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


class _Server:
    """One request at a time; a thread reads stdin, so that a cancel request is heard while frames are made."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._requests: queue.Queue[object] = queue.Queue()
        self._cancelled = threading.Event()
        self._engines: dict[tuple[str, ...], Engine] = {}
        self._output = RecordOutput()

    def run(self) -> int:
        self._output.hello()
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # what JSON is, whatever the console's code page
        threading.Thread(target=self._read, name="read_requests", daemon=True).start()
        while not self._stopped.is_set():
            try:
                request = self._requests.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if request is _QUIT:
                return 0
            self._answer(request)
        return ErrorCode.CANCELLED.exit_code

    def _read(self) -> None:
        for line in sys.stdin:
            if not line.strip():
                continue
            try:
                request = json.loads(line)
                name = request.get("request") if isinstance(request, dict) else None
            except (ValueError, RecursionError):
                request, name = None, None
            if name == "cancel":
                self._cancel()
            elif name == "quit":
                break
            else:
                self._requests.put(request)
        self._cancel()
        self._requests.put(_QUIT)

    def _cancel(self) -> None:
        """Drop what waits and stop what runs."""
        while True:
            try:
                waiting = self._requests.get_nowait()
            except queue.Empty:
                break
            self._fail(waiting, HandsError(ErrorCode.CANCELLED, "Cancelled before it began."))
        self._cancelled.set()

    def _answer(self, request: object) -> None:
        self._cancelled.clear()
        relay = threading.Thread(target=self._relay_signal, args=(done := threading.Event(),), daemon=True)
        relay.start()
        try:
            self._reconstruct(request)
        except HandsError as error:
            self._fail(request, error)
        except MemoryError:
            self._fail(request, HandsError(ErrorCode.OUT_OF_MEMORY, "The memory of this machine is full."))
        except BrokenPipeError:
            self._stopped.set()
        except Exception as error:  # the server outlives a bad request; the traceback goes to the log
            logging.getLogger(__name__).exception("unexpected error")
            message = f"An unexpected error happened ({type(error).__name__}: {error})."
            self._fail(request, HandsError(ErrorCode.INTERNAL, message, "Please report it together with the log."))
        finally:
            done.set()

    def _relay_signal(self, done: threading.Event) -> None:
        """A signal stops the current request, too."""
        while not done.wait(_POLL_S):
            if self._stopped.is_set():
                self._cancelled.set()
                return

    def _reconstruct(self, request: object) -> None:
        if not isinstance(request, dict) or request.get("request") != "reconstruct":
            raise HandsError(
                ErrorCode.USAGE,
                "A line on stdin is no request that is known.",
                'Send {"request": "reconstruct", "input": PATH, ...}, {"request": "cancel"} or {"request": "quit"}.',
            )
        arguments = request_arguments(request)
        output = _TaggedOutput(self._output, request)
        finish(reconstruct(arguments, lambda report: self._engine(arguments, report), output, self._cancelled), output)

    def _engine(self, arguments: argparse.Namespace, report: Reporter) -> Engine:
        """The engine that the arguments name, loaded at most once."""
        names = ("engine", "weights", "models", "threads", "device", "hand_model")
        key = tuple(str(getattr(arguments, name)) for name in names)
        if key not in self._engines:
            engine = load_engine(arguments, report)
            if engine.name != arguments.engine:
                return engine  # another one took its place; its files may be there at the next request
            self._engines[key] = engine
        return self._engines[key]

    def _fail(self, request: object, error: HandsError) -> None:
        _TaggedOutput(self._output, request)(error_record(error))


class _TaggedOutput(RecordOutput):
    """Records that carry the ``id`` of their request, where it has one."""

    def __init__(self, output: RecordOutput, request: object) -> None:
        super().__init__()
        self._output = output
        self._tag = {"id": request["id"]} if isinstance(request, dict) and "id" in request else {}

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Write one record."""
        self._output({**record, **self._tag})


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
