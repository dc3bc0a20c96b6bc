"""Batches by number: alike whoever makes them and whenever; pictures that cannot be read."""

from __future__ import annotations

import json
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.contract import ErrorCode, HandsError
from inference.datasets import InterHandDataset, SampleFilter, open_interhand
from inference.hands.joints import Side
from inference.hands.model import HandModel
from inference.training.batch import TrainingBatch
from inference.training.configuration import AugmentationSettings
from inference.training.dataset_stream import DatasetStream
from tests.inference.training.made_run import made_set, silent
from tests.made_interhand import MODELS, write_interhand
from tests.stand_in_hand import small_hand

STRONG = AugmentationSettings(strong=0.5, background=0.5)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> InterHandDataset:
    return made_set(tmp_path_factory.mktemp("stream"))


def same(one: TrainingBatch, other: TrainingBatch) -> bool:
    theirs = other.named_tensors()
    return all(torch.equal(value, theirs[name]) for name, value in one.named_tensors().items())


def test_a_batch_is_its_number_s(dataset: InterHandDataset) -> None:
    def stream(workers: int = 0, seed: int = 1) -> DatasetStream:
        return DatasetStream(dataset, batch=5, augmentation=STRONG, seed=seed, workers=workers)

    alone = list(islice(stream().batches(0, 1), 6))
    ahead = list(islice(stream(workers=1).batches(0, 1), 6))
    assert all(same(one, other) for one, other in zip(alone, ahead, strict=True))
    assert same(next(stream().batches(4, 1)), alone[4])
    assert all(same(one, other) for one, other in zip(islice(stream().batches(1, 2), 3), alone[1::2], strict=True))
    assert not same(alone[0], alone[1])
    assert not same(next(stream(seed=2).batches(0, 1)), alone[0])


def test_an_epoch_shows_every_sample_once_in_an_order_of_its_own(dataset: InterHandDataset) -> None:
    stream = DatasetStream(dataset, batch=4, augmentation=None, seed=0)
    batches = list(islice(stream.batches(0, 1), 6))
    epochs = [torch.cat([batch.picture for batch in part]).flatten(1) for part in (batches[:3], batches[3:])]
    assert stream.samples == 12
    for epoch in epochs:
        assert len({tuple(row[:500].tolist()) for row in epoch}) == 12
    assert not torch.equal(*epochs)


def test_whether_the_kind_is_sure_comes_from_the_annotation(tmp_path: Path) -> None:
    root = write_interhand(tmp_path, split="train")
    path = root / "annotations" / "train" / "InterHand2.6M_train_data.json"
    content = json.loads(path.read_text())
    unsure = {content["images"][place]["id"] for place in (0, 3)}
    for entry in content["annotations"]:
        entry["hand_type_valid"] = int(entry["image_id"] not in unsure)
    path.write_text(json.dumps(content))
    dataset = open_interhand(root, "train", MODELS, wanted=SampleFilter(), report=silent, index_base=tmp_path / "index")
    assert [int(place) for place in np.flatnonzero(~dataset.kinds_valid)] == [0, 3]
    batch = next(DatasetStream(dataset, batch=12, augmentation=STRONG, seed=1).batches(0, 1))
    assert batch.targets.presence_valid.shape == (12,)
    assert batch.targets.presence_valid.dtype == torch.float32
    hands_of_unsure = batch.targets.hand_present[batch.targets.presence_valid == 0].sum(dim=1)
    assert sorted(hands_of_unsure.tolist()) == [1, 2]  # sample 3 shows a single hand


@pytest.fixture
def broken(tmp_path: Path) -> InterHandDataset:
    """Three of twelve pictures are missing or broken."""
    dataset = made_set(tmp_path)
    pictures = sorted((tmp_path / "interhand").rglob("*.jpg"))
    pictures[0].unlink()
    pictures[1].write_bytes(b"")
    pictures[2].write_bytes(pictures[3].read_bytes()[:-100])
    return dataset


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_picture_is_fatal_or_replaced(
    broken: InterHandDataset, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    def stream(broken_pictures: str) -> DatasetStream:
        return DatasetStream(
            broken,
            batch=12,
            augmentation=None,
            seed=0,
            broken=broken_pictures,  # type: ignore[arg-type]  # one of the two
            workers=workers,
        )

    with pytest.raises(HandsError) as error:
        next(stream("fatal").batches(0, 1))
    assert error.value.code in (ErrorCode.INPUT_MISSING, ErrorCode.INPUT_UNREADABLE)
    assert ".jpg" in error.value.message
    assert error.value.hint
    batch = next(stream("skip").batches(0, 1))
    assert int(batch.skipped) >= 3
    if workers == 0:  # a process of its own writes to the terminal itself
        named = " ".join(record.getMessage() for record in caplog.records)
        assert "is missing" in named
        assert "it is empty" in named
        assert "cut short" in named
    assert batch.picture.shape == (12, 3, 256, 256)
    assert float(batch.picture.amax(dim=(1, 2, 3)).min()) > 0.5


def test_a_data_set_without_pictures_ends(tmp_path: Path) -> None:
    dataset = made_set(tmp_path)
    shutil.rmtree(tmp_path / "interhand" / "images")
    stream = DatasetStream(dataset, batch=1, augmentation=None, seed=0, broken="skip")
    with pytest.raises(HandsError, match="one after another cannot be read"):
        next(stream.batches(0, 1))


def test_hands_of_different_meshes(tmp_path: Path) -> None:
    models: dict[Side, HandModel] = {"right": MODELS["right"], "left": small_hand("left")}
    counts = [len(model.v_template) for model in models.values()]
    assert counts[0] > counts[1]
    root = write_interhand(tmp_path / "set", split="train")
    dataset = open_interhand(
        root, "train", models, wanted=SampleFilter("interacting"), report=silent, index_base=tmp_path / "index"
    )
    batch = next(DatasetStream(dataset, batch=4, augmentation=None, seed=0).batches(0, 1))
    assert batch.vertices_mm.shape == (4, 2, counts[0], 3)
    assert not torch.any(batch.vertices_mm[:, 1, counts[1] :])
    assert torch.all(batch.vertices_mm[:, 1, : counts[1]].norm(dim=-1) > 100)
    varied = DatasetStream(dataset, batch=16, augmentation=STRONG, seed=0)
    batch = next(varied.batches(0, 1))
    # A mirrored hand has the other's mesh, which is not this one's.
    assert {0, 2} <= set(batch.vertices_valid.sum(dim=1).int().tolist())


def test_smaller_pictures_show_the_same(dataset: InterHandDataset) -> None:
    large, small = (
        next(DatasetStream(dataset, batch=4, augmentation=None, seed=0, picture_px=size).batches(0, 1))
        for size in (256, 128)
    )
    assert small.picture.shape == (4, 3, 128, 128)
    shown = torch.nn.functional.interpolate(large.picture, (128, 128), mode="area")
    assert (shown - small.picture).abs().mean() < 0.05
    torch.testing.assert_close(small.joints_px, large.joints_px / 2)
