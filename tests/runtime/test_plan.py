"""The plan: what it says, and what stands in its way."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.extension_package import extension_module
from tests.runtime.made_set_up import TARGET, MadeSetUp, plan_module

contract = extension_module("inference.contract")


@pytest.fixture
def made(noise: bytes, tmp_path: Path) -> MadeSetUp:
    return MadeSetUp(tmp_path, tmp_path / "wheels", "https://files.example.org", noise)


def test_the_plan_tells_everything_before_anything_is_done(made: MadeSetUp) -> None:
    plan = made.plan()
    rows = dict(plan.rows())
    assert rows["Python"].startswith(f"{TARGET.python[0]}.{TARGET.python[1]}, Blender's own (")
    assert rows["Packages"] == "alpha 1.0, beta 1.0"
    assert rows["Download"] == "0.0 MB from files.example.org"
    assert rows["Folder"] == str(made.runtime)
    assert "CPU" in rows["Runs On"]
    assert set(rows) == {"Python", "Packages", "Download", "On Disk", "Folder", "Runs On"}
    assert "torch" in dict(made.plan("research").rows())["Runs On"]
    assert not made.runtime.exists()


def test_what_is_there_is_taken_off(made: MadeSetUp) -> None:
    sizes = {wheel.name: wheel.byte_count for wheel in made.lock.wheels.values()}
    assert made.plan().download_bytes == sizes["alpha"] + sizes["beta"]
    downloads = made.runtime / "downloads"
    downloads.mkdir(parents=True)
    shutil.copy(made.wheels / "alpha-1.0-py3-none-any.whl", downloads)
    (downloads / "beta-1.0-py3-none-any.whl.part").write_bytes(bytes(700))
    plan = made.plan()
    assert plan.download_bytes == sizes["beta"] - 700
    assert [wheel.name for wheel in plan.to_download] == ["beta"]


def test_offline_the_way_out_is_told(made: MadeSetUp) -> None:
    error = plan_module.obstacle(made.plan(), online=False)
    assert error.message == "Blender may not use the network."
    assert "Preferences > System > Network" in error.hint
    assert "folder of wheels" in error.hint
    assert plan_module.obstacle(made.plan(), online=True) is None


def test_what_a_folder_of_wheels_lacks_is_named(made: MadeSetUp) -> None:
    (made.wheels / "beta-1.0-py3-none-any.whl").unlink()
    plan = made.plan(wheels_folder=made.wheels)
    error = plan_module.obstacle(plan, online=False)
    assert "beta-1.0-py3-none-any.whl" in error.message
    assert "alpha" not in error.message
    assert plan_module.obstacle(plan, online=True) is None


def test_a_full_disk_is_told_before_the_start(made: MadeSetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(made.wheels)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1_000_000))
    error = plan_module.obstacle(made.plan(), online=True)
    assert error.code is contract.ErrorCode.DISK_FULL
    assert "has 1 MB free, and 64 MB are needed" in error.message


def test_a_folder_without_the_right_to_write_is_told_before_the_start(
    made: MadeSetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(os, "access", lambda path, _mode: bool(asked.append(path)))
    error = plan_module.obstacle(made.plan(), online=True)
    assert error.code is contract.ErrorCode.OUTPUT_NOT_WRITABLE
    assert "no right to write there" in error.message
    assert asked == [made.runtime.parent], "the folder itself is not there yet"


def test_packages_for_a_newer_system_are_told(made: MadeSetUp) -> None:
    name = "alpha-1.0-cp313-cp313-macosx_13_0_arm64.whl"
    wheel = replace(next(iter(made.lock.wheels.values())), filename=name)
    lock = replace(made.lock, wheels={name: wheel}, targets={"cp313-macos-arm64": {"cpu": (name,)}})
    target = replace(TARGET, python=(3, 13), system="macos", machine="arm64", system_version=(12, 6))
    with pytest.raises(contract.HandsError, match=r"alpha needs macOS 13\.0.*the preferences' field 'Own Python'"):
        plan_module.make_plan(lock, target, Path("python"), made.runtime, "cpu", wheels_folder=None)
