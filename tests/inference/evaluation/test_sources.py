"""Predictions from the network and from engines: what reaches the scores is what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.camera import Camera
from inference.contract import ErrorCode, HandsError
from inference.crops import dataset_crop
from inference.datasets import PictureReader
from inference.datasets.dataset import HandDataset
from inference.engines import HandInFrame
from inference.engines.load_intershape import paper_network
from inference.evaluation.engine_source import EngineSource
from inference.evaluation.evaluate import evaluate
from inference.evaluation.network_source import NetworkSource
from inference.evaluation.prediction import wrist_offset_from_trans
from inference.evaluation.protocol import CORRECTED
from inference.hands.joints import SIDES, Side
from inference.hands.model import HandModel
from inference.hands.rotations import matrix_to_quat_wxyz, rotvec_to_matrix
from inference.models import ModelFolder
from inference.networks.configuration import COMPACT
from inference.networks.intershape import InterShape
from tests.inference.evaluation.made_predictions import made_dataset, silent
from tests.made_interhand import MODELS


class KnowingEngine:
    """An engine that sees the truth of one sample after the other, and overlooks the hands that it is told to."""

    name = "knowing"
    settings: Mapping[str, Any] = {}
    models: Mapping[Side, HandModel] = MODELS

    def __init__(self, dataset: HandDataset, overlooked: set[tuple[int, int]]) -> None:
        self._dataset, self._overlooked = dataset, overlooked
        self.cameras: list[Camera] = []

    def start(self, camera: Camera) -> Any:
        self.cameras.append(camera)
        return self

    def reconstruct_frame(self, rgb: np.ndarray) -> dict[Side, HandInFrame]:
        sample = len(self.cameras) - 1
        one = np.array([sample])
        truth, parameters = self._dataset.truth(one), self._dataset.parameters(one)
        hands: dict[Side, HandInFrame] = {}
        for hand, side in enumerate(SIDES):
            if (sample, hand) in self._overlooked or not truth.fit_valid[0, hand]:
                continue
            rotvec = parameters.pose_rotvec[0, hand].reshape(16, 3).copy()
            rotvec[1:] += MODELS[side].pose_mean_rotvec
            hands[side] = HandInFrame(
                confidence=1.0,
                quat_wxyz=matrix_to_quat_wxyz(rotvec_to_matrix(rotvec)),
                translation_m=truth.points_mm[0, hand, 0] / 1000,
                betas=parameters.betas[0, hand],
                joints_px=np.zeros((21, 2)),
                joints_px_confidence=np.ones(21),
                joints_m=truth.points_mm[0, hand] / 1000,
            )
        return hands


def test_an_engine_that_sees_the_truth_makes_no_error(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path, pictures=True)
    engine = KnowingEngine(dataset, {(0, 1), (4, 0)})
    scores = evaluate(dataset, EngineSource(engine, PictureReader(dataset)), CORRECTED, report=silent).scores
    group = scores.groups["all"]
    for value in (group.mpjpe_mm, group.mpvpe_mm, group.mrrpe_mm, group.pa_mpvpe_mm):
        assert value == pytest.approx(0, abs=0.01)
    assert scores.missed_hands == 2
    camera = engine.cameras[0]
    assert camera.picture_size_px == (96, 128)
    assert camera.focal_px == pytest.approx(np.mean(dataset.intrinsics(0).focal_px))


def test_pictures_that_are_skipped_have_no_prediction(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path, pictures=True)
    dataset.picture_path(11).unlink()
    reader = PictureReader(dataset, "skip")
    source = EngineSource(KnowingEngine(dataset, set()), reader)
    scores = evaluate(dataset, source, CORRECTED, report=silent, allow_missing=True).scores
    assert scores.groups["all"].samples == 11
    assert reader.skipped == 1


def test_the_network_reads_the_data_set_s_crops(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path, pictures=True)
    torch.manual_seed(0)
    network = InterShape(COMPACT, (MODELS["right"], MODELS["left"])).eval()
    dataset.picture_path(2).unlink()
    batches = list(NetworkSource(network, PictureReader(dataset, "skip"), axes="camera").batches(dataset))
    samples = np.concatenate([samples for samples, _ in batches])
    assert samples.tolist() == [0, 1, *range(3, 12)]
    crop = dataset_crop(dataset.box_px(5)).cut(dataset.picture(5), smooth=False)
    picture = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
    mesh = network.predict(picture).mesh
    row = samples.tolist().index(5)
    predicted = batches[0][1]
    assert predicted.vertices_mm is not None
    assert predicted.wrist_offset_mm is not None
    for hand, stage in enumerate((mesh.right[-1], mesh.left[-1])):
        assert np.allclose(predicted.points_mm[row, hand], stage.points_mm[0].numpy(), atol=0.02)
        assert stage.vertices_mm is not None
        assert np.allclose(predicted.vertices_mm[hand][row], stage.vertices_mm[0].numpy(), atol=0.02)
    trans = mesh.trans.double().numpy()
    expected = wrist_offset_from_trans(predicted.points_mm[row : row + 1], trans)
    assert np.allclose(predicted.wrist_offset_mm[row], expected[0], atol=0.5)


def test_the_paper_s_network_needs_the_user_s_files(tmp_path: Path) -> None:
    with pytest.raises(HandsError) as caught:
        paper_network(ModelFolder(tmp_path))
    assert caught.value.code is ErrorCode.MODEL_MISSING
