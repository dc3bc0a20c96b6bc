"""``evaluate`` as people and scripts meet it."""

from __future__ import annotations

import errno
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from inference.__main__ import main
from inference.contract import ErrorCode
from inference.models import ModelFolder
from inference.models.importing import Acceptance, import_files, licences_of, recognise_files
from tests.inference.evaluation.made_predictions import made_dataset, perfect_arrays
from tests.stand_in_hand import write_mano_pickle

MINI = Path(__file__).resolve().parents[4] / "shared" / "fixtures" / "interhand_mini"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with stand-ins for MANO."""
    folder = tmp_path_factory.mktemp("models")
    files = recognise_files([write_mano_pickle(folder, side) for side in ("right", "left")])
    accepted = [Acceptance.now(licence, "test") for licence in licences_of(files)]
    import_files(files, ModelFolder(folder / "imported"), accepted)
    return folder / "imported"


@pytest.fixture
def command(tmp_path: Path, models: Path) -> list[str]:
    """A made-up set and predictions that err by some millimetres."""
    dataset = made_dataset(tmp_path, pictures=True)
    arrays = perfect_arrays(dataset)
    arrays["joints"] += np.random.default_rng(0).normal(0, 4, arrays["joints"].shape)
    np.savez(tmp_path / "predictions.npz", **arrays)
    options = {
        "--data": tmp_path / "set",
        "--predictions": tmp_path / "predictions.npz",
        "--models": models,
        "--index": tmp_path / "index",
    }
    return ["evaluate", *(str(word) for pair in options.items() for word in pair)]


def test_a_table_a_json_file_and_a_report(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out.json", tmp_path / "out.html"
    assert main([*command, "--protocol", "corrected", "--json", str(out), "--report", str(report), "--worst", "3"]) == 0
    printed = capsys.readouterr().out
    content = json.loads(out.read_text())
    group = content["groups"]["all"]
    assert printed.startswith("Protocol 'corrected'")
    assert f"{group['mpjpe_mm']:.2f}" in printed
    assert group["mpjpe_mm"] > 1

    page = report.read_text(encoding="utf-8")
    HTMLParser().feed(page)
    assert not re.search(r'(src|href)="(?!data:)', page), "the report fetches nothing"
    assert page.count("data:image/jpeg;base64,") == 3
    assert f"{group['mpjpe_mm']:.2f}" in page
    assert page.count("protocol corrected") >= 4
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) == 2
    for plot in plots:
        ElementTree.fromstring(plot)  # noqa: S314 - our own text
    points = re.findall(r'<polyline points="([^"]+)"', plots[0])
    assert len(points) == len(content["groups"])
    assert len(points[0].split()) == 200


def test_json_alone_is_printed_instead_of_the_table(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--protocol", "authors", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["protocol"] == "authors"
    assert content["groups"]["all"]["samples"] == 8
    assert content["expected_samples"] == 8


@pytest.mark.parametrize(
    ("words", "samples"), [(["--hands", "single"], 4), (["--subjects", "1"], 6), (["--hands", "both"], 12)]
)
def test_filters(command: list[str], capsys: pytest.CaptureFixture[str], words: list[str], samples: int) -> None:
    assert main([*command, "--protocol", "corrected", "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out)["groups"]["all"]["samples"] == samples


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--protocol", "authors", "--hands", "single"], "interacting hands alone"),
        (["--protocol", "corrected", "--split", "train"], "train_data.json"),
        (["--protocol", "corrected", "--subjects", "x"], "no list of numbers|not a list of numbers"),
        (["--protocol", "corrected", "--models", "nowhere"], "MANO is missing"),
        (["--protocol", "corrected", "--engine", "landmarks"], "not allowed with"),
        (["--protocol", "corrected", "--report", "nowhere/x.html"], "cannot be written"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    command: list[str], capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main([*command, *words]) not in (0, 9)
    assert re.search(sentence, capsys.readouterr().err)


@pytest.mark.parametrize("option", ["--json", "--report"])
@pytest.mark.parametrize("place", ["folder", "nowhere/x", "file/x"])
def test_a_result_that_cannot_be_written_is_told_before_the_work(
    option: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    words = ["evaluate", "--data", "no set", "--predictions", "none.npz", "--protocol", "corrected"]
    assert main([*words, option, str(tmp_path / place)]) == ErrorCode.OUTPUT_NOT_WRITABLE.exit_code
    assert f"'{tmp_path / place}' cannot be written" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "kept"


def test_looking_whether_a_result_can_be_written_leaves_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for name in ("file", "new"):
        words = ["evaluate", "--data", "no set", "--predictions", "none.npz", "--protocol", "corrected"]
        assert main([*words, "--json", str(tmp_path / name)]) == ErrorCode.INPUT_MISSING.exit_code
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


def test_the_table_is_printed_even_where_writing_fails_in_the_end(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, text: str, **_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    code = main([*command, "--protocol", "corrected", "--json", str(tmp_path / "out.json")])
    assert code == ErrorCode.DISK_FULL.exit_code
    captured = capsys.readouterr()
    assert captured.out.startswith("Protocol 'corrected'")
    assert "is full" in captured.err


def test_tiles_show_the_truth_and_the_prediction(command: list[str], tmp_path: Path) -> None:
    import base64

    report = tmp_path / "out.html"
    assert main([*command, "--protocol", "corrected", "--report", str(report), "--worst", "1"]) == 0
    encoded = re.findall(r"base64,([^\"]+)\"", report.read_text(encoding="utf-8"))
    tile = cv2.imdecode(np.frombuffer(base64.b64decode(encoded[0]), np.uint8), cv2.IMREAD_COLOR)
    assert tile is not None
    assert tile.shape == (320, 320, 3)
    assert np.all(tile > 240, axis=-1).sum() > 200, "white lines of the truth"
    blue, orange = tile[..., 0].astype(int) - tile[..., 2], tile[..., 2].astype(int) - tile[..., 0]
    assert (blue > 150).sum() > 100 or (orange > 150).sum() > 100


@pytest.mark.skipif(not MINI.is_dir(), reason="the fixtures are not beside this copy of the project")
@pytest.mark.parametrize("variant", ["all_valid", "some_invalid"])
def test_the_mini_set_from_the_command_line(
    variant: str, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = MINI / variant
    words = ["--data", folder / "dataset", "--predictions", folder / "predictions.npz", "--models", models]
    options = ["--index", tmp_path, "--protocol", "authors"]
    assert main(["evaluate", *map(str, [*words, *options])]) == 0
    printed = json.loads((folder / "authors_metrics.json").read_text())
    table = dict(re.findall(r"^(\S+).*? (\S+)$", capsys.readouterr().out, re.MULTILINE))
    assert table["MPJPE"] == f"{printed['mpjpe']:.2f}"
    assert table["MPVPE"] == f"{printed['mpvpe']:.2f}"
    assert table["AUC"] == f"{printed['auc']:.3f}"
