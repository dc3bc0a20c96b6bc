"""The process that sets up: its records, its end, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.extension_package import ROOT, extension_module
from tests.runtime.made_set_up import MadeSetUp, Standing, state_module
from tests.runtime.wheel_server import WheelServer

child = extension_module("twohand_blender.runtime.child")
record_process = extension_module("twohand_blender.record_process")
contract = extension_module("inference.contract")


def until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def made(served: WheelServer, noise: bytes, tmp_path: Path) -> MadeSetUp:
    return MadeSetUp(tmp_path, served.folder, served.address, noise)


def process_of(made: MadeSetUp, variant: str = "cpu") -> Any:
    command = child.setup_command(made.plan(variant), made.lock_path, made.program, online=True)
    return record_process.RecordProcess(command, made.program)


def test_it_sets_up_and_tells_of_it(made: MadeSetUp) -> None:
    process = process_of(made)
    process.start()
    process.wait()
    assert process.error is None, process.log_text()
    assert process.summary["variant"] == "cpu"
    assert process.progress["stage"] == "try"
    assert made.state().standing is Standing.READY


def test_its_errors_are_typed(made: MadeSetUp, served: WheelServer) -> None:
    (served.folder / "beta-1.0-py3-none-any.whl").unlink()
    process = process_of(made)
    process.start()
    process.wait()
    assert process.summary is None
    assert process.error.code is contract.ErrorCode.RUNTIME_MISSING
    assert "404" in process.error.message


def test_cancelling_ends_it_at_once_and_keeps_what_was_downloaded(made: MadeSetUp, served: WheelServer) -> None:
    served.pause_s = 0.05  # 4 seconds a file
    process = process_of(made)
    process.start()
    part = made.runtime / "downloads" / "alpha-1.0-py3-none-any.whl.part"
    until(lambda: process.poll() and part.is_file() and part.stat().st_size > 1_000)
    process.cancel()
    assert not process.running
    assert process.error.code is contract.ErrorCode.CANCELLED
    kept = part.stat().st_size
    time.sleep(0.3)
    assert part.stat().st_size == kept, "it goes on although it was cancelled"
    assert made.state().standing is Standing.UNFINISHED
    served.pause_s = 0.0
    served.requests.clear()
    made.set_up()
    assert served.requests[0] == ("alpha-1.0-py3-none-any.whl", kept)


def test_two_at_once_do_not_disturb_each_other(made: MadeSetUp, served: WheelServer) -> None:
    served.pause_s = 0.05
    first, second, third = process_of(made), process_of(made, "research"), process_of(made)
    first.start()
    until(lambda: first.poll() and served.requests)
    second.start()
    second.wait()
    assert second.error.code is contract.ErrorCode.OUTPUT_NOT_WRITABLE
    assert second.error.message == "Another Blender is setting up in the same folder."
    with pytest.raises(contract.HandsError, match="Another Blender is setting up"):
        state_module.remove_runtime(made.runtime)
    assert first.running
    assert made.state().variant == "cpu"
    os.kill(first._process.pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    first.wait()
    served.pause_s = 0.0
    third.start()
    third.wait()
    assert third.error is None, "what was killed leaves nothing locked"
    assert made.state().standing is Standing.READY


def test_it_ends_when_blender_is_killed(made: MadeSetUp, served: WheelServer, tmp_path: Path) -> None:
    """A parent of its own, killed without any chance to clean up."""
    served.pause_s = 0.05
    command = child.setup_command(made.plan(), made.lock_path, made.program, online=True)
    parent_script = tmp_path / "parent.py"
    parent_script.write_text(
        textwrap.dedent("""
        import json, subprocess, sys, time
        process = subprocess.Popen(json.loads(sys.argv[1]), stdin=subprocess.PIPE, start_new_session=True)
        time.sleep(60)
        """)
    )
    parent = subprocess.Popen([sys.executable, str(parent_script), json.dumps(command)], cwd=ROOT)
    part = made.runtime / "downloads" / "alpha-1.0-py3-none-any.whl.part"
    until(lambda: part.is_file() and part.stat().st_size > 1_000)
    parent.kill()
    parent.wait()
    time.sleep(0.5)
    size = part.stat().st_size
    time.sleep(0.5)
    assert part.stat().st_size == size


SCRIPTS = {
    "garbage": (
        "print('no record'); print('{\"record\": 7}'); say(record='result', take=None, summary={'a': 1})",
        {"a": 1},
    ),
    "senseless": ("say(record='progress'); say(record='result', take=None, summary={})", {}),
    "dies": ("sys.stderr.write('it broke\\n'); sys.exit(3)", None),
    "flood": (
        "[say(record='progress', stage='x', done=i, total=9999, eta_s=None) for i in range(9000)]; "
        "say(record='result', take=None, summary={'b': 2})",
        {"b": 2},
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_records_are_taken_in_whatever_comes_between(tmp_path: Path, name: str) -> None:
    script, summary = SCRIPTS[name]
    preamble = "import json, sys\ndef say(**record): print(json.dumps(record), flush=True)\n"
    process = record_process.RecordProcess([sys.executable, "-c", preamble + script], tmp_path)
    process.start()
    process.wait()
    assert process.summary == summary
    if name == "dies":
        assert process.error.code is contract.ErrorCode.WORKER_LOST
        assert "exit code 3" in process.error.message
        assert "it broke" in process.error.hint
    else:
        assert process.error is None


def test_what_cannot_be_started_says_so(tmp_path: Path) -> None:
    process = record_process.RecordProcess([str(tmp_path / "nothing")], tmp_path)
    with pytest.raises(contract.HandsError, match="cannot be started"):
        process.start()
    assert not process.running
    process.cancel()
