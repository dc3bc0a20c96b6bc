"""A network that was taught directions about the crop's ray is measured in the camera's axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.contract import ErrorCode, HandsError
from inference.datasets import PictureReader
from inference.datasets.dataset import INTERACTING, GroundTruth, Intrinsics, ModelParameters
from inference.engines.engine import WEIGHTS_DIR
from inference.evaluation.evaluate import evaluate
from inference.evaluation.network_source import NetworkSource
from inference.evaluation.protocol import CORRECTED
from inference.evaluation.scores import GroupScores
from inference.fit.placement import AnswerAxes, trans_between
from inference.hands.joints import MIDDLE_MCP, Side
from inference.hands.model import HandModel
from inference.hands.open_hand import load_hand_models
from inference.networks import batch_predictor
from inference.networks.configuration import COMPACT
from inference.networks.heatmaps import HeatmapSummary
from inference.networks.intershape import InterShape, Prediction
from inference.networks.mesh_net import HandStage, MeshOutput
from inference.synthesis.sample import Generator, Samples, Settings
from inference.training.synthetic_stream import batch_of
from tests.inference.evaluation.made_predictions import silent

PICTURE_PX = 64
BOX_PX = PICTURE_PX / 1.25
"""A box whose crop is the whole sample."""
MODELS: Mapping[Side, HandModel] = load_hand_models(WEIGHTS_DIR)


class DrawnSamples:
    """Drawn samples of two hands as a data set; their pictures are crops, far from the camera's axis."""

    name = "drawn samples"
    models = MODELS

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.rows = torch.nonzero(samples.present.all(1))[:, 0]
        count = len(self.rows)
        self.kinds: NDArray[np.int8] = np.full(count, INTERACTING, dtype=np.int8)
        self.sequences: NDArray[np.int32] = np.arange(count, dtype=np.int32)
        self.frames: NDArray[np.int64] = np.zeros(count, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def sequence_name(self, number: int) -> str:
        return str(number)

    def ids(self, samples: NDArray[np.int64]) -> list[str]:
        return [f"{sample}/0/0" for sample in samples]

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        return np.array([int(name.split("/")[0]) for name in ids], dtype=np.int64)

    def truth(self, samples: NDArray[np.int64]) -> GroundTruth:
        rows = self.rows[torch.from_numpy(samples)]
        vertices = 1000 * self.samples.vertices_m[rows].double().numpy()
        points = 1000 * self.samples.joints_m[rows].double().numpy()
        valid = np.ones((len(rows), 2, 21), dtype=bool)
        return GroundTruth(points, (vertices[:, 0], vertices[:, 1]), valid[..., 0], valid)

    def parameters(self, samples: NDArray[np.int64]) -> ModelParameters:
        raise NotImplementedError("no score asks for them")

    def picture(self, sample: int) -> NDArray[np.uint8]:
        return self.samples.picture[self.rows[sample]].permute(1, 2, 0).contiguous().numpy()

    def box_px(self, sample: int) -> tuple[float, float, float, float]:
        corner = (PICTURE_PX - BOX_PX) / 2
        return corner, corner, BOX_PX, BOX_PX

    def intrinsics(self, sample: int) -> Intrinsics:
        row = self.rows[sample]
        focal, (x, y) = float(self.samples.focal_px[row]), self.samples.principal_px[row].tolist()
        return Intrinsics((focal, focal), (x, y))


class PerfectPredictor:
    """Stands in for `BatchPredictor`: answers exactly what training asks for the pictures that it is shown."""

    def __init__(self, samples: Samples) -> None:
        self._batch = batch_of(samples)

    def __call__(self, network: InterShape, device: torch.device) -> PerfectPredictor:
        return self

    def predict(self, pictures: Tensor) -> Iterator[Prediction]:
        apart = (pictures[:, None] - self._batch.picture[None]).abs().flatten(2).amax(2)
        assert float(apart.amin(1).max()) < 1e-6, "the crop is not the sample"
        rows = apart.argmin(1)
        points, vertices = self._batch.targets.points_mm[rows], self._batch.vertices_mm[rows]
        knuckles = points[:, :, MIDDLE_MCP, None]
        nothing = torch.zeros(len(rows), 0)
        stages = [
            HandStage(
                pose_rotvec=nothing,
                betas=nothing,
                points_mm=(points - knuckles)[:, hand],
                vertices_mm=(vertices - knuckles)[:, hand],
                rest_joints_mm=None,
                rotations=nothing,
                pose_code=nothing,
            )
            for hand in range(2)
        ]
        trans = torch.from_numpy(trans_between(points[:, 0].numpy(), points[:, 1].numpy()))
        summary = HeatmapSummary(nothing, nothing, nothing, None)
        yield Prediction(summary, nothing, MeshOutput(stages[:1], stages[1:], trans))


@pytest.fixture(scope="module")
def drawn() -> DrawnSamples:
    generator = Generator.from_weights(WEIGHTS_DIR, Settings(size_px=PICTURE_PX))
    return DrawnSamples(generator.make(5, torch.arange(16)))


def source(dataset: Any, axes: AnswerAxes, monkeypatch: pytest.MonkeyPatch) -> NetworkSource:
    monkeypatch.setattr(batch_predictor, "BatchPredictor", PerfectPredictor(dataset.samples))
    shape = replace(COMPACT, picture_px=PICTURE_PX, heatmap_px=PICTURE_PX // 4)
    network = InterShape(shape, (MODELS["right"], MODELS["left"]))
    return NetworkSource(network, PictureReader(dataset), axes=axes)


def scores(dataset: Any, axes: AnswerAxes, monkeypatch: pytest.MonkeyPatch) -> GroupScores:
    return evaluate(dataset, source(dataset, axes, monkeypatch), CORRECTED, report=silent).scores.groups["all"]


def test_a_perfect_answer_about_the_crop_s_ray_has_no_error(
    drawn: DrawnSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    off_axis = [np.subtract(drawn.intrinsics(one).principal_px, PICTURE_PX / 2) for one in range(len(drawn))]
    assert len(drawn) > 4
    assert np.linalg.norm(off_axis, axis=1).max() > PICTURE_PX / 2, "no crop lies off the camera's axis"
    group = scores(drawn, "crop ray", monkeypatch)
    for value in (group.mpjpe_mm, group.mpvpe_mm, group.mrrpe_mm):
        assert value == pytest.approx(0, abs=0.02)
    untouched = scores(drawn, "camera", monkeypatch)
    assert untouched.mpjpe_mm is not None
    assert untouched.mpjpe_mm > 3


def test_without_a_camera_there_is_no_way_back(drawn: DrawnSamples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "intrinsics", lambda _: Intrinsics((0.0, 0.0), (0.0, 0.0)))
    with pytest.raises(HandsError, match=r"does not say with which camera '0/0/0'") as caught:
        scores(drawn, "crop ray", monkeypatch)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE
    assert scores(drawn, "camera", monkeypatch).mpjpe_mm is not None
