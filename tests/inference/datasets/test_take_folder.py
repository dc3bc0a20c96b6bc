"""A folder of takes as a data set."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inference.contract import ErrorCode, HandsError, Take, write_take
from inference.datasets.dataset import INTERACTING
from inference.datasets.take_folder import TakeFolder, models_of_takes
from inference.hands.joints import SIDES, Side
from inference.hands.model import HandModel
from inference.hands.rotations import quat_wxyz_to_matrix, rotvec_to_matrix
from inference.hands.skinning import PosedHand, pose_hand
from inference.media import Source, open_source
from tests.stand_in_hand import mano_like, small_hand
from tests.stand_in_take import stand_in_take

MODELS: dict[Side, HandModel] = {"right": mano_like("right"), "left": mano_like("left")}


def true_take(seed: int, source: str) -> Take:
    """Hands some 60 cm before the camera; in frame 12 the left one is missing, in frame 14 both are."""
    take = stand_in_take(seed=seed)
    present = take.present.copy()
    present[:, 2] = False
    quat = take.quat_wxyz.copy()
    quat[~present] = [1, 0, 0, 0]
    return replace(
        take,
        source=source,
        present=present,
        quat_wxyz=quat,
        model_sha256=(MODELS["right"].sha256, MODELS["left"].sha256),
    )


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found: list[Path] = []
    for number in range(2):
        folder = tmp_path / f"clip{number}"
        folder.mkdir()
        for frame in (10, 12, 14, 16):  # 18 is missing
            cv2.imwrite(str(folder / f"shot.{frame:04d}.png"), np.full((48, 64, 3), 10 * number + frame, np.uint8))
        found.append(tmp_path / f"take{number}.hands.npz")
        write_take(true_take(number, f"/elsewhere/clip{number}"), found[-1])
    return found


def test_frames_with_hands_are_samples(paths: list[Path]) -> None:
    dataset = TakeFolder(paths, MODELS)
    samples = np.arange(len(dataset))
    expected = [f"take{number}/0/{frame}" for number in range(2) for frame in (10, 12, 16, 18)]
    assert dataset.ids(samples) == expected
    assert dataset.find([*expected[::-1], "take0/0/14"]).tolist() == [*samples[::-1], -1]
    assert dataset.kinds.tolist() == [INTERACTING, 0, INTERACTING, INTERACTING] * 2
    assert dataset.frames.tolist() == [10, 12, 16, 18] * 2
    assert dataset.sequence_name(int(dataset.sequences[4])) == "take1"
    assert len(TakeFolder(paths, MODELS, "single")) == 2
    assert len(TakeFolder(paths, MODELS, "interacting")) == 6


def test_the_truth_is_the_take_s_own_hands(paths: list[Path]) -> None:
    dataset = TakeFolder(paths, MODELS)
    samples = np.arange(4)
    truth, parameters = dataset.truth(samples), dataset.parameters(samples)
    assert truth.fit_valid.tolist() == [[True, True], [True, False], [True, True], [True, True]]
    assert np.array_equal(truth.points_valid.all(axis=2), truth.fit_valid)
    take = true_take(0, "")
    for hand, side in enumerate(SIDES):
        for sample, row in ((0, 0), (2, 3)):
            rotations = quat_wxyz_to_matrix(take.quat_wxyz[hand, row])
            posed = pose_hand(MODELS[side], rotations, take.betas[hand], take.translation_m[hand, row])
            assert np.allclose(truth.points_mm[sample, hand], 1000 * posed.points_m, atol=1e-3)
            assert np.allclose(truth.vertices_mm[hand][sample], 1000 * posed.vertices_m, atol=1e-3)
            rotvec = parameters.pose_rotvec[sample, hand].reshape(16, 3).copy()
            rotvec[1:] += MODELS[side].pose_mean_rotvec
            assert np.allclose(rotvec_to_matrix(rotvec), rotations, atol=1e-6)
    assert not np.any(parameters.pose_rotvec[1, 1])


def test_pictures_boxes_and_the_camera(paths: list[Path]) -> None:
    dataset = TakeFolder(paths, MODELS)
    assert np.all(dataset.picture(5) == 22)
    x, y, width, height = dataset.box_px(0)
    pixels = dataset.intrinsics(0).project(dataset.truth(np.array([0])).points_mm[0])
    assert np.allclose([x, y], pixels.reshape(-1, 2).min(axis=0))
    assert np.allclose([x + width, y + height], pixels.reshape(-1, 2).max(axis=0))
    assert dataset.intrinsics(0).focal_px == (620.5, 620.5)
    with pytest.raises(HandsError) as caught:
        dataset.picture(3)
    assert caught.value.code in (ErrorCode.INPUT_UNREADABLE, ErrorCode.INPUT_MISSING)
    assert "18" in caught.value.message


def test_a_take_s_source_is_opened_once_and_each_hand_posed_once_for_its_box(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = TakeFolder(paths, MODELS)
    sources: list[Path] = []
    posed: list[HandModel] = []

    def open_one(path: Path) -> Source:
        sources.append(path)
        return open_source(path)

    def pose(model: HandModel, *arguments: Any) -> PosedHand:
        posed.append(model)
        return pose_hand(model, *arguments)

    monkeypatch.setattr("inference.datasets.take_folder.open_source", open_one)
    monkeypatch.setattr("inference.datasets.take_folder.pose_hand", pose)
    for _ in range(2):
        assert [int(dataset.picture(sample)[0, 0, 0]) for sample in (0, 1, 4, 2)] == [10, 12, 20, 16]
        assert dataset.box_px(0) != dataset.box_px(4)
    assert sources == [path.parent / f"clip{number}" for number, path in enumerate(paths)]
    assert len(posed) == 4
    other: TakeFolder = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - as it goes to a worker process
    assert np.all(other.picture(5) == 22)


def test_the_hand_model_is_told_by_its_hash(paths: list[Path]) -> None:
    small: dict[Side, HandModel] = {"right": small_hand("right"), "left": small_hand("left")}

    def own() -> tuple[HandModel, HandModel]:
        return MODELS["right"], MODELS["left"]

    def others() -> tuple[HandModel, HandModel]:
        return small["right"], small["left"]

    assert models_of_takes(paths, MODELS, others) is MODELS
    assert models_of_takes(paths, small, own)["left"] is MODELS["left"]
    with pytest.raises(HandsError) as caught:
        models_of_takes(paths, small, others)
    assert caught.value.code is ErrorCode.MODEL_MISSING


def test_takes_without_such_hands_are_an_error(paths: list[Path]) -> None:
    take = true_take(0, "")
    present = np.ones_like(take.present)
    write_take(replace(take, present=present), paths[0])
    with pytest.raises(HandsError) as caught:
        TakeFolder(paths[:1], MODELS, "single")
    assert caught.value.code is ErrorCode.INPUT_EMPTY
