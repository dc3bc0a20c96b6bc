"""What a run is, is kept with it: it goes on as nothing else, and its network is used as nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest

from inference.__main__ import main
from inference.ablation.dataset_bench import AblationData, DatasetBench
from inference.contract import ErrorCode, HandsError
from inference.datasets import InterHandDataset
from inference.datasets.dataset import HandDataset
from inference.evaluation.protocol import CORRECTED
from inference.fit.placement import AnswerAxes
from inference.hands.joints import SIDES
from inference.hands.model import HandModel
from inference.models import ModelFolder
from inference.models.importing import Acceptance, import_files, licences_of, recognise_files
from inference.training.batch import TrainingBatch
from inference.training.dataset_stream import DatasetStream
from inference.training.run_folder import RunFolder, load_network_file, save_network
from inference.training.start import InterShapeTrainer, trainer_on
from inference.training.trained_network import load_trained_network
from inference.training.trainer import Limits
from tests.inference.training.made_run import ALONE, made_set, silent, small
from tests.made_interhand import MODELS, write_interhand
from tests.stand_in_hand import write_mano_pickle

OURS = (MODELS["right"], MODELS["left"])
OTHERS = tuple(replace(model, v_template=1.01 * model.v_template) for model in OURS)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> InterHandDataset:
    return made_set(tmp_path_factory.mktemp("identity"))


class OneBatch:
    """The same batch for ever, said to be in some axes."""

    def __init__(self, dataset: HandDataset, axes: AnswerAxes) -> None:
        self._batch = next(DatasetStream(dataset, batch=2, augmentation=None, seed=0).batches(0, 1))
        self.samples = 2
        self.axes: AnswerAxes = axes

    def batches(self, first: int, step: int) -> Iterator[TrainingBatch]:
        return repeat(self._batch)


def begin(
    dataset: HandDataset, out: Path, axes: AnswerAxes = "crop ray", models: tuple[HandModel, ...] = OURS
) -> InterShapeTrainer:
    right, left = models
    stream = OneBatch(dataset, axes)
    return trainer_on(small(), stream, "one", (right, left), RunFolder(out), world=ALONE, start="random")


@pytest.fixture(scope="module")
def run(dataset: InterHandDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one step about the crop's ray."""
    out = tmp_path_factory.mktemp("run")
    begin(dataset, out).run(Limits(steps=1), silent)
    return out


def test_axes_and_hand_models_are_kept_in_both_files(run: Path) -> None:
    saved = RunFolder(run).load()
    assert saved is not None
    network = load_network_file(run / "network.safetensors")
    assert saved.identity == network.identity
    assert network.identity.axes == "crop ray"
    assert network.identity.model_sha256 == (MODELS["right"].sha256, MODELS["left"].sha256)
    assert load_trained_network(run / "network.safetensors", OURS).axes == "crop ray"


def test_a_run_goes_on_in_its_own_axes_and_with_its_own_hands_alone(dataset: InterHandDataset, run: Path) -> None:
    with pytest.raises(HandsError, match=r"directions in other axes \(crop ray, not camera\)") as caught:
        begin(dataset, run, axes="camera")
    assert caught.value.code is ErrorCode.USAGE
    with pytest.raises(HandsError, match="other hand models") as caught:
        begin(dataset, run, models=OTHERS)
    assert caught.value.code is ErrorCode.USAGE
    assert begin(dataset, run).step == 1


def test_a_network_poses_no_other_hands(run: Path) -> None:
    with pytest.raises(HandsError, match="trained with other hand models") as caught:
        load_trained_network(run / "network.safetensors", (OTHERS[0], OTHERS[1]))
    assert caught.value.code is ErrorCode.USAGE
    with pytest.raises(HandsError, match="trained with other hand models"):
        load_trained_network(run / "network.safetensors", (OURS[0], OTHERS[1]))


def test_a_network_of_another_kind_is_not_taken_for_this_one(run: Path, tmp_path: Path) -> None:
    saved = RunFolder(run).load()
    assert saved is not None
    identity = replace(saved.identity, configuration=replace(saved.identity.configuration, network="finder"))
    save_network(tmp_path / "network.safetensors", replace(saved, identity=identity))
    with pytest.raises(HandsError, match="of the kind 'finder'") as caught:
        load_trained_network(tmp_path / "network.safetensors", OURS)
    assert caught.value.code is ErrorCode.USAGE


def test_an_ablation_sees_other_hands_before_it_trains(dataset: InterHandDataset, tmp_path: Path) -> None:
    test = made_set(tmp_path)
    test.models = dict(zip(SIDES, OTHERS, strict=True))
    with pytest.raises(HandsError, match="other hand models"):
        DatasetBench(AblationData(dataset, test), CORRECTED, ALONE)


def test_a_network_of_drawn_hands_is_not_tested_on_mano(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = recognise_files([write_mano_pickle(tmp_path, side) for side in SIDES])
    accepted = [Acceptance.now(licence, "test") for licence in licences_of(files)]
    import_files(files, ModelFolder(tmp_path / "models"), accepted)
    write_interhand(tmp_path / "set", split="test", captures=1)
    words = ["train", "--data", "synthesis", "--config", "open", "--out", str(tmp_path / "run")]
    for change in ("batch=1", "steps=1", "picture_px=64"):
        words += ["--set", change]
    assert main([*words, "--first-weights", "random"]) == 0
    assert load_network_file(tmp_path / "run" / "network.safetensors").identity.axes == "crop ray"
    words = ["--data", str(tmp_path / "set"), "--index", str(tmp_path), "--models", str(tmp_path / "models")]
    words += ["--network", str(tmp_path / "run" / "network.safetensors")]
    assert main(["evaluate", "--protocol", "corrected", *words]) == ErrorCode.USAGE.exit_code
    told = capsys.readouterr().err
    assert "trained with other hand models" in told
    assert "synthesis" in told


def test_a_network_that_learned_heat_maps_alone_is_not_measured(dataset: InterHandDataset, tmp_path: Path) -> None:
    begin(dataset, tmp_path / "run").run(Limits(steps=1), silent)
    saved = RunFolder(tmp_path / "run").load()
    assert saved is not None
    heatmaps = replace(saved.identity.configuration, train="heatmaps")
    save_network(
        tmp_path / "heat.safetensors", replace(saved, identity=replace(saved.identity, configuration=heatmaps))
    )
    with pytest.raises(HandsError, match="heat maps alone"):
        load_trained_network(tmp_path / "heat.safetensors", OURS)
