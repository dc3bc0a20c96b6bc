"""Writing a take: the whole new file or the old one, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from inference.contract import TAKE_SUFFIX, ErrorCode, HandsError, read_take, write_take
from tests.stand_in_take import stand_in_take


@pytest.fixture
def take_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.hands.npz"
    write_take(stand_in_take(), path)
    return path


def error_of_writing(path: Path, frame_count: int = 5) -> HandsError:
    with pytest.raises(HandsError) as caught:
        write_take(stand_in_take(frame_count), path)
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value


def test_a_file_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("n" * (255 - len(TAKE_SUFFIX)) + TAKE_SUFFIX)
    write_take(stand_in_take(), path)
    assert len(read_take(path).frames) == 5


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_take_has_the_permissions_of_any_new_file(tmp_path: Path, take_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert take_path.stat().st_mode == ordinary.stat().st_mode


def test_a_take_that_cannot_be_finished_leaves_the_old_one(take_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = take_path.read_bytes()

    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    error = error_of_writing(take_path, frame_count=9)
    assert error.code is ErrorCode.OUTPUT_NOT_WRITABLE
    assert "Input/output error" in error.message
    assert take_path.read_bytes() == before
    assert list(take_path.parent.iterdir()) == [take_path]


def test_an_interrupted_write_leaves_the_old_take(take_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = take_path.read_bytes()

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_take(stand_in_take(9), take_path)
    assert take_path.read_bytes() == before
    assert list(take_path.parent.iterdir()) == [take_path]


class FullDisk(BytesIO):
    """A file on a disk with room for a hundred bytes."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_told_as_such(take_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = take_path.read_bytes()
    open_for_real = Path.open

    def open_on_full_disk(self: Path, mode: str = "r", **options: Any) -> Any:
        if "x" in mode:
            open_for_real(self, mode).close()  # the name is taken; the content finds no room
            return FullDisk()
        return open_for_real(self, mode, **options)

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    error = error_of_writing(take_path)
    assert error.code is ErrorCode.DISK_FULL
    assert str(take_path.parent) in error.message
    monkeypatch.undo()
    assert take_path.read_bytes() == before
    assert list(take_path.parent.iterdir()) == [take_path]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB, where we may mount one."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607  # wherever the system keeps umount


def test_a_disk_that_is_really_full(tiny_disk: Path) -> None:
    path = tiny_disk / "a.hands.npz"
    write_take(stand_in_take(), path)
    before = path.read_bytes()
    error = error_of_writing(path, frame_count=200)
    assert error.code is ErrorCode.DISK_FULL
    assert path.read_bytes() == before
    assert list(tiny_disk.iterdir()) == [path]


def test_a_folder_that_is_missing_or_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.hands.npz").mkdir()
    for path in ("gone/a.hands.npz", "file/a.hands.npz", "folder.hands.npz"):
        error = error_of_writing(tmp_path / path)
        assert error.code is ErrorCode.OUTPUT_NOT_WRITABLE
        assert Path(path).name in error.message
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder.hands.npz"]


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):  # root may write anywhere: let the file system's answer be given by hand

        def refuse(self: Path, *_: Any, **__: Any) -> Any:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    error = error_of_writing(folder / "a.hands.npz")
    assert error.code is ErrorCode.OUTPUT_NOT_WRITABLE
    assert "Permission denied" in error.message
