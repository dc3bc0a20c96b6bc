"""Many pictures: order, batch sizes, and what happens when memory runs out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inference.contract import ErrorCode, HandsError
from inference.networks.batch_predictor import (
    BatchPredictor,
    choose_batch_size,
    free_memory_bytes,
    map_tensors,
)
from inference.networks.configuration import COMPACT, PAPER
from inference.networks.intershape import InterShape, Prediction

CLOSE_MM = 1e-3
"""Batches of other sizes are summed in another order."""


def points(predictions: list[Prediction]) -> Tensor:
    return torch.cat([prediction.mesh.right[-1].points_mm for prediction in predictions])


def test_batches_come_in_order_and_change_nothing(compact_network: InterShape, pictures: Tensor) -> None:
    predictor = BatchPredictor(compact_network, batch_size=2)
    found = list(predictor.predict(pictures))
    assert [len(prediction.hand_presence) for prediction in found] == [2, 1]
    torch.testing.assert_close(
        points(found), compact_network.predict(pictures).mesh.right[-1].points_mm, rtol=0, atol=CLOSE_MM
    )
    assert list(predictor.predict(pictures[:0])) == []


class ScarceMemory:
    """Stands in for the network on a device that holds `room` pictures."""

    def __init__(self, network: InterShape, room: int) -> None:
        self.network, self.room = network, room
        self.asked: list[int] = []

    def predict(self, batch: Tensor) -> Prediction:
        self.asked.append(len(batch))
        if len(batch) > self.room:
            raise torch.OutOfMemoryError("the device is full")
        return self.network.predict(batch)


def test_a_full_memory_halves_the_batch_and_goes_on(
    compact_network: InterShape, pictures: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = BatchPredictor(compact_network, batch_size=8)
    many = torch.cat([pictures, pictures])[:5]
    expected = points(list(predictor.predict(many)))
    scarce = ScarceMemory(predictor._network, 2)
    monkeypatch.setattr(predictor, "_network", scarce)
    torch.testing.assert_close(points(list(predictor.predict(many))), expected, rtol=0, atol=CLOSE_MM)
    assert scarce.asked == [5, 4, 2, 2, 1]
    assert predictor.batch_size == 2  # it remembers


def test_a_memory_too_small_for_one_picture_is_an_error(
    compact_network: InterShape, pictures: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = BatchPredictor(compact_network, batch_size=2)
    monkeypatch.setattr(predictor, "_network", ScarceMemory(compact_network, 0))
    with pytest.raises(HandsError) as caught:
        list(predictor.predict(pictures))
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert predictor.batch_size == 1


def test_the_batch_fits_the_free_memory() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    sizes = [choose_batch_size(PAPER, cuda, gigabytes * 1e9) for gigabytes in (0.0, 0.2, 0.6, 2.0, 100.0)]
    assert sizes == [1, 1, 4, 8, 64]
    assert choose_batch_size(COMPACT, cuda, 0.6e9) > choose_batch_size(PAPER, cuda, 0.6e9)
    assert choose_batch_size(PAPER, cpu, 100e9) == 8
    assert 1e6 < free_memory_bytes(cpu) < 1e14


def test_every_tensor_is_mapped(compact_network: InterShape, pictures: Tensor) -> None:
    prediction = compact_network.predict(pictures[:1], every_stage=True)
    doubled = map_tensors(prediction, lambda tensor: tensor * 2)
    pairs = zip(_leaves(doubled), _leaves(prediction), strict=True)
    checked = [torch.equal(ours, 2 * theirs) for ours, theirs in pairs]
    assert len(checked) > 30 and all(checked)


def _leaves(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [leaf for part in value for leaf in _leaves(part)] if isinstance(value, tuple | list) else []


def test_half_precision_runs_and_is_roughly_right(compact_network: InterShape, pictures: Tensor) -> None:
    predictor = BatchPredictor(compact_network, precision=torch.bfloat16, batch_size=1)
    found = next(predictor.predict(pictures[:1]))
    exact = compact_network.predict(pictures[:1])
    assert found.mesh.right[-1].points_mm.dtype == torch.float32
    torch.testing.assert_close(found.mesh.right[0].points_mm, exact.mesh.right[0].points_mm, rtol=0, atol=5.0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_work_gives_the_same(compact_network: InterShape, pictures: Tensor) -> None:
    predictor = BatchPredictor(compact_network, "cuda", batch_size=2, captures=True)
    found = points(list(predictor.predict(pictures))).cpu()
    torch.testing.assert_close(found, compact_network.predict(pictures).mesh.right[-1].points_mm, rtol=0, atol=0.05)
