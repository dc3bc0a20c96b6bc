"""A set in InterHand2.6M's layout is read back by this program's reader as it was drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.__main__ import main
from inference.contract import ErrorCode, HandsError
from inference.datasets import HandDataset, SampleFilter, open_interhand
from inference.datasets.interhand import InterHandDataset
from inference.datasets.made_set import NOTE_FILE, made_sets_in, models_of_set, name_of_part
from inference.engines.engine import WEIGHTS_DIR as WEIGHTS
from inference.evaluation.prediction import PredictedHands
from inference.hands.joints import MANO_TO_INTERHAND
from inference.hands.open_hand import load_hand_models
from inference.synthesis.fixed_sets import FIXED_SETS
from inference.synthesis.interhand_set import LEAST_INSIDE
from inference.synthesis.sample import Generator, Samples, Settings

COUNT, FIRST, SEED, SIZE_PX = 12, 2, 3, 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interhand")
    words = ["--count", COUNT, "--first", FIRST, "--seed", SEED, "--size", SIZE_PX, "--framing", "mixed"]
    assert main(["synthesize", "--layout", "interhand", "--out", str(folder), *map(str, words)]) == 0
    return folder


@pytest.fixture(scope="module")
def made() -> Samples:
    generator = Generator.from_weights(WEIGHTS, Settings(size_px=SIZE_PX, framing="mixed"))
    return generator.make(SEED, torch.arange(FIRST, FIRST + COUNT))


@pytest.fixture
def dataset(folder: Path, tmp_path: Path) -> InterHandDataset:
    return open_interhand(
        folder, "train", load_hand_models(WEIGHTS), wanted=SampleFilter(), report=lambda _: None, index_base=tmp_path
    )


def _numbers(dataset: InterHandDataset) -> np.ndarray:
    return dataset.frames - FIRST


def test_joints_vertices_and_cameras_come_back(dataset: InterHandDataset, made: Samples) -> None:
    rows = np.arange(len(dataset))
    numbers = _numbers(dataset)
    truth, valid = dataset.truth(rows), dataset.truth(rows).fit_valid
    inside = ((made.joints_px > -0.5) & (made.joints_px < SIZE_PX - 0.5)).all(-1).sum(-1) >= LEAST_INSIDE
    np.testing.assert_array_equal(valid, (made.present & inside).numpy()[numbers])
    assert valid.all(1).any() and (valid.sum(1) == 1).any()
    np.testing.assert_array_equal(truth.points_valid.all(-1), valid)
    np.testing.assert_allclose(truth.points_mm[valid], 1000 * made.joints_m.numpy()[numbers][valid], atol=0.05)
    for hand in range(2):
        chosen = valid[:, hand]
        expected = 1000 * made.vertices_m.numpy()[numbers][chosen, hand]
        np.testing.assert_allclose(truth.vertices_mm[hand][chosen], expected, atol=0.05)
    for row in rows:
        pixels = dataset.intrinsics(int(row)).project(truth.points_mm[row][valid[row]])
        np.testing.assert_allclose(pixels, made.joints_px.numpy()[numbers[row]][valid[row]], atol=0.05)


def test_pictures_boxes_and_kinds_come_back(dataset: InterHandDataset, made: Samples) -> None:
    for row, number in enumerate(_numbers(dataset)):
        drawn = made.picture[number].permute(1, 2, 0).numpy().astype(float)
        assert np.abs(dataset.picture(row) - drawn).mean() < 5  # JPEG
        x, y, width, height = dataset.box_px(row)
        assert x >= 0 and y >= 0 and width > 0 and x + width <= SIZE_PX - 1 and y + height <= SIZE_PX - 1
    hands = dataset.truth(np.arange(len(dataset))).fit_valid
    np.testing.assert_array_equal(dataset.kinds, np.where(hands.all(1), 2, np.where(hands[:, 0], 0, 1)))


def test_the_triangulated_joints_are_there_in_their_own_order(folder: Path, dataset: InterHandDataset) -> None:
    content = json.loads((folder / "annotations" / "train" / "InterHand2.6M_train_joint_3d.json").read_text())["0"]
    row = int(np.flatnonzero(dataset.kinds == 2)[0])
    world = np.array(content[str(dataset.frames[row])]["world_coord"]).reshape(2, 21, 3)
    points = dataset.truth(np.array([row])).points_mm[0]
    np.testing.assert_allclose(world, points[:, MANO_TO_INTERHAND], atol=0.05)


def test_a_note_says_whose_hands_they_are(folder: Path, tmp_path: Path) -> None:
    note = json.loads((folder / NOTE_FILE).read_text())
    assert note["hand_model"]["name"] == "open" and note["hand_model"]["licence"] == "CC0-1.0"
    assert "not of MANO" in note["note"]
    assert note["parts"]["train"]["seed"] == SEED and note["parts"]["train"]["size_px"] == SIZE_PX

    def no_mano() -> tuple[object, object]:
        raise AssertionError("MANO is not needed")

    models = load_hand_models(WEIGHTS)
    assert models_of_set(folder, lambda: models, no_mano) is models  # type: ignore[arg-type]  # never called
    assert name_of_part(tmp_path, "train") is None
    assert name_of_part(folder, "train") == f"drawn set 'synthetic', seed {SEED}, train"
    own = (models["right"], models["left"])
    assert models_of_set(tmp_path, lambda: models, lambda: own)["left"] is own[1]
    (tmp_path / NOTE_FILE).write_text(json.dumps({"hand_model": {"sha256": ["another", "hand"]}}))
    with pytest.raises(HandsError) as other:
        models_of_set(tmp_path, lambda: models, lambda: own)
    assert other.value.code is ErrorCode.MODEL_MISSING


def test_a_held_out_set_becomes_the_test_split_beside_the_train_split(folder: Path) -> None:
    words = ["synthesize", "--layout", "interhand", "--out", str(folder), "--set", "single", "--count", "2"]
    assert main(words) == 0
    parts = json.loads((folder / NOTE_FILE).read_text())["parts"]
    assert set(parts) == {"train", "test"}
    assert parts["test"]["seed"] == FIXED_SETS["single"].seed < 0 and parts["test"]["use"] == "test"
    data = json.loads((folder / "annotations" / "test" / "InterHand2.6M_test_data.json").read_text())
    assert {entry["hand_type"] for entry in data["annotations"]} <= {"right", "left"}
    assert len(data["images"]) == 2
    assert (folder / "annotations" / "train" / "InterHand2.6M_train_data.json").is_file()


class _KnowsTheTruth:
    """Predicts what is annotated."""

    name = "the truth"

    def batches(self, dataset: HandDataset) -> Iterator[tuple[np.ndarray, PredictedHands]]:
        rows = np.arange(len(dataset))
        truth = dataset.truth(rows)
        yield rows, PredictedHands(truth.points_mm, truth.vertices_mm, None)


def test_held_out_sets_side_by_side_are_evaluated_each_with_its_own_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = tmp_path / "sets"
    assert main(["synthesize", "--layout", "interhand", "--out", str(sets), "--set", "all", "--count", "1"]) == 0
    assert [path.name for path in made_sets_in(sets)] == sorted(FIXED_SETS)
    assert not made_sets_in(sets / "apart")
    capsys.readouterr()
    monkeypatch.setattr("inference.commands.evaluate._source", lambda *_: _KnowsTheTruth())
    words = ["evaluate", "--data", str(sets), "--engine", "landmarks", "--protocol", "corrected"]
    words += ["--models", str(tmp_path / "no MANO"), "--index", str(tmp_path / "index")]
    assert main([*words, "--json", str(tmp_path / "scores.json")]) == 0
    printed = capsys.readouterr().out
    scores = json.loads((tmp_path / "scores.json").read_text())["sets"]
    assert list(scores) == sorted(FIXED_SETS)
    for name, fixed in FIXED_SETS.items():
        assert f"drawn set '{name}', seed {fixed.seed}, test" in printed
        assert scores[name]["expected_samples"] == 1
        assert scores[name]["groups"]["all"]["mpjpe_mm"] == pytest.approx(0, abs=1e-6)
    assert main([*words, "--report", str(tmp_path / "report.html")]) == 2
    assert "holds 4 sets" in capsys.readouterr().err
