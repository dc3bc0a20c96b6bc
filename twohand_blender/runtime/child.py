"""The process that sets up: records on stdout, ends with Blender, may be killed at any moment."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...inference.contract import ErrorCode, HandsError, error_record, hello_record
from .lock import read_lock
from .one_at_a_time import alone_in
from .plan import Plan, make_plan
from .set_up import set_up
from .target import this_target

_RECORD_EVERY_S: Final = 0.1


def setup_command(plan: Plan, lock: Path, program: Path, *, online: bool) -> list[str]:
    """The command line of the process that carries out a plan.

    Parameters
    ----------
    plan : what is to be done; the process looks again at what is there
    lock : the lock file
    program : the folder that holds ``inference``
    online : whether the network may be used
    """
    start = str(Path(__file__).with_name("start.py"))
    words = [str(plan.base_python), "-I", "-B", start, "--folder", str(plan.folder), "--variant", plan.variant]
    words += ["--lock", str(lock), "--program", str(program)]
    if plan.wheels_folder is not None:
        words += ["--wheels", str(plan.wheels_folder)]
    return [*words, "--online"] if online else words


def main(words: Sequence[str]) -> int:
    """Set up as the arguments say; the exit code is that of the worker's commands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--online", action="store_true")
    arguments = parser.parse_args(words)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    records = _Records()
    records(hello_record("setup"))
    try:
        lock = read_lock(arguments.lock)
        with alone_in(arguments.folder):
            plan = make_plan(
                lock,
                this_target(),
                Path(sys.executable),
                arguments.folder,
                arguments.variant,
                wheels_folder=arguments.wheels,
            )
            summary = set_up(plan, lock, arguments.program, records, online=arguments.online)
    except HandsError as error:
        records(error_record(error))
        return error.code.exit_code
    except Exception as error:  # the last resort: a sentence for the user, the traceback in the log
        import traceback

        traceback.print_exc()
        failure = HandsError(
            ErrorCode.INTERNAL, f"An unexpected error happened ({type(error).__name__}: {error}).", "Please report it."
        )
        records(error_record(failure))
        return failure.code.exit_code
    records({"record": "result", "take": None, "summary": summary})
    return 0


class _Records:
    """One JSON object a line on stdout; progress at most ten times a second."""

    def __init__(self) -> None:
        self._stage, self._told_s = "", 0.0

    def __call__(self, record: Mapping[str, Any]) -> None:
        if record["record"] == "progress":
            now_s = time.monotonic()
            due = record["stage"] != self._stage or record["done"] == record["total"]
            if not due and now_s - self._told_s < _RECORD_EVERY_S:
                return
            self._stage, self._told_s = record["stage"], now_s
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()


def _end_with_parent() -> None:
    """Blender holds the other end of our standard input; when it is gone, however it went, so are we."""
    while os.read(0, 1 << 12):
        pass
    os._exit(ErrorCode.WORKER_LOST.exit_code)
