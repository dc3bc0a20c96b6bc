"""Hands that are found late are followed into the frames before: which, how far, and with the same result in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import look_back
from inference.boxes import UserBoxes
from inference.contract import partial_path, read_take
from inference.media import Frame, FrameSelection
from inference.media.movie_source import MovieSource
from inference.pipeline import ReconstructOptions
from tests.fake_engine import FakeEngine
from tests.inference.test_pipeline import Recorder, assert_equal, run
from tests.pictures import save, save_movie

# The fake engine sees a left hand in frames above level 120: of every 16 frames the last 7 (index 9 to 15).


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return save_movie(tmp_path / "clip.mp4", 40)


@pytest.fixture
def take_path(tmp_path: Path) -> Path:
    return tmp_path / "clip.hands.npz"


def engine_that_sees_down_to(level: float) -> FakeEngine:
    engine = FakeEngine()
    engine.deepest = level
    return engine


def left(path: Path) -> list[int]:
    take = read_take(path)
    return take.frames[take.present[1]].tolist()


class CancellingLater(Recorder):
    """Cancels once so many frames were looked at again."""

    def __init__(self, back_at: int) -> None:
        super().__init__()
        self.back_at = back_at

    def __call__(self, record: Mapping[str, Any]) -> None:
        super().__call__(record)
        if record.get("stage") == "look_back" and record["done"] >= self.back_at:
            self.cancelled.set()


def test_a_hand_found_late_is_followed_back_until_it_is_lost(movie: Path, take_path: Path) -> None:
    recorder, engine = Recorder(), engine_that_sees_down_to(70)  # from index 5
    run(movie, take_path, engine, recorder=recorder)
    expected = [index + 1 for index in range(40) if 5 <= index % 16 <= 15 and index < 37]
    assert left(take_path) == [number for number in expected if number <= 32]
    looked = [(index, sorted(sides)) for index, sides, _ in engine.runs[0].looked_back]
    assert looked == [(index, ["left"]) for index in (8, 7, 6, 5, 4)] * 2, "not one frame more"
    stages = list(dict.fromkeys(record["stage"] for record in recorder.records if record["record"] == "progress"))
    assert stages == ["track", "look_back", "refine"]
    progress = [record for record in recorder.records if record.get("stage") == "look_back"]
    assert [item["done"] for item in progress] == sorted(item["done"] for item in progress)
    assert progress[-1]["done"] == progress[-1]["total"] == 18


def test_each_frame_starts_from_the_next_one(movie: Path, take_path: Path) -> None:
    run(movie, take_path, engine_that_sees_down_to(70))
    take = read_take(take_path)
    filled = slice(5, 9)
    np.testing.assert_allclose(take.quat_wxyz[1, filled], np.tile(take.quat_wxyz[1, 9], (4, 1, 1)))
    moved_m = take.joints_m[1, filled, 0, 0] - take.joints_m[1, 9, 0, 0]
    assert np.all(np.diff(moved_m) < -9e-4), "one step for every frame, the other hand beside it"


def test_nothing_is_looked_back_for_where_nothing_came_later(movie: Path, take_path: Path) -> None:
    recorder, engine = Recorder(), engine_that_sees_down_to(0)
    run(movie, take_path, engine, ReconstructOptions(look_back=False), recorder)
    assert engine.runs[0].looked_back == []
    assert left(take_path) == [*range(10, 17), *range(26, 33)]
    recorder = Recorder()
    run(save_movie(movie, 9), take_path, engine, recorder=recorder)
    assert engine.runs[1].looked_back == []
    assert "look_back" not in [record.get("stage") for record in recorder.records]


def test_a_hand_seen_for_a_moment_is_not_followed(movie: Path, take_path: Path) -> None:
    engine = engine_that_sees_down_to(0)
    run(movie, take_path, engine, ReconstructOptions(selection=FrameSelection(1, 11)))
    assert engine.runs[0].looked_back == []
    boxes: UserBoxes = {"left": {10: (1.0, 2.0, 30.0, 40.0)}}
    run(movie, take_path, engine, ReconstructOptions(boxes=boxes, selection=FrameSelection(1, 11)))
    assert len(engine.runs[1].looked_back) == 9, "but where the user says that it is one"
    assert all(pinned == {"left"} for _, _, pinned in engine.runs[1].looked_back)


@pytest.mark.parametrize("cancel_at", [1, 3, 10, 15])
def test_cancelled_while_looking_back_and_resumed_equals_one_run(movie: Path, tmp_path: Path, cancel_at: int) -> None:
    boxes: UserBoxes = {"left": {10: (1.0, 2.0, 30.0, 40.0)}}
    options = ReconstructOptions(boxes=boxes)
    whole = engine_that_sees_down_to(30)
    run(movie, tmp_path / "whole.hands.npz", whole, options)
    path = tmp_path / "parts.hands.npz"
    first = run(movie, path, engine_that_sees_down_to(30), options, CancellingLater(cancel_at))
    assert not first.take.complete
    assert first.take.present[1].sum() > 14, "what was done is kept"
    engine = engine_that_sees_down_to(30)
    second = run(movie, path, engine, options)
    assert second.resumed_frames == 40
    assert engine.runs[0].frames_made == 0
    assert len(engine.runs[0].looked_back) < len(whole.runs[0].looked_back)
    assert {pinned for _, _, pinned in engine.runs[0].looked_back} <= {pin for _, _, pin in whole.runs[0].looked_back}
    assert_equal(read_take(path), read_take(tmp_path / "whole.hands.npz"))
    assert not partial_path(path).exists()


def test_long_gaps_are_read_in_pieces(
    tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch, movie: Path
) -> None:
    asked: list[list[int]] = []
    read = MovieSource.read

    def watched(self: MovieSource, selection: FrameSelection, after: int | None = None) -> Iterator[Frame]:
        if selection.only is not None:
            asked.append(sorted(selection.only))
        return read(self, selection, after)

    monkeypatch.setattr(MovieSource, "read", watched)
    run(movie, tmp_path / "once.hands.npz", engine_that_sees_down_to(0))
    assert asked == [[*range(1, 10), *range(17, 26)]], "one pass for all gaps"
    asked.clear()
    monkeypatch.setattr(look_back, "_FIRST_MOVIE_PIECE", 2)
    monkeypatch.setattr(look_back, "_MOST_PIECE_BYTES", 4 * 96 * 64 * 3)
    run(movie, take_path, engine_that_sees_down_to(0))
    assert asked == [[8, 9, 24, 25], [4, 5, 6, 7, 20, 21, 22, 23], [1, 2, 3, 17, 18, 19]]
    assert_equal(read_take(take_path), read_take(tmp_path / "once.hands.npz"))
    asked.clear()
    run(movie, take_path, engine_that_sees_down_to(110))
    assert asked == [[8, 9, 24, 25]], "nothing is read for a hand that is lost"


def test_a_frame_that_cannot_be_read_ends_it(tmp_path: Path, take_path: Path) -> None:
    for number in range(1, 13):
        level = 60 if number < 7 else 160
        save(tmp_path / f"shot.{number:04d}.png", np.full((64, 96, 3), level, np.uint8))
    (tmp_path / "shot.0004.png").write_bytes(b"damaged")
    run(tmp_path / "shot.####.png", take_path, engine_that_sees_down_to(0))
    assert left(take_path) == list(range(5, 13))
    assert not read_take(take_path).readable[3]
