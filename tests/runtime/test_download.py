"""Downloading against a server that behaves badly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.extension_package import extension_module
from tests.runtime.made_wheels import lock_entry, make_wheel
from tests.runtime.wheel_server import WheelServer

download = extension_module("twohand_blender.runtime.download")
lock = extension_module("twohand_blender.runtime.lock")
contract = extension_module("inference.contract")
NO_WAITS = (0.0, 0.0)


class Case:
    """A served wheel, and a folder to download it into."""

    def __init__(self, server: WheelServer, noise: bytes, folder: Path) -> None:
        path = make_wheel(server.folder, "thing", files={"thing/__init__.py": b"", "thing/noise.bin": noise})
        self.content = path.read_bytes()
        entry = lock_entry(path, server.address)
        names = ("name", "version", "url", "sha256", "bytes", "unpacked_bytes", "record_sha256")
        self.wheel = lock.Wheel(path.name, *(entry[name] for name in names))
        self.folder = folder
        self.part = folder / (path.name + ".part")
        self.advanced: list[int] = []
        folder.mkdir()

    def fetch(self, waits_s: tuple[float, ...] = NO_WAITS) -> Any:
        path = download.fetch(self.wheel, self.folder, self.advanced.append, waits_s)
        assert path.read_bytes() == self.content
        assert sum(self.advanced) == len(self.content), "progress must end at the file's size"
        assert [item.name for item in self.folder.iterdir()] == [self.wheel.filename]
        return path

    def refused(self, match: str, waits_s: tuple[float, ...] = NO_WAITS) -> Any:
        with pytest.raises(contract.HandsError, match=match) as caught:
            download.fetch(self.wheel, self.folder, self.advanced.append, waits_s)
        assert not (self.folder / self.wheel.filename).exists()
        return caught.value


@pytest.fixture
def case(served: WheelServer, noise: bytes, tmp_path: Path) -> Case:
    return Case(served, noise, tmp_path / "downloads ü")


def test_a_file_is_downloaded_once_and_then_only_checked(case: Case, served: WheelServer) -> None:
    case.fetch()
    case.advanced.clear()
    case.fetch()
    assert served.requests == [(case.wheel.filename, 0)]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(case: Case, served: WheelServer) -> None:
    served.cuts, served.cut_after = 2, 7_000
    case.fetch()
    assert served.requests == [(case.wheel.filename, 0), (case.wheel.filename, 7_000), (case.wheel.filename, 14_000)]


def test_what_an_earlier_run_left_is_not_downloaded_again(case: Case, served: WheelServer) -> None:
    case.part.write_bytes(case.content[:9_000])
    case.fetch()
    assert served.requests == [(case.wheel.filename, 9_000)]


def test_a_server_without_ranges_is_asked_for_everything_again(case: Case, served: WheelServer) -> None:
    served.ranges = False
    case.part.write_bytes(case.content[:9_000])
    case.fetch()
    assert len(served.requests) == 1


def test_a_part_of_another_file_is_thrown_away(case: Case, served: WheelServer) -> None:
    case.part.write_bytes(bytes(9_000))
    case.fetch()
    assert served.requests == [(case.wheel.filename, 9_000), (case.wheel.filename, 0)]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(case: Case, served: WheelServer) -> None:
    case.part.write_bytes(bytes(len(case.content) + 5))
    case.fetch()
    assert served.requests == [(case.wheel.filename, 0)]


def test_a_changed_file_is_refused_and_not_kept(case: Case, served: WheelServer) -> None:
    changed = bytearray(case.content)
    changed[100] ^= 1
    served.instead[case.wheel.filename] = bytes(changed)
    error = case.refused("another file than the one that was tested")
    assert error.code is contract.ErrorCode.RUNTIME_MISSING
    assert list(case.folder.iterdir()) == []
    assert len(served.requests) == 2, "it is tried once more, since a part may have been old"


def test_no_more_is_written_than_the_file_has(case: Case, served: WheelServer) -> None:
    served.more = bytes(50_000)
    case.fetch()


def test_a_shorter_file_is_refused(case: Case, served: WheelServer) -> None:
    served.instead[case.wheel.filename] = case.content[:5_000]
    case.refused("another file")


def test_a_missing_file_is_not_asked_for_again(case: Case, served: WheelServer) -> None:
    (served.folder / case.wheel.filename).unlink()
    error = case.refused("404")
    assert case.wheel.filename in error.message
    assert len(served.requests) == 1


def test_a_busy_server_is_asked_again(case: Case, served: WheelServer) -> None:
    served.refusals = [503, 429]
    case.fetch()
    assert len(served.requests) == 3


def test_a_server_that_stays_busy_is_given_up(case: Case, served: WheelServer) -> None:
    served.refusals = [503] * 20
    case.refused("503")
    assert len(served.requests) == len(NO_WAITS) + 1


def test_without_a_server_the_part_is_kept(case: Case, served: WheelServer) -> None:
    case.part.write_bytes(case.content[:9_000])
    object.__setattr__(case.wheel, "url", f"http://127.0.0.1:1/{case.wheel.filename}")
    error = case.refused("127.0.0.1:1 cannot be reached")
    assert "kept" in error.hint
    assert case.part.read_bytes() == case.content[:9_000]


def test_a_folder_that_cannot_be_written_is_named(case: Case, tmp_path: Path) -> None:
    case.folder.rmdir()
    case.folder.write_text("a file is in the way")
    with pytest.raises(contract.HandsError) as caught:
        download.fetch(case.wheel, case.folder, case.advanced.append, NO_WAITS)
    assert caught.value.code is contract.ErrorCode.OUTPUT_NOT_WRITABLE
