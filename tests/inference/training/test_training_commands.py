"""``train``, ``evaluate --network`` and ``ablate`` as people meet them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.__main__ import main
from inference.contract import ErrorCode, HandsError, write_take
from inference.hands.open_hand import load_hand_models
from inference.models import ModelFolder
from inference.models.importing import Acceptance, import_files, licences_of, recognise_files
from inference.networks import efficientnet_lite0
from inference.training.configuration import load_configuration
from inference.training.run_folder import RunFolder
from inference.training.start import require_first_weights
from tests.made_interhand import write_interhand
from tests.stand_in_hand import write_mano_pickle
from tests.stand_in_take import stand_in_take

ROOT = Path(__file__).resolve().parents[3]
FEW = ["--set", "batch=2", "--set", "warmup_steps=0", "--first-weights", "random", "--threads", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up set with both splits, stand-ins for MANO, takes of the shipped hand."""
    folder = tmp_path_factory.mktemp("commands")
    write_interhand(folder / "set", split="train", captures=1)
    write_interhand(folder / "set", split="test", captures=1, seed=4)
    files = recognise_files([write_mano_pickle(folder, side) for side in ("right", "left")])
    import_files(files, ModelFolder(folder / "models"), [Acceptance.now(item, "test") for item in licences_of(files)])
    return folder


@pytest.fixture(autouse=True)
def users_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOHAND_MODELS", str(folder / "models"))


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_stop_go_on_and_evaluate(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(folder / "set"), "--index", str(folder / "index")]
    words = ["train", "--config", "compact", *FEW, "--set", "steps=2", *data, "--out", str(tmp_path / "run")]
    assert main([*words, "--stop-after", "1"]) == 0
    assert "stopped at step 1 of 2" in capsys.readouterr().out
    assert main(words) == 0
    assert "finished at step 2 of 2" in capsys.readouterr().out
    assert main(words) == 0
    assert "nothing was left to do" in capsys.readouterr().out
    assert main([*words, "--set", "seed=3"]) == ErrorCode.USAGE.exit_code
    assert "another configuration" in capsys.readouterr().err

    network = ["--network", str(tmp_path / "run" / "network.safetensors"), "--threads", "1"]
    assert main(["evaluate", "--protocol", "corrected", *data, *network, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["source"] == "network compact"
    assert scores["groups"]["all"]["samples"] == scores["expected_samples"] == 6
    assert scores["groups"]["all"]["mrrpe_mm"] is not None
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"no network")
    code = main(["evaluate", "--protocol", "corrected", *data, "--network", str(wrong)])
    assert code == ErrorCode.MODEL_DAMAGED.exit_code


def test_train_on_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = load_hand_models(ROOT / "weights")
    take = stand_in_take()
    take = replace(take, source="clip", model_sha256=(models["right"].sha256, models["left"].sha256))
    (tmp_path / "clip").mkdir()
    for frame in take.frames:
        picture = np.random.default_rng(frame).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "clip" / f"shot.{frame:04d}.png"), picture)
    write_take(take, tmp_path / "take.hands.npz")
    words = ["train", "--config", "compact", *FEW, "--set", "steps=1", "--data", str(tmp_path)]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert "finished at step 1 of 1" in capsys.readouterr().out
    assert (tmp_path / "run" / "network.safetensors").is_file()


def test_the_ablation_is_one_table_and_goes_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(folder / "set"), "--index", str(folder / "index"), "--hands", "interacting"]
    words = ["ablate", "--config", "compact", *FEW, *data, "--steps", "1", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0].startswith("Protocol 'corrected'")
    assert "1 steps each" in lines[0]
    names = ["baseline", "+ attention", "+ 1 cascade stage", "+ 2 cascade stages", "+ 3 cascade stages"]
    rows = {name: next(line for line in lines if line.startswith(f"{name} ")) for name in names}
    content = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert [item["name"] for item in content["variants"]] == names
    assert [item["cascade_stages"] for item in content["variants"]] == [0, 0, 1, 2, 3]
    assert [item["use_attention"] for item in content["variants"]] == [False, True, True, True, True]
    sizes = [item["parameters"] for item in content["variants"]]
    assert sizes[0] == sizes[1] < sizes[2] < sizes[3] < sizes[4]
    for item in content["variants"]:
        assert f"{item['scores']['groups']['all']['mpjpe_mm']:.2f}" in rows[item["name"]]
        assert item["steps"] == 1
    assert content["configuration"]["steps"] == 1
    # Again: nothing is trained anew, the numbers stay.
    assert main(words) == 0
    assert capsys.readouterr().out == printed
    assert "same pictures" not in printed
    assert main([*words[:-1], str(tmp_path / "same"), "--test-split", "train", "--set", "batch=1"]) == 0
    assert "Note: Trained and tested on the same pictures" in capsys.readouterr().out
    assert main([*words[:-3], "2", *words[-2:]]) == ErrorCode.USAGE.exit_code
    assert "another configuration" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--minutes", "nan"], "--minutes: 'nan' is not a number above 0"),
        (["--minutes", "inf"], "--minutes: 'inf' is not a number above 0"),
        (["--minutes", "-1"], "--minutes: '-1' is not a number above 0"),
        (["--minutes", "soon"], "--minutes: 'soon' is not a number above 0"),
        (["--stop-after", "0"], "--stop-after: '0' is not a whole number above 0"),
        (["--stop-after", "-1"], "--stop-after: '-1' is not a whole number above 0"),
        (["--workers", "-1"], "--workers: '-1' is not 0 or a whole number above it"),
        (["--workers", "two"], "--workers: 'two' is not 0 or a whole number above it"),
        (["--threads", "99999999999"], "--threads: '99999999999' is not a whole number above 0"),
    ],
)
def test_numbers_that_mean_nothing_are_refused_at_once(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for start in (["train"], ["ablate", "--steps", "1"]):
        if start[0] == "ablate" and words[0] in ("--minutes", "--stop-after"):
            continue
        # A configuration and data that are not there would be named after these.
        line = [*start, "--config", "nothing", "--data", "nowhere", "--out", "nowhere", *words]
        assert main(line) == ErrorCode.USAGE.exit_code
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--out", "file"], ErrorCode.OUTPUT_NOT_WRITABLE, "'file' cannot be written"),
        (["--out", "file/run"], ErrorCode.OUTPUT_NOT_WRITABLE, "'file/run' cannot be written"),
        (["--first-weights", "Random"], ErrorCode.MODEL_MISSING, "There is no network 'Random'"),
        (["--imagenet", "x.pth"], ErrorCode.MODEL_MISSING, "There is no file 'x.pth'"),
        (["--config", "paper"], ErrorCode.MODEL_MISSING, "starts from ImageNet weights of ResNet-50"),
    ],
)
def test_places_and_first_weights_are_looked_at_before_the_data(
    words: list[str],
    code: ErrorCode,
    sentence: str,
    empty_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (empty_folder / "file").touch()
    for command in (["train"], ["ablate", "--steps", "1"]):
        line = [*command, "--config", "compact", "--data", "nowhere", "--out", "run", *words]
        assert main(line) == code.exit_code
        assert sentence.replace("/", os.sep) in capsys.readouterr().err
        assert [path.name for path in empty_folder.iterdir()] == ["file"]
        assert main([*command, "--config", "compact", "--data", "nowhere", "--out", "run", *FEW]) == 3


@pytest.mark.parametrize(
    "words",
    [
        ["--hands", "single"],
        ["--split", "train"],
        ["--subjects", "1"],
        ["--fps", "5"],
        ["--broken", "fatal"],
        ["--index", "folder"],
        ["--models", "folder"],
    ],
)
def test_drawn_pictures_know_no_options_of_data_sets(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["train", "--config", "open", "--data", "synthesis", "--out", str(tmp_path / "run"), *words]
    assert main(line) == ErrorCode.USAGE.exit_code
    assert f"{words[0]} means nothing for pictures that are drawn" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_named_synthesis_is_a_folder_where_it_looks_like_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder / "set", tmp_path / "synthesis")
    words = ["train", "--config", "compact", *FEW, "--set", "steps=1", "--index", "index"]
    assert main([*words, "--data", "./synthesis", "--hands", "both", "--out", "run"]) == 0
    assert "finished at step 1 of 1" in capsys.readouterr().out
    saved = RunFolder(tmp_path / "run").load()
    assert saved is not None
    assert saved.identity.data.startswith("InterHand2.6M v1.0 train, 6 samples")


@pytest.mark.parametrize("words", [["--split", "test"], ["--subjects", "1"], ["--fps", "5"], ["--index", "folder"]])
def test_takes_know_no_splits_and_no_people(
    words: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "take.hands.npz").touch()
    data = ["--data", str(tmp_path)]
    for start in (
        ["train", "--config", "compact", "--out", "nowhere"],
        ["ablate", "--config", "compact", "--out", "nowhere", "--steps", "1"],
        ["evaluate", "--protocol", "corrected", "--engine", "landmarks"],
    ):
        assert main([*start, *data, *words]) == ErrorCode.USAGE.exit_code
        assert f"{words[0]} means nothing for a folder of takes" in capsys.readouterr().err
    ablate = ["ablate", "--config", "compact", "--out", "nowhere", "--steps", "1"]
    tested = ["--data", str(folder / "set"), "--test-data", str(tmp_path), "--test-split", "test"]
    assert main([*ablate, *tested]) == ErrorCode.USAGE.exit_code
    assert "--test-split means nothing for a folder of takes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ("finder", "Give another --config."),
        ("paper-heatmaps", "Give another --config."),
        ("pair", "Give --data synthesis."),
    ],
)
def test_networks_without_the_paper_s_parts_are_not_ablated(
    config: str, hint: str, empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["ablate", "--config", config, "--data", "nowhere", "--out", "out", "--steps", "1"]
    assert main(line) == ErrorCode.USAGE.exit_code
    assert hint in capsys.readouterr().err
    if config != "paper-heatmaps":
        assert main(["train", *line[1:-2]]) == ErrorCode.USAGE.exit_code
        assert "learns from drawn pictures alone" in capsys.readouterr().err
    assert not any(empty_folder.iterdir())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "synthesis", "--protocol", "corrected"], "--protocol means nothing for pictures that are drawn"),
        (["--data", "synthesis", "--test-split", "test"], "--test-split means nothing for pictures that are drawn"),
        (["--data", "synthesis", "--test-data", "set"], "--test-data means nothing for pictures that are drawn"),
        (["--data", "synthesis", "--hands", "single"], "--hands means nothing for pictures that are drawn"),
        (["--data", "nowhere", "--test-count", "5"], "--test-count means nothing for a data set"),
        (["--data", "nowhere", "--variants", "stages4"], "There is no variant 'stages4'"),
    ],
)
def test_ablations_know_no_options_of_the_other_kind_of_data(
    words: list[str], sentence: str, empty_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", "--config", "open", "--out", "out", "--steps", "1", *words]) == ErrorCode.USAGE.exit_code
    assert sentence in capsys.readouterr().err
    assert not any(empty_folder.iterdir())


@pytest.mark.parametrize("name", ["pair", "finder"])
def test_networks_that_begin_as_shipped_ones_need_no_imagenet_weights_and_take_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficientnet_lite0, "IMAGENET_PACKAGE", "not-installed")
    monkeypatch.setattr(efficientnet_lite0, "_PACKAGE_MODULE", "not_installed")
    configuration = load_configuration(name)
    with pytest.raises(HandsError, match="ImageNet weights that training starts from are not installed"):
        require_first_weights(load_configuration("compact"), "imagenet", None)
    require_first_weights(configuration, "imagenet", None)
    with pytest.raises(HandsError, match="begins as a shipped net") as error:
        require_first_weights(configuration, "imagenet", tmp_path)
    assert error.value.code is ErrorCode.USAGE
