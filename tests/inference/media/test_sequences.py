"""Which files make up a sequence, and what is done about those that are missing or odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.contract import ErrorCode, HandsError
from inference.media import Frame, FrameSelection, open_source
from inference.media.source_hash import sequence_hash
from tests.pictures import is_quadrants, quadrants, save


def numbered(folder: Path, numbers: list[int], name: str = "shot.{:04d}.png") -> Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        save(folder / name.format(number))
    return folder


def frames_of(path: Path, **options: object) -> list[Frame]:
    return list(open_source(path, **options).read(FrameSelection()))  # type: ignore[arg-type]  # keywords of the function


@pytest.mark.parametrize("pattern", ["shot.####.png", "shot.%04d.png", "shot.#.png", "shot.%d.png"])
def test_a_pattern_finds_its_frames(tmp_path: Path, pattern: str) -> None:
    numbered(tmp_path, [998, 999, 1000])
    numbered(tmp_path, [7], "other.{:04d}.png")
    numbered(tmp_path, [7], "shot.{:04d}.jpg")
    found = frames_of(tmp_path / pattern)
    expected = [998, 999, 1000] if pattern in ("shot.####.png", "shot.%04d.png") else [1000]
    assert [frame.number for frame in found] == expected
    assert all(is_quadrants(frame.rgb) for frame in found)


def test_frame_numbers_may_outgrow_their_padding(tmp_path: Path) -> None:
    numbered(tmp_path, [9999, 10000])
    assert [frame.number for frame in frames_of(tmp_path / "shot.####.png")] == [9999, 10000]


def test_a_pattern_without_files_is_a_missing_input(tmp_path: Path) -> None:
    with pytest.raises(HandsError) as caught:
        open_source(tmp_path / "shot.####.png")
    assert caught.value.code is ErrorCode.INPUT_MISSING


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    source = open_source(save(tmp_path / "take #1 %d.png"))
    assert source.info.kind == "picture"


def test_one_frame_stands_for_its_sequence_when_asked(tmp_path: Path) -> None:
    numbered(tmp_path, [1, 2, 3])
    first = tmp_path / "shot.0001.png"
    assert open_source(first).info.kind == "picture"
    source = open_source(first, as_sequence=True, fps=25.0)
    assert source.info.numbers.tolist() == [1, 2, 3]
    assert source.info.fps == 25.0
    assert open_source(Path(source.info.path)).info.sha256 == source.info.sha256


def test_a_frame_without_a_number_belongs_to_no_sequence(tmp_path: Path) -> None:
    with pytest.raises(HandsError) as caught:
        open_source(save(tmp_path / "still.png"), as_sequence=True)
    assert caught.value.code is ErrorCode.USAGE


def test_a_folder_with_one_sequence_keeps_its_numbers(tmp_path: Path) -> None:
    numbered(tmp_path, [12, 13, 14])
    (tmp_path / "notes.txt").write_text("not a picture")
    save(tmp_path / "._shot.0012.png")  # macOS leaves such files on foreign disks
    assert [frame.number for frame in frames_of(tmp_path)] == [12, 13, 14]


def test_a_folder_of_other_pictures_is_read_in_natural_order(tmp_path: Path) -> None:
    for name in ("b.png", "a10.png", "a2.png"):
        save(tmp_path / name)
    source = open_source(tmp_path)
    assert source.info.numbers.tolist() == [1, 2, 3]
    assert [warning["code"] for warning in source.info.warnings] == ["mixed_names"]
    folder = [tmp_path / name for name in ("a2.png", "a10.png", "b.png")]
    assert source.info.sha256 == sequence_hash(folder)


def test_serial_numbers_are_no_frame_numbers(tmp_path: Path) -> None:
    numbered(tmp_path, [20240101, 20240517, 20241224], "{}.png")
    assert open_source(tmp_path).info.numbers.tolist() == [1, 2, 3]


def test_holes_keep_their_numbers_and_are_gaps(tmp_path: Path) -> None:
    numbered(tmp_path, [3, 4, 7, 9])
    source = open_source(tmp_path / "shot.####.png")
    (warning,) = source.info.warnings
    assert (warning["code"], warning["frame"]) == ("frames_missing", 5)
    assert "5-6, 8" in warning["message"]
    found = list(source.read(FrameSelection()))
    assert [frame.number for frame in found] == [3, 4, 5, 6, 7, 8, 9]
    assert [frame.number for frame in found if frame.rgb is None] == [5, 6, 8]
    assert not any(frame.problem for frame in found)


def test_odd_sizes_and_damaged_files_are_gaps_with_a_reason(tmp_path: Path) -> None:
    numbered(tmp_path, [1, 2, 3, 4, 5])
    save(tmp_path / "shot.0002.png", quadrants(128, 96))
    (tmp_path / "shot.0003.png").write_bytes((tmp_path / "shot.0001.png").read_bytes()[:200])
    (tmp_path / "shot.0004.png").write_bytes(b"")
    found = frames_of(tmp_path)
    assert [frame.number for frame in found if frame.rgb is not None] == [1, 5]
    assert "128 x 96" in found[1].problem
    assert "96 x 64" in found[1].problem
    assert all(frame.problem.endswith(".") and "shot.000" in frame.problem for frame in found[1:4])


def test_the_first_frame_that_can_be_read_sets_the_size(tmp_path: Path) -> None:
    numbered(tmp_path, [1, 2])
    (tmp_path / "shot.0001.png").write_bytes(b"<html>")
    source = open_source(tmp_path)
    assert source.info.picture_size_px == (96, 64)
    assert [frame.rgb is None for frame in source.read(FrameSelection())] == [True, False]


def test_a_sequence_of_nothing_but_damage_is_an_error(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"shot.{number:04d}.png").write_bytes(b"nothing")
    with pytest.raises(HandsError) as caught:
        open_source(tmp_path)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE
    assert "2 files" in caught.value.message


@pytest.mark.parametrize(
    ("selection", "after", "expected"),
    [
        (FrameSelection(), None, [10, 11, 12, 13, 14, 15]),
        (FrameSelection(first=12), None, [12, 13, 14, 15]),
        (FrameSelection(last=11), None, [10, 11]),
        (FrameSelection(step=2), None, [10, 12, 14]),
        (FrameSelection(first=11, last=15, step=2), None, [11, 13, 15]),
        (FrameSelection(first=11, step=2), 13, [15]),
        (FrameSelection(first=99), None, []),
    ],
)
def test_a_selection_picks_frames(
    tmp_path: Path, selection: FrameSelection, after: int | None, expected: list[int]
) -> None:
    source = open_source(numbered(tmp_path, list(range(10, 16))))
    assert [frame.number for frame in source.read(selection, after)] == expected


def test_the_fingerprint_follows_the_files_not_their_dates(tmp_path: Path) -> None:
    one = numbered(tmp_path / "one", [1, 2, 3])
    two = numbered(tmp_path / "two", [1, 2, 3])
    assert open_source(one).info.sha256 == open_source(two).info.sha256
    rng = np.random.default_rng(0)
    save(two / "shot.0002.png", rng.integers(0, 255, (64, 96, 3), dtype=np.uint8))
    assert open_source(one).info.sha256 != open_source(two).info.sha256
