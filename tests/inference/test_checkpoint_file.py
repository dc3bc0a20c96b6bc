"""The journal of frames beside an unfinished take: what is read is what was saved, whatever became of the file."""

from __future__ import annotations

import errno
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.camera import Camera
from inference.checkpoint import Checkpoint, RunState
from inference.clip import RECORD_ARRAYS, ClipBuilder
from inference.contract import ErrorCode, HandsError
from tests.fake_engine import FakeEngine
from tests.pictures import quadrants

IDENTITY = {"engine": "fake", "selection": [None, None, 1]}
CAMERA = Camera.from_horizontal_fov(60, (96, 64))


class Work:
    """A run that grows frame by frame; its hands differ from frame to frame, and every third frame has none."""

    def __init__(self) -> None:
        self.builder = ClipBuilder(10)
        self.engine_run = FakeEngine().start(CAMERA)

    def go_on(self, frames: int) -> None:
        for _ in range(frames):
            number = len(self.builder) + 1
            self.builder.append(number, self.engine_run.reconstruct_frame(quadrants()) if number % 3 else None)


def state(frames: int) -> RunState:
    return RunState([{"record": "warning", "frame": number} for number in range(frames)], {"memory": float(frames)})


def everything(builder: ClipBuilder) -> dict[str, Any]:
    return builder.records(np.arange(len(builder)))


def read(path: Path, identity: dict[str, Any] | None = None) -> tuple[ClipBuilder, RunState | None]:
    builder = ClipBuilder(10)
    return builder, Checkpoint(path, identity or IDENTITY).resume(builder)


def assert_same(one: ClipBuilder, other: ClipBuilder) -> None:
    assert len(one) == len(other)
    for name in RECORD_ARRAYS:
        np.testing.assert_array_equal(everything(one)[name], everything(other)[name], err_msg=name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.hands.partial"


def test_what_was_saved_in_parts_is_read_as_one(path: Path) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    for frames in (1, 5, 70, 3):
        work.go_on(frames)
        checkpoint.save(work.builder, state(len(work.builder)))
    found, known = read(path)
    assert_same(found, work.builder)
    assert known == state(79)


def test_rows_changed_by_looking_back_are_saved_again(path: Path) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    work.go_on(9)
    checkpoint.save(work.builder, state(9))
    hand = work.engine_run.reconstruct_frame(quadrants())["right"]
    work.builder.put(2, {"left": hand})
    checkpoint.save(work.builder, state(9))
    found, _ = read(path)
    assert_same(found, work.builder)
    assert found.view().present[:, 2].tolist() == [False, True]
    assert found.tracked()[:, 2].tolist() == [False, False], "the forward pass did not see it"


def test_a_resumed_run_adds_to_the_same_file(path: Path) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    work.go_on(4)
    checkpoint.save(work.builder, state(4))
    second = Checkpoint(path, IDENTITY)
    work.builder = ClipBuilder(10)
    assert second.resume(work.builder) == state(4)
    work.go_on(3)
    second.save(work.builder, state(7))
    found, known = read(path)
    assert_same(found, work.builder)
    assert known == state(7)


def test_a_save_costs_as_much_late_as_early(path: Path) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    sizes = [0]
    for _ in range(8):
        work.go_on(50)
        checkpoint.save(work.builder, state(0))
        sizes.append(path.stat().st_size)
    assert len(set(np.diff(sizes).tolist())) == 1
    assert sizes[1] < 50 * 4000


@pytest.mark.parametrize("lost", [1, 300, 3000])
def test_a_part_that_is_cut_off_is_made_again(path: Path, lost: int) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    work.go_on(6)
    checkpoint.save(work.builder, state(6))
    whole = path.stat().st_size
    work.go_on(6)
    checkpoint.save(work.builder, state(12))
    path.write_bytes(path.read_bytes()[:-lost])
    work.builder = ClipBuilder(10)
    again = Checkpoint(path, IDENTITY)
    assert again.resume(work.builder) == state(6)
    assert len(work.builder) == 6
    work.go_on(2)
    again.save(work.builder, state(8))
    assert_same(read(path)[0], work.builder)
    assert path.stat().st_size < 2 * whole, "what was left of the part is gone"


def test_damage_in_the_middle_keeps_what_comes_before(path: Path) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    work.go_on(6)
    checkpoint.save(work.builder, state(6))
    end = path.stat().st_size
    for _ in range(2):
        work.go_on(6)
        checkpoint.save(work.builder, state(len(work.builder)))
    content = bytearray(path.read_bytes())
    content[end + 4000] ^= 0xFF
    path.write_bytes(content)
    found, known = read(path)
    assert (len(found), known) == (6, state(6))


@pytest.mark.parametrize("content", [b"", b"PK", b"\xff" * 4000, b"\x00" * 4000])
def test_another_file_of_that_name_is_none(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    found, known = read(path)
    assert (len(found), known) == (0, None)


def test_other_work_is_none_and_is_replaced(path: Path) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    work.go_on(20)
    checkpoint.save(work.builder, state(20))
    other = IDENTITY | {"engine": "another"}
    assert read(path, other)[1] is None
    work, checkpoint = Work(), Checkpoint(path, other)
    assert checkpoint.resume(work.builder) is None
    work.go_on(3)
    checkpoint.save(work.builder, state(3))
    assert_same(read(path, other)[0], work.builder)
    assert read(path)[1] is None


def test_a_file_that_the_user_removed_is_written_whole_again(path: Path) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    work.go_on(5)
    checkpoint.save(work.builder, state(5))
    path.unlink()
    work.go_on(5)
    checkpoint.save(work.builder, state(10))
    found, known = read(path)
    assert_same(found, work.builder)
    assert known == state(10)


def test_a_full_disk_is_told_and_costs_nothing_that_was_saved(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, checkpoint = Work(), Checkpoint(path, IDENTITY)
    work.go_on(5)
    checkpoint.save(work.builder, state(5))
    work.go_on(5)

    class FullDisk(FileIO):
        def write(self, data: Any) -> int:
            super().write(bytes(data)[:200])
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_full(self: Path, mode: str) -> FullDisk:
        return FullDisk(self, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_full)
        with pytest.raises(HandsError) as caught:
            checkpoint.save(work.builder, state(10))
    assert caught.value.code is ErrorCode.DISK_FULL
    assert read(path)[1] == state(5)
    checkpoint.save(work.builder, state(10))
    assert_same(read(path)[0], work.builder)
