"""The lock that is shipped: complete, from one place, and true to the systems it names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from inference.runtime import PACKAGES
from tests.extension_package import extension_module

lock_module = extension_module("twohand_blender.runtime.lock")
target_module = extension_module("twohand_blender.runtime.target")
contract = extension_module("inference.contract")
LOCK = lock_module.read_lock()
Target = target_module.Target

# Official builds of Blender: 4.5 and 5.0 with Python 3.11, 5.1 and 5.2 with 3.13; Intel Macs up to 4.5.
OFFICIAL = [
    *((python, *system) for python in ((3, 11), (3, 13)) for system in (
        ("linux", "x86_64"), ("windows", "x86_64"), ("macos", "arm64"),
    )),
    ((3, 11), "macos", "x86_64"),
]  # fmt: skip
TAGS = {
    "linux-x86_64": r"manylinux\w*_x86_64",
    "linux-arm64": r"manylinux\w*_aarch64",
    "windows-x86_64": r"win_amd64",
    "macos-arm64": r"macosx_\w+_arm64",
    "macos-x86_64": r"macosx_\w+_x86_64",
}


@pytest.mark.parametrize(("python", "system", "machine"), OFFICIAL)
def test_every_official_blender_has_what_the_worker_needs_and_no_more(
    python: tuple[int, int], system: str, machine: str
) -> None:
    wheels = LOCK.wheels_of(Target(python, system, machine), "cpu")
    assert sorted(wheel.name for wheel in wheels) == sorted(item.pip_name for item in PACKAGES if item.required)


def test_every_file_fits_the_target_that_it_is_locked_for() -> None:
    for target, variants in LOCK.targets.items():
        interpreter, _, system = target.partition("-")
        for name in {name for names in variants.values() for name in names}:
            _, _, python, abi, platform = name.removesuffix(".whl").split("-")
            assert python in (interpreter, "py3") or abi == "abi3", (target, name)
            assert platform == "any" or re.search(TAGS[system], platform), (target, name)


def test_every_file_is_named_by_hash_and_comes_over_https() -> None:
    assert len(LOCK.wheels) > 40
    for wheel in LOCK.wheels.values():
        assert wheel.url.startswith(("https://files.pythonhosted.org/", "https://download.pytorch.org/")), wheel
        assert re.fullmatch(r"[0-9a-f]{64}", wheel.sha256), wheel
        assert re.fullmatch(r"[0-9a-f]{64}", wheel.record_sha256), wheel
        assert 0 < wheel.byte_count < wheel.unpacked_byte_count, wheel
        assert wheel.filename.startswith(wheel.name.replace("-", "_") + "-" + wheel.version), wheel


def test_every_locked_file_is_used() -> None:
    used = {name for variants in LOCK.targets.values() for names in variants.values() for name in names}
    assert used == set(LOCK.wheels)


def test_the_standard_variant_stays_small() -> None:
    for target in LOCK.targets:
        wheels = [LOCK.wheels[name] for name in LOCK.targets[target]["cpu"]]
        assert sum(wheel.byte_count for wheel in wheels) < 110e6, target
        assert sum(wheel.unpacked_byte_count for wheel in wheels) < 310e6, target


def test_research_is_the_standard_variant_and_torch() -> None:
    for target, variants in LOCK.targets.items():
        if "research" in variants:
            names = {LOCK.wheels[name].name for name in variants["research"]}
            assert set(variants["cpu"]) <= set(variants["research"]), target
            assert names - {LOCK.wheels[name].name for name in variants["cpu"]} == {
                "torch", "safetensors", "typing-extensions", "sympy", "mpmath",
            }  # fmt: skip


def test_what_the_lock_does_not_have_is_said_in_words() -> None:
    with pytest.raises(contract.HandsError, match=r"Python 3\.9 on Linux \(x86_64\)"):
        LOCK.wheels_of(Target((3, 9), "linux", "x86_64"), "cpu")
    with pytest.raises(contract.HandsError, match="variant 'research' is not there"):
        LOCK.wheels_of(Target((3, 13), "linux", "arm64"), "research")


@pytest.mark.parametrize(
    ("system", "version", "filename", "needed"),
    [
        ("macos", (12, 7), "x-1-cp313-cp313-macosx_13_0_arm64.whl", "macOS 13.0"),
        ("macos", (13, 0), "x-1-cp313-cp313-macosx_13_0_arm64.whl", ""),
        ("macos", (26, 1), "x-1-cp313-cp313-macosx_13_0_arm64.whl", ""),
        ("linux", (2, 17), "x-1-cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", "glibc 2.27"),
        ("linux", (2, 27), "x-1-cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", ""),
        ("linux", (), "x-1-cp313-cp313-manylinux_2_28_x86_64.whl", ""),
        ("windows", (), "x-1-cp313-cp313-win_amd64.whl", ""),
        ("linux", (2, 17), "x-1-py3-none-any.whl", ""),
    ],
)
def test_wheels_for_newer_systems_are_told(system: str, version: tuple[int, ...], filename: str, needed: str) -> None:
    assert Target((3, 13), system, "x86_64", version).too_old_for(filename) == needed


def test_this_machine_is_a_target_with_a_version() -> None:
    target: Any = target_module.this_target()
    assert re.fullmatch(r"cp3\d+-(linux|windows|macos)-\w+", target.name)


@pytest.mark.parametrize("content", ["", "[]", '{"wheels": {}}', '{"wheels": {"a": {}}, "targets": {}}'])
def test_a_broken_lock_is_a_broken_installation(tmp_path: Any, content: str) -> None:
    path = tmp_path / "lock.json"
    path.write_text(content)
    with pytest.raises(contract.HandsError, match="cannot be used"):
        lock_module.read_lock(path)
