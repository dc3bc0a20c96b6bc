"""Workers that are scripts, and jobs for them: for the tests of what Blender's side does with any worker."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.extension_package import extension_module

worker_process = extension_module("twohand_blender.worker_process")
contract = extension_module("inference.contract")
Worker = extension_module("twohand_blender.worker").Worker
WarmWorker = extension_module("twohand_blender.warm_worker").WarmWorker
job_module = extension_module("twohand_blender.job")
Job, JobState, Patience = job_module.Job, job_module.JobState, job_module.Patience
ErrorCode = contract.ErrorCode

PREAMBLE = """
import json, os, signal, sys, time
number = None
def say(**record): print(json.dumps({**record, "id": number} if number else record), flush=True)
def next_request():
    global number
    request = json.loads(sys.stdin.readline() or sys.exit(0))
    number = request.get("id", number)
    return request
def hello():
    say(record="hello", protocol=1, version="fake")
    return next_request()
def progress(done, total=10, stage="hands"): say(record="progress", stage=stage, done=done, total=total, eta_s=1.5)
def result(complete=True): say(record="result", take="/tmp/x.hands.npz", summary={"complete": complete})
"""
REQUEST = {"request": "reconstruct", "input": '/clips/it\'s "two" 手\n.mp4', "options": {}}
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and process groups")


def write_script(folder: Path, script: str) -> None:
    (folder / "inference" / "__main__.py").write_text(PREAMBLE + textwrap.dedent(script), encoding="utf-8")


def finish(job: Any, within_s: float = 60.0) -> Any:
    """Poll like Blender's timer does."""
    return poll_until(job, lambda: not job.running, within_s)


def poll_until(job: Any, condition: Callable[[], object], within_s: float = 60.0) -> Any:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"it did not happen: {job.state}, {job.log_text()}"
        job.poll()
        time.sleep(0.01)
    return job.state


def run_to_end(job: Any) -> Any:
    """A job that is done."""
    job.start()
    assert finish(job) is JobState.DONE, job.error
    return job


def alive(process_id: int) -> bool:
    """Whether a process runs; a zombie that waits for its parent does not."""
    try:
        os.kill(process_id, 0)
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # gone meanwhile, or a system without /proc
        return not Path("/proc").is_dir()
    return state != "Z"
