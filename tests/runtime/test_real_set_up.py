"""A real set up from PyPI, and hands found with what it made; only where it is asked for (`make runtime-test`)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extension_package import ROOT, extension_module

lock_module = extension_module("twohand_blender.runtime.lock")
plan_module = extension_module("twohand_blender.runtime.plan")
set_up_module = extension_module("twohand_blender.runtime.set_up")
state_module = extension_module("twohand_blender.runtime.state")
TARGET = extension_module("twohand_blender.runtime.target").this_target()
PICTURE = ROOT / "tests" / "inference" / "detect" / "data" / "two_apart.jpg"


def reason_to_skip() -> str:
    """Empty where there is none."""
    if not os.environ.get("TWOHAND_TEST_PYPI"):
        return "it downloads 91 MB; `make runtime-test` runs it"
    try:
        socket.create_connection(("files.pythonhosted.org", 443), timeout=10).close()
    except OSError as error:
        return f"PyPI cannot be reached ({error})"
    return ""


def test_a_set_up_from_pypi_finds_hands(tmp_path: Path) -> None:
    if reason := reason_to_skip():
        pytest.skip(reason)
    lock = lock_module.read_lock()
    folder = tmp_path / "runtime"
    plan = plan_module.make_plan(lock, TARGET, Path(sys.executable), folder, "cpu", wheels_folder=None)
    set_up_module.set_up(plan, lock, ROOT, online=True)
    state = state_module.read_state(folder, lock, TARGET)
    assert state.standing is state_module.RuntimeStanding.READY
    take = tmp_path / "two.hands.npz"
    command = [str(state.python), "-m", "inference", "reconstruct", str(PICTURE), "--out", str(take)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert take.is_file()
    assert "Right hand: 1 frame" in done.stderr
    assert "Left hand: 1 frame" in done.stderr
