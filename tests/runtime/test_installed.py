"""Unpacking wheels, comparing them with their own lists of files, and removing them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.extension_package import extension_module
from tests.runtime.made_wheels import lock_entry, make_wheel

installed = extension_module("twohand_blender.runtime.installed")
lock = extension_module("twohand_blender.runtime.lock")
contract = extension_module("inference.contract")


def wheel_of(path: Path) -> Any:
    entry = lock_entry(path, "https://example.org")
    names = ("name", "version", "url", "sha256", "bytes", "unpacked_bytes", "record_sha256")
    return lock.Wheel(path.name, *(entry[name] for name in names))


def unpacked(tmp_path: Path, name: str = "thing", **options: Any) -> tuple[Any, Path]:
    path = make_wheel(tmp_path, name, **options)
    wheel, site = wheel_of(path), tmp_path / "site packages ü"
    advanced: list[int] = []
    installed.unpack(wheel, path, site, advanced.append)
    assert sum(advanced) == wheel.unpacked_byte_count
    return wheel, site


def test_an_unpacked_wheel_is_whole(tmp_path: Path) -> None:
    wheel, site = unpacked(tmp_path)
    assert (site / "thing" / "__init__.py").read_text() == "NAME = 'thing'\n"
    assert installed.seems_installed(wheel, site)
    assert installed.is_installed(wheel, site)


@pytest.mark.parametrize("harm", ["changed", "missing", "list changed", "list missing"])
def test_whatever_is_not_as_it_was_packed_is_noticed(tmp_path: Path, harm: str) -> None:
    wheel, site = unpacked(tmp_path)
    record = site / "thing-1.0.dist-info" / "RECORD"
    module = site / "thing" / "__init__.py"
    if harm == "changed":
        module.write_text("NAME = 'thinG'\n")
    elif harm == "missing":
        module.unlink()
    elif harm == "list changed":
        record.write_text(record.read_text().replace("thing/__init__.py", "thing/other.py"))
    else:
        record.unlink()
    assert installed.seems_installed(wheel, site) == (harm in ("changed", "missing"))
    assert not installed.is_installed(wheel, site)


def test_byte_code_beside_a_module_is_no_harm_and_goes_with_it(tmp_path: Path) -> None:
    wheel, site = unpacked(tmp_path)
    (site / "thing" / "__pycache__").mkdir()
    (site / "thing" / "__pycache__" / "x.pyc").write_bytes(b"")
    assert installed.is_installed(wheel, site)
    installed.remove(site / wheel.dist_info)
    assert list(site.iterdir()) == []


def test_removing_one_package_leaves_the_files_of_others(tmp_path: Path) -> None:
    first, site = unpacked(tmp_path, "first", files={"shared/first.py": b"", "first.py": b""})
    second, _ = unpacked(tmp_path, "second", files={"shared/second.py": b""})
    assert installed.others_installed((first,), site) == [site / second.dist_info]
    installed.remove(site / first.dist_info)
    assert installed.is_installed(second, site)
    assert sorted(path.name for path in site.rglob("*.py")) == ["second.py"]


def test_an_unpacking_that_is_cut_short_does_not_count(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "thing")
    wheel, site = wheel_of(path), tmp_path / "site"

    class StoppedError(Exception):
        pass

    def stop(_byte_count: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        installed.unpack(wheel, path, site, stop)
    assert (site / "thing" / "__init__.py").is_file()
    assert not installed.seems_installed(wheel, site)
    installed.remove(site / wheel.dist_info)  # what is half there can be removed, too
    installed.unpack(wheel, path, site, lambda _byte_count: None)
    assert installed.is_installed(wheel, site)


def test_data_folders_of_libraries_are_moved_and_others_left_out(tmp_path: Path) -> None:
    files = {
        "thing-1.0.data/purelib/thing.py": b"A = 1\n",
        "thing-1.0.data/platlib/thing_native.so": b"\x7fELF",
        "thing-1.0.data/scripts/thing": b"#!python\n",
        "thing-1.0.data/data/share/man/thing.1": b"",
    }
    wheel, site = unpacked(tmp_path, files=files)
    assert {path.name for path in site.iterdir()} == {"thing.py", "thing_native.so", wheel.dist_info}
    assert installed.is_installed(wheel, site)


def test_headers_and_tests_of_torch_are_left_out(tmp_path: Path) -> None:
    files = {"torch/__init__.py": b"", "torch/include/a.h": b"x", "torch/test/b": b"y", "torch/testing/c.py": b""}
    wheel, site = unpacked(tmp_path, "torch", files=files)
    assert sorted(path.name for path in (site / "torch").iterdir()) == ["__init__.py", "testing"]
    assert installed.is_installed(wheel, site)


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/../../evil.py", "C:/evil.py", "..\\evil.py"])
def test_a_wheel_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = make_wheel(tmp_path, "thing")
    wheel, site = wheel_of(path), tmp_path / "site"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "evil")
    with pytest.raises(contract.HandsError, match="leads out"):
        installed.unpack(wheel, path, site, lambda _byte_count: None)
    assert not list(tmp_path.rglob("evil.py"))
    assert not site.exists()


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    wheel = wheel_of(make_wheel(tmp_path, "thing"))
    other = tmp_path / "other.whl"
    other.write_bytes(b"no zip file")
    with pytest.raises(contract.HandsError, match="cannot be unpacked"):
        installed.unpack(wheel, other, tmp_path / "site", lambda _byte_count: None)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("thing.py", "")
    with pytest.raises(contract.HandsError, match="has no thing-"):
        installed.unpack(wheel, other, tmp_path / "site", lambda _byte_count: None)
