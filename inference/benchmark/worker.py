"""One run of the worker in a process of its own, as Blender starts it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..contract import ErrorCode, HandsError, parse_record

_PROGRAM_FOLDER: Final = Path(__file__).resolve().parents[2]


def run_worker(movie: Path, listen: Callable[[Mapping[str, Any]], None] = lambda _record: None) -> dict[str, Any]:
    """Reconstruct a movie; the summary of the result.

    Parameters
    ----------
    listen : receives each record when it comes

    Raises
    ------
    HandsError
        the worker's error, or WORKER_LOST
    """
    take = movie.with_suffix(".hands.npz")
    command = [sys.executable, "-m", "inference", "reconstruct", str(movie), "--out", str(take), "--records"]
    last: dict[str, Any] = {}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
        subprocess.Popen(
            command, cwd=_PROGRAM_FOLDER, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8"
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - asked for above
        for line in process.stdout:
            if record := parse_record(line):
                last = record
                listen(record)
        code = process.wait()
        log.seek(0)
        detail = log.read()[-500:]
    if last.get("record") == "result":
        return last["summary"]
    if last.get("record") == "error":
        raise HandsError(ErrorCode.from_label(last["code"]), last["message"], last["hint"])
    raise HandsError(ErrorCode.WORKER_LOST, f"The worker ended with exit code {code}.", detail)
