"""Where a command's records go: lines of JSON on stdout, or a bar and sentences for a person on stderr."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from .. import __version__
from ..contract import HandsError, error_record, hello_record

STAGE_NAMES: Final = {
    "track": "Reconstructing",
    "look_back": "Looking back",
    "refine": "Refining",
    "preview": "Drawing",
    "import": "Importing",
    "index": "Indexing annotations",
    "evaluate": "Evaluating",
    "train": "Training",
}
_UNITS: Final = {"import": "MB", "index": "MB", "evaluate": "picture", "train": "step"}
_RECORD_EVERY_S: Final = 0.1
_LINE_EVERY_S: Final = 5.0


class RecordOutput:
    """One JSON object a line on stdout, each written whole; progress at most ten times a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress_s = -_RECORD_EVERY_S
        self._stage = ""

    def __enter__(self) -> RecordOutput:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Write one record."""
        if record["record"] == "progress" and not self._due(record):
            return
        line = json.dumps(record, ensure_ascii=True, allow_nan=False)
        with self._lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def hello(self) -> None:
        """The first record of a run."""
        self(hello_record(__version__))

    def _due(self, record: Mapping[str, Any]) -> bool:
        now_s = time.monotonic()
        last = record["done"] == record["total"] or record["stage"] != self._stage
        if not last and now_s - self._progress_s < _RECORD_EVERY_S:
            return False
        self._progress_s, self._stage = now_s, record["stage"]
        return True


class PersonOutput:
    """For a person: a bar on a terminal, a line every few seconds elsewhere; warnings as sentences."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        self._line_s = time.monotonic()

    def __enter__(self) -> PersonOutput:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close_bar()

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Show one record."""
        kind = record["record"]
        if kind == "progress":
            self._progress(record)
        elif kind == "warning":
            self.line(f"Note: {record['message']}")

    def line(self, text: str) -> None:
        """A line of text that leaves the bar whole."""
        if self._bar is not None:
            self._bar.clear()
        print(text, file=sys.stderr)  # noqa: T201 - the command line's voice

    def _progress(self, record: Mapping[str, Any]) -> None:
        stage: str = record["stage"]
        done, total = record["done"], record["total"]
        if stage != self._stage:
            self._close_bar()
            self._stage = stage
            self._bar = _terminal_bar(STAGE_NAMES.get(stage, stage), total, _UNITS.get(stage, "frame"))
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._line_s >= _LINE_EVERY_S:
            self._line_s = time.monotonic()
            eta = "" if record["eta_s"] is None else f", {record['eta_s']:.0f} s left"
            self.line(f"{STAGE_NAMES.get(stage, stage)}: {done} of {total}{eta}")

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


Output = RecordOutput | PersonOutput


def _terminal_bar(name: str, total: int | None, unit: str) -> Any:
    """A tqdm bar, or None where there is no terminal, nothing to count or no tqdm."""
    if not sys.stderr.isatty() or total is None or total <= 1:
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=total, desc=name, unit=unit, dynamic_ncols=True, leave=False)


def open_output(as_records: bool) -> Output:
    """The output that the user asked for."""
    return RecordOutput() if as_records else PersonOutput()


def print_error(error: HandsError, *, as_records: bool) -> None:
    """The last word of a command that failed."""
    if as_records:
        RecordOutput()(error_record(error))
    else:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201 - the command line's voice
