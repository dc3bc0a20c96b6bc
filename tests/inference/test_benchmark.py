"""The benchmark measures what it says; how fast this machine is stays out of the tests."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from inference.__main__ import main
from inference.benchmark import long_movie
from inference.benchmark.long_movie import FrameTimes
from inference.benchmark.measurement import summarise
from inference.benchmark.movie import SIZE_PX, write_movie
from inference.benchmark.network import _largest_difference_mm
from inference.contract import ErrorCode, progress_record
from inference.media import FrameSelection, open_source
from tests.pictures import movie_index, save_movie

HANDS = Path(__file__).parent / "detect" / "data" / "two_apart.jpg"


def test_medians_and_how_often_a_goal_is_met() -> None:
    faster = summarise("speed", "frames/s", [4.0, 30.0, 16.0], goal=8.0)
    assert (faster.median, faster.lowest, faster.highest, faster.ratio) == (16.0, 4.0, 30.0, 2.0)
    smaller = summarise("memory", "MB", [500.0, 700.0], goal=1500.0, less_is_better=True)
    assert (smaller.median, smaller.ratio) == (600.0, 2.5)
    assert summarise("other", "s", [1.0]).ratio is None


def test_a_network_that_answers_no_numbers_is_as_wrong_as_can_be() -> None:
    torch = pytest.importorskip("torch", reason="networks need torch")

    def prediction(value: float) -> Any:
        good = SimpleNamespace(points_mm=torch.zeros(1, 21, 3), vertices_mm=None)
        other = SimpleNamespace(points_mm=torch.full((1, 21, 3), value), vertices_mm=torch.zeros(1, 5, 3))
        return SimpleNamespace(mesh=SimpleNamespace(right=[good], left=[other]))

    assert _largest_difference_mm(prediction(0.0), prediction(-2.0)) == 2.0
    assert _largest_difference_mm(prediction(0.0), prediction(float("nan"))) == float("inf")


def test_the_measured_movie_runs_forth_and_back(tmp_path: Path) -> None:
    write_movie(save_movie(tmp_path / "clip.mp4", 5, size=(320, 180)), tmp_path / "long.mp4", 18)
    source = open_source(tmp_path / "long.mp4")
    assert source.info.picture_size_px == SIZE_PX
    shown = [movie_index(frame.rgb) for frame in source.read(FrameSelection()) if frame.rgb is not None]
    assert shown == ([0, 1, 2, 3, 4, 3, 2, 1] * 3)[:18]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    picture, path = cv2.imread(str(HANDS)), tmp_path / "clip.mp4"
    assert picture is not None
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 24.0, (480, 480))
    for shift in (0.0, 3.0, 6.0):
        writer.write(cv2.warpAffine(picture, np.array([[1, 0, shift], [0, 1, 0]]), (480, 480)))
    writer.release()
    return path


def test_a_small_run(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["benchmark", "--movie", str(clip), "--frames", "6", "--repeats", "1", "--json"]
    assert main(words) == 0
    measured = {item["name"]: item for item in json.loads(capsys.readouterr().out)["measurements"]}
    whole = measured["reconstruct 720p movie, end to end"]
    assert whole["goal"] == 8.0
    assert whole["ratio"] == pytest.approx(whole["median"] / 8.0)
    assert any(name.endswith("build 300 frames") for name in measured)
    assert all(item["median"] > 0 for item in measured.values())
    assert 50 < measured["worker's peak memory"]["median"] < 1500
    for network in ("paper", "compact"):
        difference = measured[f"{network} network, CPU: largest difference"]
        assert 0 < difference["median"] < difference["goal"] == 0.05


def test_a_long_movie_is_compared_with_a_short_one(
    clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_movie, "SHORT_FRAMES", 4)
    monkeypatch.setattr(long_movie, "SHORTEST_LONG_FRAMES", 12)
    assert main(["benchmark", "--movie", str(clip), "--long-movie", "40", "--json"]) == 0
    measured = {item["name"]: item["median"] for item in json.loads(capsys.readouterr().out)["measurements"]}
    assert 50 < measured["worker's peak memory, 4 frames"] < 1500
    assert 50 < measured["worker's peak memory, 40 frames"] < 1500
    assert measured["that is, for each frame more"] > 0
    assert measured["late frames against early ones"] > 0


def test_late_frames_that_take_twice_the_time_are_seen() -> None:
    now_s = [0.0]
    times = FrameTimes(lambda: now_s[0])
    for done in range(101):
        now_s[0] += 1.0 if done <= 50 else 2.0
        times(progress_record("track", done, 100, None))
    times(progress_record("refine", 1, 1, None))
    assert times.late_to_early() == pytest.approx(2.0)


@pytest.mark.parametrize(
    "words", [["--movie", "nowhere.mp4"], ["--frames", "1"], ["--repeats", "0"], ["--long-movie", "100"]]
)
def test_what_cannot_be_measured(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["benchmark", *words])
    assert code in (ErrorCode.INPUT_MISSING.exit_code, ErrorCode.USAGE.exit_code)
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
