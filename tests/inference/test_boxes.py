"""Boxes by hand: in which frames they hold, and what lies between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.__main__ import build_parser
from inference.boxes import ClipBoxes, UserBoxes
from inference.commands.serve import request_arguments
from inference.contract import read_take
from inference.media import FrameSelection
from inference.pipeline import ReconstructOptions
from tests.fake_engine import FakeEngine
from tests.inference.test_pipeline import Recorder, run
from tests.pictures import save_movie


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return save_movie(tmp_path / "clip.mp4", 14)


def test_boxes_hold_in_their_frames_and_lie_evenly_between() -> None:
    boxes = ClipBoxes({"right": {20: (40, 80, 60, 20), None: (0, 0, 20, 20)}, "left": {12: (1, 2, 3, 4)}}, 10)
    assert boxes.at(10).given == {"right": (0, 0, 20, 20)}
    assert boxes.at(10).hints == {}
    assert boxes.at(12).given == {"left": (1, 2, 3, 4)}
    assert boxes.at(15).given == {}
    assert boxes.at(15).hints == {"right": (20, 40, 40, 20)}
    assert boxes.at(20).given == {"right": (40, 80, 60, 20)}
    assert boxes.at(9).hints == boxes.at(21).hints == {}
    assert boxes.numbers("right") == {10, 20}
    assert boxes.all() == [("right", 10), ("left", 12), ("right", 20)]


def test_boxes_are_in_the_user_s_pixels() -> None:
    assert ClipBoxes({"left": {3: (10, 20, 30, 40)}}, 1, 0.5).at(3).given == {"left": (5, 10, 15, 20)}


def test_boxes_reach_the_engine_with_their_frames(movie: Path, tmp_path: Path) -> None:
    engine = FakeEngine()
    boxes: UserBoxes = {"right": {None: (1.0, 2.0, 30.0, 40.0), 7: (7.0, 2.0, 30.0, 40.0)}}
    options = ReconstructOptions(boxes=boxes, selection=FrameSelection(3, 9))
    run(movie, tmp_path / "a.hands.npz", engine, options)
    seen = engine.runs[0].boxes
    assert [list(item.given.values()) for item in seen] == [[(1, 2, 30, 40)], [], [], [], [(7, 2, 30, 40)], [], []]
    assert [item.hints["right"][0] for item in seen if item.hints] == [2.5, 4.0, 5.5]


def test_a_box_that_shows_no_hand_is_told_with_frame_and_side(movie: Path, tmp_path: Path) -> None:
    recorder, take_path = Recorder(), tmp_path / "a.hands.npz"
    boxes: UserBoxes = {"left": {3: (1.0, 2.0, 30.0, 40.0), 12: (1.0, 2.0, 30.0, 40.0)}}
    run(movie, take_path, options=ReconstructOptions(boxes=boxes), recorder=recorder)
    (warning,) = [record for record in recorder.records if record.get("code") == "box_without_hand"]
    assert warning["frame"] == 3
    assert "left" in warning["message"]
    assert "frame 3" in warning["message"]
    assert "box_without_hand" in [item["code"] for item in read_take(take_path).warnings]


def test_a_box_outside_the_chosen_frames_is_told(movie: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    boxes: UserBoxes = {"right": {50: (1.0, 2.0, 30.0, 40.0)}}
    options = ReconstructOptions(boxes=boxes)
    run(movie, tmp_path / "a.hands.npz", options=options, recorder=recorder)
    (warning,) = [record for record in recorder.records if record.get("code") == "box_unused"]
    assert warning["frame"] == 50


def test_boxes_come_with_and_without_frames() -> None:
    words = ["reconstruct", "a.mp4", "--right-box", "1,2,3,4", "--right-box=40:5,6,7,8.5", "--left-box", "7:1,1,2,2"]
    arguments = build_parser().parse_args(words)
    assert dict(arguments.right_box) == {None: (1, 2, 3, 4), 40: (5, 6, 7, 8.5)}
    assert arguments.left_box == [(7, (1, 1, 2, 2))]
    assert not arguments.no_look_back
    requested = request_arguments(
        {
            "input": "a.mp4",
            "options": {"right_box": {"40": [5, 6, 7, 8.5], "60": [1, 2, 3, 4]}, "left_box": [1, 1, 2, 2]},
        }
    )
    assert dict(requested.right_box) == {40: (5, 6, 7, 8.5), 60: (1, 2, 3, 4)}
    assert requested.left_box == [(None, (1, 1, 2, 2))]
    assert request_arguments({"input": "a.mp4", "options": {"no_look_back": True}}).no_look_back
