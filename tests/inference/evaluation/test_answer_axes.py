"""A network that was taught directions about the crop's ray is measured in the camera's axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.contract import ErrorCode, HandsError
from inference.datasets import PictureReader
from inference.datasets.dataset import Intrinsics
from inference.engines.engine import WEIGHTS_DIR
from inference.evaluation.drawn_set import DrawnSet
from inference.evaluation.evaluate import evaluate
from inference.evaluation.network_source import NetworkSource
from inference.evaluation.protocol import CORRECTED
from inference.evaluation.scores import GroupScores
from inference.fit.placement import AnswerAxes
from inference.networks import batch_predictor
from inference.networks.configuration import COMPACT
from inference.networks.intershape import InterShape, Prediction
from inference.synthesis.fixed_sets import FIXED_SETS
from tests.inference.evaluation.made_predictions import silent
from tests.perfect_answer import perfect_answer

PICTURE_PX = 64


class PerfectPredictor:
    """Stands in for `BatchPredictor`."""

    def __init__(self, drawn: DrawnSet) -> None:
        self._drawn = drawn

    def __call__(self, network: InterShape, device: torch.device) -> PerfectPredictor:
        return self

    def predict(self, pictures: Tensor) -> Iterator[Prediction]:
        yield perfect_answer(self._drawn.samples, pictures)


@pytest.fixture(scope="module")
def drawn() -> DrawnSet:
    """Crops, far from the camera's axis."""
    return DrawnSet.draw(replace(FIXED_SETS["interacting"], framing="crop"), WEIGHTS_DIR, count=16, size_px=PICTURE_PX)


def source(drawn: DrawnSet, axes: AnswerAxes, monkeypatch: pytest.MonkeyPatch) -> NetworkSource:
    monkeypatch.setattr(batch_predictor, "BatchPredictor", PerfectPredictor(drawn))
    shape = replace(COMPACT, picture_px=PICTURE_PX, heatmap_px=PICTURE_PX // 4)
    network = InterShape(shape, (drawn.models["right"], drawn.models["left"]))
    return NetworkSource(network, PictureReader(drawn), axes=axes)


def scores(drawn: Any, axes: AnswerAxes, monkeypatch: pytest.MonkeyPatch) -> GroupScores:
    return evaluate(drawn, source(drawn, axes, monkeypatch), CORRECTED, report=silent).scores.groups["all"]


def test_a_perfect_answer_about_the_crop_s_ray_has_no_error(drawn: DrawnSet, monkeypatch: pytest.MonkeyPatch) -> None:
    off_axis = [np.subtract(drawn.intrinsics(one).principal_px, PICTURE_PX / 2) for one in range(len(drawn))]
    assert len(drawn) > 4
    assert np.linalg.norm(off_axis, axis=1).max() > PICTURE_PX / 2, "no crop lies off the camera's axis"
    group = scores(drawn, "crop ray", monkeypatch)
    for value in (group.mpjpe_mm, group.mpvpe_mm, group.mrrpe_mm):
        assert value == pytest.approx(0, abs=0.02)
    untouched = scores(drawn, "camera", monkeypatch)
    assert untouched.mpjpe_mm is not None
    assert untouched.mpjpe_mm > 3


def test_without_a_camera_there_is_no_way_back(drawn: DrawnSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "intrinsics", lambda _: Intrinsics((0.0, 0.0), (0.0, 0.0)))
    with pytest.raises(HandsError, match=r"does not say with which camera '\d+/0/0'") as caught:
        scores(drawn, "crop ray", monkeypatch)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE
    assert scores(drawn, "camera", monkeypatch).mpjpe_mm is not None
