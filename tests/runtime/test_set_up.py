"""Setting up from a folder and from a server, mending, changing, removing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.extension_package import ROOT, extension_module
from tests.runtime.made_set_up import MadeSetUp, Standing, environment, plan_module, state_module
from tests.runtime.made_wheels import write_program
from tests.runtime.wheel_server import WheelServer

contract = extension_module("inference.contract")


@pytest.fixture
def made(served: WheelServer, noise: bytes, tmp_path: Path) -> MadeSetUp:
    return MadeSetUp(tmp_path, served.folder, served.address, noise)


def imported(made: MadeSetUp, code: str) -> str:
    """What the environment's interpreter prints."""
    python = made.state().python
    done = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_set_up_makes_an_environment_of_exactly_the_locked_packages(made: MadeSetUp, served: WheelServer) -> None:
    assert made.state().standing is Standing.NONE
    records = made.set_up()
    state = made.state()
    assert state.standing is Standing.READY
    assert state.reason == ""
    assert state.variant == "cpu"
    assert 40_000 < state.byte_count < 5_000_000
    assert imported(made, "import alpha, beta, sys; print(sys.prefix)") == str(made.runtime / "python")
    assert "numpy" not in imported(made, "import importlib.metadata as m; print([d.name for d in m.distributions()])")
    assert [name for name, _ in served.requests] == ["alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"]
    assert sorted(path.name for path in made.runtime.iterdir()) == ["installed.json", "python"]
    stages = list(dict.fromkeys(record["stage"] for record in records))
    assert stages == ["prepare", "examine", "download", "unpack", "try"]
    page = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    assert all(f"`{stage}`" in page for stage in stages)
    for stage in ("download", "unpack"):
        shown = [record for record in records if record["stage"] == stage]
        assert shown[-1]["done"] == shown[-1]["total"] > 30
        assert [record["done"] for record in shown] == sorted(record["done"] for record in shown)


def test_nothing_is_installed_into_the_python_that_it_is_made_of(made: MadeSetUp) -> None:
    made.set_up()
    code = "import importlib.util; print(importlib.util.find_spec('alpha'))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def test_without_network_a_folder_of_wheels_is_enough(made: MadeSetUp, served: WheelServer) -> None:
    plan = made.plan(wheels_folder=made.wheels)
    assert plan.to_download == ()
    assert plan.download_bytes == 0
    assert plan_module.obstacle(plan, online=False) is None
    made.set_up(online=False, wheels_folder=made.wheels)
    assert made.state().standing is Standing.READY
    assert served.requests == []
    assert len(list(made.wheels.iterdir())) == 3, "the user's folder is left as it was"


def test_a_damaged_file_in_the_folder_of_wheels_is_told(made: MadeSetUp) -> None:
    path = made.wheels / "beta-1.0-py3-none-any.whl"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(contract.HandsError, match=r"beta-1\.0.* is damaged"):
        made.set_up(online=False, wheels_folder=made.wheels)
    assert made.state().standing is Standing.UNFINISHED


def test_a_set_up_that_broke_off_goes_on(made: MadeSetUp, served: WheelServer) -> None:
    kept = (made.wheels / "beta-1.0-py3-none-any.whl").read_bytes()
    (made.wheels / "beta-1.0-py3-none-any.whl").unlink()
    with pytest.raises(contract.HandsError, match="404"):
        made.set_up()
    assert made.state().standing is Standing.UNFINISHED
    (made.wheels / "beta-1.0-py3-none-any.whl").write_bytes(kept)
    plan = made.plan()
    assert [wheel.name for wheel in plan.to_download] == ["beta"]
    served.requests.clear()
    made.set_up()
    assert served.requests == [("beta-1.0-py3-none-any.whl", 0)]
    assert made.state().standing is Standing.READY


def test_a_change_whose_download_fails_leaves_what_was_ready(made: MadeSetUp) -> None:
    made.set_up()
    (made.wheels / "gamma-1.0-py3-none-any.whl").unlink()
    with pytest.raises(contract.HandsError, match="404"):
        made.set_up("research")
    assert made.state().standing is Standing.READY
    assert made.state().variant == "cpu"
    assert imported(made, "import alpha, beta; print('whole')") == "whole"


def test_which_variant_was_begun_is_known(made: MadeSetUp) -> None:
    gamma = made.wheels / "gamma-1.0-py3-none-any.whl"
    kept = gamma.read_bytes()
    gamma.unlink()
    with pytest.raises(contract.HandsError, match="404"):
        made.set_up("research")
    assert made.state().standing is Standing.UNFINISHED
    assert made.state().variant == "research"
    note = made.runtime / "downloads" / "variant.txt"
    note.write_text("nonsense")
    assert made.state().variant == ""
    note.unlink()
    assert made.state().variant == ""
    gamma.write_bytes(kept)
    made.set_up("research")
    assert made.state().standing is Standing.READY
    assert not note.parent.exists()


def test_repairing_downloads_what_was_changed_and_no_more(made: MadeSetUp, served: WheelServer) -> None:
    made.set_up()
    served.requests.clear()
    made.set_up()
    assert served.requests == []
    (made.site_packages / "beta" / "noise.bin").write_bytes(b"changed")
    assert made.plan().to_download == (), "what a look at the lists does not show, the set up itself finds"
    made.set_up()
    assert served.requests == [("beta-1.0-py3-none-any.whl", 0)]
    assert imported(made, "import alpha, beta; print('whole')") == "whole"


def test_what_must_be_downloaded_after_all_waits_for_leave(made: MadeSetUp, served: WheelServer) -> None:
    made.set_up()
    served.requests.clear()
    (made.site_packages / "beta" / "noise.bin").write_bytes(b"changed")
    with pytest.raises(contract.HandsError, match="may not use the network"):
        made.set_up(online=False)
    assert served.requests == []


def test_a_blender_that_has_moved_costs_no_download(made: MadeSetUp, served: WheelServer) -> None:
    made.set_up()
    served.requests.clear()
    shutil.rmtree(environment.interpreter_in(made.runtime).parent)
    state = made.state()
    assert state.standing is Standing.BROKEN
    assert "gone or has moved" in state.reason
    made.set_up()
    assert made.state().standing is Standing.READY
    assert served.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="there it is a copy, tried on POSIX alone")
def test_a_python_without_the_module_venv_is_enough(made: MadeSetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    run = environment._run

    def without_venv(command: list[str]) -> str | None:
        return None if "venv" in command else run(command)

    monkeypatch.setattr(environment, "_run", without_venv)
    made.set_up()
    assert imported(made, "import alpha, sys; print(sys.prefix)") == str(made.runtime / "python")


def test_a_python_that_does_not_start_is_told(made: MadeSetUp) -> None:
    plan = replace(made.plan(), base_python=made.runtime / "nothing")
    with pytest.raises(contract.HandsError, match="No environment can be made of"):
        environment.make(plan.base_python, plan.folder, plan.target.python)


def test_changing_the_variant_adds_and_takes_away(made: MadeSetUp, served: WheelServer) -> None:
    made.set_up()
    served.requests.clear()
    made.set_up("research")
    assert served.requests == [("gamma-1.0-py3-none-any.whl", 0)]
    assert made.state().variant == "research"
    assert (made.site_packages / "gamma").is_dir()
    made.set_up("cpu")
    assert not (made.site_packages / "gamma").exists()
    assert made.state().variant == "cpu"


def test_an_environment_that_the_worker_cannot_use_is_not_called_ready(made: MadeSetUp) -> None:
    write_program(made.program, ["alpha", "not_locked"])
    with pytest.raises(contract.HandsError, match=r"not_locked: No module named.*Press Remove and set up again"):
        made.set_up()
    assert made.state().standing is Standing.UNFINISHED


def test_a_newer_lock_is_told_and_another_python_is_broken(made: MadeSetUp) -> None:
    made.set_up()
    newer: Any = replace(made.lock, digest="other")
    state = state_module.read_state(made.runtime, newer, made.plan().target)
    assert state.standing is Standing.READY
    assert "tested with other packages" in state.reason
    other = replace(made.plan().target, python=(3, 9))
    state = state_module.read_state(made.runtime, made.lock, other)
    assert state.standing is Standing.BROKEN
    assert "another Python" in state.reason


def test_removing_leaves_nothing(made: MadeSetUp) -> None:
    made.set_up()
    state_module.remove_runtime(made.runtime)
    assert not made.runtime.exists()
    assert made.state().standing is Standing.NONE
    state_module.remove_runtime(made.runtime)  # twice is no error


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"variant": "cpu"}'])
def test_a_damaged_note_counts_as_unfinished(made: MadeSetUp, content: str) -> None:
    made.set_up()
    (made.runtime / "installed.json").write_text(content)
    assert made.state().standing is Standing.UNFINISHED
