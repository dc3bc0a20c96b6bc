"""Movies: every frame once, in order, numbered from 1, upright; damaged ones end early."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from inference.contract import ErrorCode, HandsError
from inference.media import FrameSelection, open_source, read_ahead
from inference.media.movie_source import MovieSource
from tests.pictures import is_quadrants, movie_index, save_movie, save_turned_movie


def numbers_and_indices(path: Path, selection: FrameSelection, after: int | None = None) -> list[tuple[int, int]]:
    return [
        (frame.number, movie_index(frame.rgb))
        for frame in open_source(path).read(selection, after)
        if frame.rgb is not None
    ]


@pytest.mark.parametrize("ending", ["mp4", "avi", "mkv", "mov"])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, ending: str) -> None:
    path = save_movie(tmp_path / f"a.{ending}", 12, fps=24.0)
    info = open_source(path).info
    assert (info.kind, info.picture_size_px, info.numbers.tolist()) == ("movie", (96, 64), list(range(1, 13)))
    assert info.fps == pytest.approx(24.0)
    assert numbers_and_indices(path, FrameSelection()) == [(index + 1, index) for index in range(12)]


def test_a_selection_of_a_movie_is_exact(tmp_path: Path) -> None:
    path = save_movie(tmp_path / "a.mp4", 14)
    assert numbers_and_indices(path, FrameSelection(3, 9, 2)) == [(3, 2), (5, 4), (7, 6), (9, 8)]
    assert numbers_and_indices(path, FrameSelection(3, 9, 2), after=5) == [(7, 6), (9, 8)]
    assert numbers_and_indices(path, FrameSelection(99)) == []


def test_the_content_counts_not_the_ending(tmp_path: Path) -> None:
    path = save_movie(tmp_path / "a.mp4").rename(tmp_path / "a.png")
    assert open_source(path).info.kind == "movie"


def test_a_movie_held_upright_is_read_upright(tmp_path: Path) -> None:
    source = open_source(save_turned_movie(tmp_path / "a.mp4"))
    assert source.info.picture_size_px == (96, 64)
    frames = list(source.read(FrameSelection()))
    assert len(frames) == 3
    assert all(is_quadrants(frame.rgb, tolerance=40) for frame in frames)


def test_a_cut_movie_gives_the_frames_it_has(tmp_path: Path) -> None:
    path = save_movie(tmp_path / "a.avi", 40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    info = open_source(path).info
    found = numbers_and_indices(path, FrameSelection())
    assert 5 < len(found) < 40
    assert found == [(index + 1, index % 16) for index in range(len(found))]
    assert info.numbers[-1] >= len(found)


def test_a_movie_cut_before_its_index_cannot_be_read(tmp_path: Path) -> None:
    path = save_movie(tmp_path / "a.mp4", 40)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])
    with pytest.raises(HandsError) as caught:
        open_source(path)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE


def test_a_movie_without_frames_is_empty(tmp_path: Path) -> None:
    path = save_movie(tmp_path / "a.mp4", 1)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    content[start:end] = bytes(end - start)
    path.write_bytes(content)
    with pytest.raises(HandsError) as caught:
        open_source(path)
    assert caught.value.code is ErrorCode.INPUT_EMPTY


def test_a_header_that_cannot_be_true_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    path = save_movie(tmp_path / "a.mp4", 9)
    real = cv2.VideoCapture

    class Lying:
        def __init__(self, *arguments: object) -> None:
            self._capture = real(*arguments)  # type: ignore[call-overload]  # passed through

        def get(self, item: int) -> float:
            lies = {cv2.CAP_PROP_FRAME_COUNT: -9.2e18, cv2.CAP_PROP_FPS: 90000.0}
            return lies.get(item, self._capture.get(item))

        def __getattr__(self, name: str) -> object:
            return getattr(self._capture, name)

    monkeypatch.setattr(cv2, "VideoCapture", Lying)
    info = MovieSource(path).info
    assert info.numbers.tolist() == list(range(1, 10))
    assert info.fps == 0.0


def test_the_fingerprint_is_of_size_and_both_ends(tmp_path: Path) -> None:
    path = save_movie(tmp_path / "a.mp4", 5)
    content = path.read_bytes()
    expected = hashlib.sha256(len(content).to_bytes(8, "little") + content + content).hexdigest()
    assert open_source(path).info.sha256 == expected


# --- reading ahead --------------------------------------------------------------------------------------------------


def test_reading_ahead_changes_nothing() -> None:
    assert list(read_ahead(iter(range(100)), depth=3)) == list(range(100))


def test_reading_ahead_stays_within_its_depth() -> None:
    made: list[int] = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    ahead = read_ahead(items(), depth=2)
    assert next(ahead) == 0
    ahead.close()
    assert len(made) <= 5  # one given, two waiting, one in hand, one being made


def test_errors_of_the_reader_arrive_in_order() -> None:
    def items():
        yield 1
        raise HandsError(ErrorCode.INPUT_UNREADABLE, "Broken.")

    ahead = read_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(HandsError):
        next(ahead)


def test_closing_closes_what_is_read() -> None:
    closed: list[bool] = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    ahead = read_ahead(items())
    next(ahead)
    ahead.close()
    assert closed == [True]
