"""`synthesize` on the command line: a set on disk, a sheet, and sentences for mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from inference.__main__ import main
from inference.commands import synthesize
from inference.synthesis.fixed_sets import FIXED_SETS

SMALL = ["--size", "64", "--batch", "4"]


def test_a_set_holds_pictures_and_their_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "set"
    words = ["synthesize", "--out", str(folder), "--count", "6", "--first", "3", "--seed", "2", "--records", *SMALL]
    assert main(words) == 0
    names = [f"{index:07d}.png" for index in range(3, 9)]
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == names
    assert cv2.imread(str(folder / "pictures" / names[0])).shape == (64, 64, 3)
    with np.load(folder / "truth.npz", allow_pickle=False) as truth:
        assert truth["index"].tolist() == list(range(3, 9))
        assert truth["joints_px"].shape == (6, 2, 21, 2)
        assert truth["mask"].dtype == np.uint8
        assert "picture" not in truth.files
        assert int(truth["seed"]) == 2
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert records[-1]["record"] == "progress" and records[-1]["done"] == records[-1]["total"] == 6


def test_a_sheet_shows_samples_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "sheet.png"
    assert main(["synthesize", "--sheet", str(path), "--count", "12", "--truth", *SMALL]) == 0
    assert cv2.imread(str(path)).shape == (2 * 64, 10 * 64, 3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Nothing is to be written"),
        (["--out", "x", "--count", "0"], "0 is too few"),
        (["--out", "x", "--seed", "-1"], "no whole number"),
        (["--out", "x", "--framing", "round"], "invalid choice"),
        (["--out", "x", "--set", "single", "--seed", "3"], "takes no --seed"),
        (["--out", "x", "--set", "single", "--backgrounds", "y"], "takes no --backgrounds"),
        (["--out", "x", "--set", "twins"], "invalid choice"),
        (["--sheet", "x", "--set", "all"], "shows one set"),
    ],
)
def test_mistakes_are_said_in_a_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synthesize", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["synthesize", "--sheet", str(tmp_path / "file" / "sheet.png"), "--count", "1", *SMALL]) == 5
    assert "cannot be written" in capsys.readouterr().err


def test_the_command_knows_every_held_out_set() -> None:
    assert set(synthesize._SETS) == set(FIXED_SETS)
    assert len({fixed.seed for fixed in FIXED_SETS.values()}) == len(FIXED_SETS)
    assert all(fixed.settings().use == "test" for fixed in FIXED_SETS.values())


def test_a_user_s_pictures_lie_behind_half_of_the_hands_and_nothing_else_changes(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    green = np.zeros((90, 120, 3), dtype=np.uint8)
    green[..., 1] = 255
    cv2.imwrite(str(folder / "green.png"), green)
    words = ["--count", "12", "--seed", "3", *SMALL]
    assert main(["synthesize", "--out", str(tmp_path / "a"), *words]) == 0
    assert main(["synthesize", "--out", str(tmp_path / "b"), "--backgrounds", str(folder), *words]) == 0
    with np.load(tmp_path / "a" / "truth.npz") as drawn, np.load(tmp_path / "b" / "truth.npz") as laid:
        np.testing.assert_array_equal(drawn["joints_px"], laid["joints_px"])
    greener = []
    for index in range(12):
        pair = [cv2.imread(str(tmp_path / name / "pictures" / f"{index:07d}.png")).astype(int) for name in "ab"]
        excess = [picture[..., 1].mean() - picture[..., 2].mean() for picture in pair]
        greener.append(excess[1] > excess[0] + 20)
    assert 2 <= sum(greener) <= 10


def test_a_folder_without_pictures_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["synthesize", "--sheet", str(tmp_path / "sheet.png"), "--backgrounds"]
    assert main([*words, str(tmp_path)]) == 3
    assert "holds no pictures" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "none")]) == 3
    assert "There is no folder" in capsys.readouterr().err
