"""The loop: it learns, goes on to the bit, stops when it should, and says why it broke."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from inference.contract import ErrorCode, HandsError
from inference.datasets import InterHandDataset
from inference.fit.placement import AnswerAxes
from inference.networks.intershape import InterShape
from inference.training import trainer as trainer_module
from inference.training.batch import TrainingBatch
from inference.training.dataset_stream import DatasetStream
from inference.training.run_folder import RunFolder, load_network_file
from inference.training.start import trainer_on
from inference.training.tensorboard import draw_predictions
from inference.training.trainer import Limits
from tests.inference.training.made_run import ALONE, made_set, run, silent, small, trainer
from tests.made_interhand import MODELS


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> InterHandDataset:
    return made_set(tmp_path_factory.mktemp("training"))


def test_a_run_cut_in_two_gives_the_weights_of_one(dataset: InterHandDataset, tmp_path: Path) -> None:
    configuration = small("accumulate=2", "ema=0.9", "warmup_steps=2", "steps=3")
    whole = run(configuration, dataset, tmp_path / "whole")
    first = run(configuration, dataset, tmp_path / "cut", Limits(steps=1))
    assert (whole.finished, first.finished, first.step) == (True, False, 1)
    assert first.last_loss > 0
    assert run(configuration, dataset, tmp_path / "cut", workers=1).step == 3
    again = run(configuration, dataset, tmp_path / "cut")
    assert (again.step, again.samples_a_second) == (3, 0.0)
    one, two = (RunFolder(tmp_path / name).load() for name in ("whole", "cut"))
    assert one is not None
    assert two is not None
    for part in ("network", "averaged"):
        ours, theirs = getattr(one, part), getattr(two, part)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours), part
    assert not all(torch.equal(one.network[name], one.averaged[name]) for name in one.network)


def test_a_run_that_is_where_it_is_to_stop_stays_there(dataset: InterHandDataset, tmp_path: Path) -> None:
    run(small(), dataset, tmp_path, Limits(steps=2))
    for steps in (2, 1):
        again = run(small(), dataset, tmp_path, Limits(steps=steps))
        assert (again.step, again.finished, again.samples_a_second) == (2, False, 0.0)


@pytest.mark.parametrize("limits", [{"minutes": float("nan")}, {"minutes": -1.0}, {"steps": -1}])
def test_limits_that_end_nothing_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(HandsError, match="numbers from 0 up") as error:
        Limits(**limits)
    assert error.value.code is ErrorCode.USAGE


class OneBatch:
    """The same batch for ever."""

    def __init__(self, dataset: InterHandDataset) -> None:
        self._batch = next(DatasetStream(dataset, batch=2, augmentation=None, seed=0).batches(0, 1))
        self.samples = 2
        self.axes: AnswerAxes = "camera"

    def batches(self, first: int, step: int) -> Iterator[TrainingBatch]:
        return repeat(self._batch)


def test_the_network_learns_two_samples(
    dataset: InterHandDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "_LOG_STEPS", 1)
    configuration = small("steps=12", "learning_rate=2e-3", "freeze_backbone_norms=false")
    models = (MODELS["right"], MODELS["left"])
    made = trainer_on(configuration, OneBatch(dataset), "one", models, RunFolder(tmp_path), world=ALONE, start="random")
    result = made.run(Limits(), silent)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 12
    assert losses[-1] < 0.6 * losses[0]
    assert result.last_loss == losses[-1]


def test_the_saved_network_is_the_averaged_one_and_can_be_built(dataset: InterHandDataset, tmp_path: Path) -> None:
    run(small("ema=0.9"), dataset, tmp_path)
    trained = load_network_file(tmp_path / "network.safetensors")
    configuration, weights = trained.identity.configuration, trained.weights
    network = InterShape(configuration.network_configuration(), (MODELS["right"], MODELS["left"]))
    network.load_state_dict(weights, strict=True)
    saved = RunFolder(tmp_path).load()
    assert saved is not None
    assert all(torch.equal(saved.averaged[name], weights[name]) for name in weights)


def test_minutes_and_cancel_end_with_a_checkpoint(dataset: InterHandDataset, tmp_path: Path) -> None:
    assert run(small(), dataset, tmp_path / "time", Limits(minutes=1e-6)).step == 1
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(HandsError) as error:
        run(small(), dataset, tmp_path / "cancel", Limits(cancelled=cancelled))
    assert error.value.code is ErrorCode.CANCELLED
    for name in ("time", "cancel"):
        saved = RunFolder(tmp_path / name).load()
        assert saved is not None
        assert saved.step == 1


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_batch(dataset: InterHandDataset, tmp_path: Path) -> None:
    made = trainer(small(), dataset, tmp_path)
    made.run(Limits(steps=1), silent)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    broken = trainer(small(), dataset, tmp_path)
    with torch.no_grad():
        next(broken.network.parameters()).fill_(float("nan"))
    with pytest.raises(HandsError, match=r"step 2.*not a number"):
        broken.run(Limits(), silent)
    (batch,) = torch.load(tmp_path / "bad_batch.pt", weights_only=True)
    assert batch["picture"].shape == (2, 3, 256, 256)
    assert torch.isfinite(batch["targets.points_mm"]).all()
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_gradient_that_is_not_a_number_spoils_nothing(dataset: InterHandDataset, tmp_path: Path) -> None:
    configuration = small("accumulate=2")
    made = trainer(configuration, dataset, tmp_path)
    before = {name: value.clone() for name, value in made.network.named_parameters()}
    next(made.network.parameters()).register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(HandsError, match=r"step 1: the gradient is not a number"):
        made.run(Limits(), silent)
    kept = torch.load(tmp_path / "bad_batch.pt", weights_only=True)
    stream = DatasetStream(dataset, batch=2, augmentation=configuration.augmentation, seed=configuration.seed)
    for part, batch in zip(kept, islice(stream.batches(0, 1), 2), strict=True):
        torch.testing.assert_close(part["picture"], batch.picture)
    assert not (tmp_path / "checkpoint.pt").exists()
    assert all(torch.equal(before[name], value) for name, value in made.network.named_parameters())


def test_drawing_predictions_changes_nothing(dataset: InterHandDataset, tmp_path: Path) -> None:
    made = trainer(small(), dataset, tmp_path)
    made.run(Limits(steps=1), silent)
    batch = next(DatasetStream(dataset, batch=8, augmentation=None, seed=0).batches(0, 1))
    before = {name: value.clone() for name, value in made.network.state_dict().items()}
    modes = {name: module.training for name, module in made.network.named_modules()}
    assert set(modes.values()) == {True, False}  # the backbone's norms are frozen
    picture = draw_predictions(made.network, batch._replace(picture=torch.zeros_like(batch.picture)), 6)
    assert picture.shape == (512, 6 * 512, 3)
    assert {name: module.training for name, module in made.network.named_modules()} == modes
    assert all(torch.equal(before[name], value) for name, value in made.network.state_dict().items())
    assert (picture.min(axis=2) > 100).sum() > 100  # the true bones, white
    assert (picture[..., 0].astype(int) > picture[..., 2].astype(int) + 80).any()  # the right hand's, orange


def test_tensorboard_holds_scalars_and_a_picture(dataset: InterHandDataset, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run(small("steps=2"), dataset, tmp_path)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    scalars = events.Tags()["scalars"]
    assert {"loss", "learning_rate", "loss/joints", "loss/heatmaps"} <= set(scalars)
    logged = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    last = events.Scalars("loss")[-1]
    assert last.step == 2
    assert last.value == pytest.approx(logged["loss"], rel=1e-5)
    (picture,) = events.Images("predictions")
    assert (picture.width, picture.height) == (1024, 512)


def test_another_configuration_or_other_data_do_not_go_on(dataset: InterHandDataset, tmp_path: Path) -> None:
    run(small(), dataset, tmp_path / "run", Limits(steps=1))
    with pytest.raises(HandsError, match="another configuration"):
        run(small("seed=5"), dataset, tmp_path / "run")
    saved = RunFolder(tmp_path / "run").load()
    assert saved is not None
    RunFolder(tmp_path / "two").save(replace(saved, identity=replace(saved.identity, processes=2)))
    with pytest.raises(HandsError, match="2 processes"):
        run(small(), dataset, tmp_path / "two")
    with pytest.raises(HandsError, match="other data"):
        run(small(), made_set(tmp_path, hands="interacting"), tmp_path / "run")
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"<html>")
    with pytest.raises(HandsError) as error:
        run(small(), dataset, tmp_path / "run")
    assert error.value.code is ErrorCode.MODEL_DAMAGED


def test_checkpoints_that_do_not_fit_are_told_in_a_sentence(dataset: InterHandDataset, tmp_path: Path) -> None:
    run(small("ema=0.9"), dataset, tmp_path, Limits(steps=1))
    path = tmp_path / "checkpoint.pt"
    whole = torch.load(path, weights_only=True)
    name = next(iter(whole["network"]))
    damages: list[tuple[dict[str, Any], str]] = [
        ({"network": {**whole["network"], name: torch.zeros(1)}}, "not a whole training checkpoint"),
        ({"network": None}, "not a whole training checkpoint"),
        ({"averaged": {}}, "not a whole training checkpoint"),
        ({"optimiser": {}}, "not a whole training checkpoint"),
        ({"axes": "sideways"}, "not a whole training checkpoint"),
        ({"format": 1}, "another version of this program"),
        ({"configuration": '{"name": "compact", "moons": 2}'}, "another version of this program"),
    ]
    for damage, sentence in damages:
        torch.save({**whole, **damage}, path)
        with pytest.raises(HandsError, match=sentence) as error:
            trainer(small("ema=0.9"), dataset, tmp_path)
        assert error.value.code is ErrorCode.MODEL_DAMAGED, damage
    torch.save(whole, path)
    assert trainer(small("ema=0.9"), dataset, tmp_path).step == 1


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(
    dataset: InterHandDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, int]] = []
    fsync, rename = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        events.append(("fsync", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        events.append(("rename", path.stat().st_ino))
        return rename(path, target)

    made = trainer(small(), dataset, tmp_path)
    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_rename)
    made.run(Limits(steps=1), silent)
    files = [(tmp_path / name).stat().st_ino for name in ("checkpoint.pt", "network.safetensors")]
    assert events == [(event, file) for file in files for event in ("fsync", "rename")]


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_network_computes_in_the_precision_asked_for(
    dataset: InterHandDataset, tmp_path: Path, precision: str, dtype: torch.dtype
) -> None:
    made = trainer(small(f"precision='{precision}'"), dataset, tmp_path)
    seen: set[torch.dtype] = set()

    def look(module: nn.Module, given: Any, answer: Tensor) -> None:
        if module.training:  # pictures for people are drawn in full precision
            seen.add(answer.dtype)

    for module in made.network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(look)
    made.run(Limits(steps=1), silent)
    assert seen == {dtype}
    saved = RunFolder(tmp_path).load()
    assert saved is not None
    assert {value.dtype for value in saved.network.values() if value.is_floating_point()} == {torch.float32}


def test_half_precision_and_reading_ahead_work(dataset: InterHandDataset, tmp_path: Path) -> None:
    result = run(small("precision='bf16'", "steps=2"), dataset, tmp_path, workers=1)
    assert result.finished
    assert 0 <= result.waiting_share <= 1
    assert result.samples_a_second > 0


def test_what_is_frozen_stays(dataset: InterHandDataset, tmp_path: Path) -> None:
    kept = trainer(small(), dataset, tmp_path / "kept")
    before = {name: value.clone() for name, value in kept.network.backbone.state_dict().items()}
    kept.run(Limits(steps=1), silent)
    after = kept.network.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if "running" in name)
    assert not all(torch.equal(before[name], after[name]) for name in before)
    freed = trainer(replace(small(), freeze_backbone_norms=False), dataset, tmp_path / "freed")
    freed.run(Limits(steps=1), silent)
    moved = freed.network.backbone.state_dict()
    assert not all(torch.equal(before[name], moved[name]) for name in before if "running" in name)
