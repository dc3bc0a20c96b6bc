"""Frames are collected in arrays: the same however they came in, and few kilobytes a frame."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference import pipeline
from inference.camera import Camera
from inference.clip import CLIP_ARRAYS, ClipBuilder, hands_of_row
from inference.media import Frame, FrameSelection, SourceInfo
from tests.fake_engine import FakeEngine
from tests.inference.test_pipeline import Recorder
from tests.pictures import quadrants

CAMERA = Camera.from_horizontal_fov(60, (96, 64))


def filled(frames: int, expected: int) -> ClipBuilder:
    builder, engine_run = ClipBuilder(10, expected), FakeEngine().start(CAMERA)
    for number in range(frames):
        builder.append(number, engine_run.reconstruct_frame(quadrants()) if number % 3 else None)
    return builder


@pytest.mark.parametrize("expected", [0, 100, 1000])
def test_how_many_frames_were_expected_changes_nothing(expected: int) -> None:
    one, other = filled(200, expected).view(), filled(200, 200).view()
    for name in CLIP_ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_frames_without_hands_are_identity_rotations_and_zeros() -> None:
    clip = filled(200, 0).view()
    assert clip.readable.sum() == 133
    assert clip.present.any(axis=0).tolist() == clip.readable.tolist()
    assert np.all(clip.quat_wxyz[~clip.present] == [1, 0, 0, 0])
    assert not clip.joints_m[~clip.present].any()
    assert hands_of_row(clip, 0) == {}


def test_a_promise_of_ten_million_frames_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        ClipBuilder(10, 10_000_000)
        assert tracemalloc.get_traced_memory()[1] < 120e6, "of the system's, taken once something is written there"
    finally:
        tracemalloc.stop()


def test_rows_that_leave_a_gap_or_have_another_shape_are_refused() -> None:
    source, target = filled(6, 0), filled(2, 0)
    records = source.records(np.array([3, 4]))
    with pytest.raises(ValueError, match="left out"):
        target.put_records(np.array([3, 4]), records)
    with pytest.raises(ValueError, match="betas"):
        target.put_records(np.array([2, 3]), records | {"betas": np.zeros((2, 2, 11))})
    assert len(target) == 2
    target.put_records(np.array([2, 3]), records)
    assert target.view().frames.tolist() == [0, 1, 3, 4]


def test_a_released_builder_is_empty() -> None:
    builder = filled(70, 0)
    assert len(builder.release().frames) == 70
    assert len(builder) == 0
    assert len(builder.unsaved_rows()) == 0


class EndlessSource:
    """The same picture over and over, without a file."""

    def __init__(self, frames: int) -> None:
        self.info = SourceInfo("endless", "movie", np.arange(1, frames + 1), 25.0, (96, 64), (96, 64), 35.0, "0" * 64)

    def read(self, selection: FrameSelection, after: int | None = None) -> Iterator[Frame]:
        picture = quadrants()
        for number in self.info.numbers.tolist():
            if selection.includes(number, 1) and number > (after or 0):
                yield Frame(number, picture)


class Forgetful(Recorder):
    def __call__(self, record: object) -> None:
        pass


@pytest.mark.parametrize("save", [False, True], ids=["plain", "saving all the time"])
def test_a_long_movie_takes_a_few_kilobytes_a_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: bool
) -> None:
    monkeypatch.setattr(pipeline, "CHECKPOINT_EVERY_S", 0.0 if save else 1e9)

    def peak(frames: int) -> int:
        recorder = Forgetful()
        tracemalloc.start()
        try:
            pipeline.reconstruct(
                EndlessSource(frames), tmp_path / f"{frames}.hands.npz", engine=FakeEngine(), report=recorder,
                options=pipeline.ReconstructOptions(look_back=False), cancelled=recorder.cancelled,
            )  # fmt: skip
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # what is loaded once
    short, long = peak(100), peak(600)
    assert (long - short) / 500 < 12_000
