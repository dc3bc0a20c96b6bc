"""From a source to a take with an engine without nets: arrays, gaps, cancel, resume, what is left on disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import pipeline
from inference.camera import DEFAULT_FOCAL_MM
from inference.contract import ErrorCode, HandsError, Take, partial_path, read_take
from inference.media import FrameSelection, open_source
from inference.pipeline import Outcome, ReconstructOptions
from tests.fake_engine import FakeEngine
from tests.pictures import quadrants, save, save_movie

TAKE_ARRAYS = (
    "frames", "readable", "present", "confidence", "quat_wxyz", "translation_m", "betas",
    "joints_px", "joints_px_confidence", "joints_m",
)  # fmt: skip


class Recorder:
    """Keeps records; cancels once `cancel_at` frames are done."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.cancelled = threading.Event()
        self.cancel_at = cancel_at

    def __call__(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)
        if record["record"] == "progress" and record["stage"] == "track" and record["done"] == self.cancel_at:
            self.cancelled.set()

    def codes(self) -> list[str]:
        return [record["code"] for record in self.records if record["record"] == "warning"]


def run(
    path: Path,
    take_path: Path,
    engine: FakeEngine | None = None,
    options: ReconstructOptions | None = None,
    recorder: Recorder | None = None,
) -> Outcome:
    recorder = recorder or Recorder()
    return pipeline.reconstruct(
        open_source(path),
        take_path,
        engine=engine or FakeEngine(),
        options=options or ReconstructOptions(),
        report=recorder,
        cancelled=recorder.cancelled,
    )


def assert_equal(one: Take, other: Take) -> None:
    for name in TAKE_ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def error_of(*arguments: Any, **options: Any) -> HandsError:
    with pytest.raises(HandsError) as caught:
        run(*arguments, **options)
    assert caught.value.message.endswith(".")
    return caught.value


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return save_movie(tmp_path / "clip.mp4", 14)


@pytest.fixture
def take_path(tmp_path: Path) -> Path:
    return tmp_path / "clip.hands.npz"


def test_a_movie_becomes_a_take(movie: Path, take_path: Path) -> None:
    recorder = Recorder()
    outcome = run(movie, take_path, recorder=recorder)
    take = read_take(take_path)
    assert outcome.path == take_path
    assert take.complete
    assert take.frames.tolist() == list(range(1, 15))
    assert take.fps == pytest.approx(24.0)
    assert (take.picture_size_px, take.engine, take.source) == ((96, 64), "fake", str(movie))
    assert take.present[0].all()
    assert take.present[1].tolist() == [False] * 9 + [True] * 5
    assert take.readable.all()
    assert np.ptp(take.betas, axis=0).max() == 0
    np.testing.assert_allclose(take.project_px()[take.present], take.joints_px[take.present], atol=1e-3)
    done = [record["done"] for record in recorder.records if record.get("stage") == "track"]
    assert done == list(range(15))
    assert not partial_path(take_path).exists()
    summary = outcome.summary()
    assert summary["hands"]["right"]["frames"] == 14
    assert summary["hands"]["left"]["reprojection_px"] == pytest.approx(0, abs=1e-3)


def test_a_picture_becomes_a_take_of_one_frame(tmp_path: Path) -> None:
    run(save(tmp_path / "one.png"), tmp_path / "one.hands.npz")
    take = read_take(tmp_path / "one.hands.npz")
    assert (take.frames.tolist(), take.fps) == ([1], 0.0)


def test_unreadable_frames_are_warnings_and_gaps(tmp_path: Path, take_path: Path) -> None:
    for number in (1, 2, 4):
        save(tmp_path / f"shot.{number:04d}.png")
    save(tmp_path / "shot.0005.png", quadrants(128, 96))
    (tmp_path / "shot.0006.png").write_bytes(b"damaged")
    recorder = Recorder()
    run(tmp_path / "shot.####.png", take_path, recorder=recorder)
    take = read_take(take_path)
    assert take.frames.tolist() == [1, 2, 3, 4, 5, 6]
    assert take.readable.tolist() == [True, True, False, True, False, False]
    assert take.present[0].tolist() == take.readable.tolist()
    assert recorder.codes() == ["frames_missing", "focal_guessed", "frame_unreadable", "frame_unreadable"]
    assert [item["code"] for item in take.warnings] == recorder.codes()
    assert [item["frame"] for item in take.warnings] == [3, None, 5, 6]


def test_many_damaged_frames_are_told_once_enough_is_said(tmp_path: Path, take_path: Path) -> None:
    save(tmp_path / "shot.0001.png")
    for number in range(2, 150):
        (tmp_path / f"shot.{number:04d}.png").write_bytes(b"damaged")
    run(tmp_path, take_path)
    take = read_take(take_path)
    assert take.readable.sum() == 1
    assert len([item for item in take.warnings if item["code"] == "frame_unreadable"]) == 101


def test_nobody_s_hands_write_nothing(tmp_path: Path, take_path: Path) -> None:
    picture = save(tmp_path / "empty.png", np.full((64, 96, 3), 255, np.uint8))
    error = error_of(picture, take_path)
    assert error.code is ErrorCode.NO_HANDS
    assert "--right-box" in error.hint
    assert [path.name for path in tmp_path.iterdir()] == ["empty.png"]


def test_nobody_s_hands_leave_an_older_take_alone(tmp_path: Path, movie: Path, take_path: Path) -> None:
    run(movie, take_path)
    before = take_path.read_bytes()
    error_of(save(tmp_path / "empty.png", np.zeros((64, 96, 3), np.uint8)), take_path)
    assert take_path.read_bytes() == before


@pytest.mark.parametrize("cancel_at", [1, 7, 13])
def test_cancelled_and_resumed_equals_one_run(movie: Path, tmp_path: Path, cancel_at: int) -> None:
    whole = run(movie, tmp_path / "whole.hands.npz").take
    path = tmp_path / "parts.hands.npz"
    first = run(movie, path, recorder=Recorder(cancel_at))
    assert not first.take.complete
    assert len(first.take.frames) == cancel_at
    assert not read_take(path).complete
    recorder, engine = Recorder(), FakeEngine()
    second = run(movie, path, engine, recorder=recorder)
    assert second.resumed_frames == cancel_at
    assert engine.runs[0].frames_made == 14 - cancel_at
    assert recorder.codes() == ["focal_guessed", "resumed"]
    assert next(record for record in recorder.records if record["record"] == "progress")["done"] == cancel_at
    assert_equal(read_take(path), read_take(tmp_path / "whole.hands.npz"))
    assert second.take.complete
    assert whole.complete
    assert not partial_path(path).exists()


def test_cancelled_in_a_gap_and_resumed_equals_one_run(tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for number, level in ((1, 60), (2, 160), (5, 90), (6, 140)):
        save(shots / f"shot.{number:04d}.png", np.full((64, 96, 3), level, np.uint8))
    (shots / "shot.0003.png").write_bytes(b"damaged")
    run(shots, tmp_path / "whole.hands.npz")
    path = tmp_path / "parts.hands.npz"
    for cancel_at in (3, 4):
        assert len(run(shots, path, recorder=Recorder(cancel_at)).take.frames) == cancel_at
    run(shots, path)
    assert_equal(read_take(path), read_take(tmp_path / "whole.hands.npz"))


def test_warnings_of_the_first_part_survive(tmp_path: Path, take_path: Path) -> None:
    for number in (1, 2, 3, 4):
        save(tmp_path / f"shot.{number:04d}.png")
    (tmp_path / "shot.0002.png").write_bytes(b"damaged")
    run(tmp_path, take_path, recorder=Recorder(3))
    run(tmp_path, take_path)
    assert [item["frame"] for item in read_take(take_path).warnings if item["code"] == "frame_unreadable"] == [2]


@pytest.mark.parametrize("change", ["engine", "focal", "selection", "boxes", "source"])
def test_another_work_does_not_resume(movie: Path, take_path: Path, change: str) -> None:
    run(movie, take_path, recorder=Recorder(5))
    engine = FakeEngine({"threshold": 0.5} if change == "engine" else None)
    options = {
        "focal": ReconstructOptions(focal_mm=50),
        "selection": ReconstructOptions(selection=FrameSelection(step=2)),
        "boxes": ReconstructOptions(boxes={"left": {None: (1, 2, 30, 30)}}),
    }.get(change, ReconstructOptions())
    if change == "source":
        save_movie(movie, 15)
    assert run(movie, take_path, engine, options).resumed_frames == 0


def test_a_complete_take_is_never_replaced_by_a_part(movie: Path, take_path: Path) -> None:
    run(movie, take_path)
    before = take_path.read_bytes()
    outcome = run(movie, take_path, options=ReconstructOptions(focal_mm=50), recorder=Recorder(4))
    assert outcome.path is None
    assert take_path.read_bytes() == before
    assert run(movie, take_path, options=ReconstructOptions(focal_mm=50)).resumed_frames == 4


def test_a_crash_loses_the_last_moments_only(
    movie: Path, take_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "CHECKPOINT_EVERY_S", 0.0)
    engine = FakeEngine()

    def crash(count: int) -> None:
        if count == 9:
            raise MemoryError

    engine.before_frame = crash
    with pytest.raises(MemoryError):
        run(movie, take_path, engine)
    assert not take_path.exists()
    assert run(movie, take_path).resumed_frames == 9
    run(movie, tmp_path / "whole.hands.npz")
    assert_equal(read_take(take_path), read_take(tmp_path / "whole.hands.npz"))


def test_finishing_makes_no_frame_and_leaves_the_rest_for_later(movie: Path, take_path: Path, tmp_path: Path) -> None:
    run(movie, take_path, recorder=Recorder(5))
    take_path.unlink()
    engine = FakeEngine()
    outcome = run(movie, take_path, engine, ReconstructOptions(finish=True))
    assert engine.runs[0].frames_made == 0
    assert (outcome.take.complete, len(outcome.take.frames)) == (False, outcome.resumed_frames)
    assert read_take(take_path).frames.tolist() == outcome.take.frames.tolist()
    run(movie, take_path)
    run(movie, tmp_path / "whole.hands.npz")
    assert_equal(read_take(take_path), read_take(tmp_path / "whole.hands.npz"))


def test_finishing_nothing_is_an_error(movie: Path, take_path: Path) -> None:
    error = error_of(movie, take_path, options=ReconstructOptions(finish=True))
    assert error.code is ErrorCode.NO_HANDS
    assert "earlier run" in error.message


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04nothing", None])
def test_a_damaged_checkpoint_is_passed_over(movie: Path, take_path: Path, damage: bytes | None) -> None:
    run(movie, take_path, recorder=Recorder(5))
    path = partial_path(take_path)
    path.write_bytes(path.read_bytes()[:-300] if damage is None else damage)
    assert run(movie, take_path).resumed_frames == 0
    assert read_take(take_path).complete


def test_cancelled_before_any_hand(tmp_path: Path, take_path: Path) -> None:
    for number in range(1, 5):
        save(tmp_path / f"shot.{number:04d}.png", np.zeros((64, 96, 3), np.uint8))
    error = error_of(tmp_path, take_path, recorder=Recorder(2))
    assert error.code is ErrorCode.CANCELLED
    assert not take_path.exists()
    assert partial_path(take_path).exists()


def test_a_cut_movie_gives_the_frames_it_has(tmp_path: Path, take_path: Path) -> None:
    path = save_movie(tmp_path / "a.avi", 40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    run(path, take_path)
    take = read_take(take_path)
    assert take.complete
    assert 5 < len(take.frames) < 40


def test_a_promise_of_more_frames_than_there_are_is_told(
    movie: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(movie)
    numbers = np.arange(1, 31)
    monkeypatch.setattr(source, "_info", pipeline.SourceInfo(**{**vars(source.info), "numbers": numbers}))
    recorder = Recorder()
    pipeline.reconstruct(
        source,
        take_path,
        engine=FakeEngine(),
        options=ReconstructOptions(),
        report=recorder,
        cancelled=recorder.cancelled,
    )
    (warning,) = [record for record in recorder.records if record.get("code") == "movie_truncated"]
    assert warning["frame"] == 14
    assert "30" in warning["message"]


def test_an_empty_selection_says_which_frames_there_are(movie: Path, take_path: Path) -> None:
    error = error_of(movie, take_path, options=ReconstructOptions(selection=FrameSelection(first=50)))
    assert error.code is ErrorCode.INPUT_EMPTY
    assert error.hint == "Its frames are 1 to 14."


def test_a_selection_keeps_the_source_s_numbers(movie: Path, take_path: Path) -> None:
    run(movie, take_path, options=ReconstructOptions(selection=FrameSelection(3, 11, 4)))
    assert read_take(take_path).frames.tolist() == [3, 7, 11]


@pytest.mark.parametrize(
    ("options", "exif_mm", "focal_px", "source"),
    [
        (ReconstructOptions(focal_mm=50), 28, 50 / 36 * 96, "given"),
        (ReconstructOptions(fov_deg=90), 28, 48.0, "given"),
        (ReconstructOptions(), 28, 28 / 36 * 96, "exif"),
        (ReconstructOptions(), None, DEFAULT_FOCAL_MM / 36 * 96, "default"),
    ],
)
def test_the_focal_length_is_given_or_read_or_guessed(
    tmp_path: Path, options: ReconstructOptions, exif_mm: int | None, focal_px: float, source: str
) -> None:
    from PIL import Image

    exif = Image.Exif()
    if exif_mm:
        exif.get_ifd(0x8769)[0xA405] = exif_mm
    Image.fromarray(quadrants()).save(tmp_path / "a.jpg", exif=exif)
    recorder = Recorder()
    run(tmp_path / "a.jpg", tmp_path / "a.hands.npz", options=options, recorder=recorder)
    take = read_take(tmp_path / "a.hands.npz")
    assert take.focal_px == pytest.approx(focal_px)
    assert take.focal_source == source
    assert ("focal_guessed" in recorder.codes()) == (source == "default")
    assert take.principal_px == (47.5, 31.5)


def test_boxes_reach_the_engine_in_the_first_run_only(movie: Path, take_path: Path) -> None:
    options = ReconstructOptions(boxes={"right": {None: (1, 2, 30, 40)}})
    engine = FakeEngine()
    run(movie, take_path, engine, options, Recorder(5))
    run(movie, take_path, engine, options)
    assert [run.boxes[0].given for run in engine.runs] == [{"right": (1, 2, 30, 40)}, {}]


def test_a_huge_picture_is_worked_on_smaller_and_told_in_its_own_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "big.png", quadrants(960, 640))
    options = ReconstructOptions(focal_mm=36, boxes={"right": {None: (100, 200, 300, 400)}})
    run(path, tmp_path / "whole.hands.npz", options=options)
    monkeypatch.setattr("inference.media.picture_file.LARGEST_WORKING_PX", 480 * 320)
    engine = FakeEngine()
    run(path, tmp_path / "half.hands.npz", engine, options)
    assert engine.runs[0].camera.picture_size_px == (480, 320)
    assert engine.runs[0].boxes[0].given == {"right": (50, 100, 150, 200)}
    whole, half = read_take(tmp_path / "whole.hands.npz"), read_take(tmp_path / "half.hands.npz")
    assert half.picture_size_px == (960, 640)
    assert half.focal_px == whole.focal_px
    np.testing.assert_allclose(half.joints_px, whole.joints_px, atol=1e-3)
    np.testing.assert_allclose(half.project_px()[half.present], half.joints_px[half.present], atol=1e-3)
