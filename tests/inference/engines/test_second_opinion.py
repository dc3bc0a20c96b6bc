"""The landmark net's joints beside the two-hand network's: the mean where they agree, else the network's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.detect.crops import CropSource
from inference.detect.landmark_net import Landmarks
from inference.detect.observation import HandObservation
from inference.detect.region import Region
from inference.engines.crop_answer import CropAnswer
from inference.engines.second_opinion import SecondOpinion
from inference.hands.joints import SIDES
from tests.inference.fit.made_hands import CAMERA, models, random_hand

SOURCE = CropSource(np.zeros((480, 640, 3), np.uint8))
HAND = random_hand(np.random.default_rng(7), "right")
JOINTS_PX = CAMERA.project(HAND.points_m)
SIZE_PX = float(np.ptp(JOINTS_PX, axis=0).max())


def answer() -> CropAnswer:
    quat, betas = np.zeros((2, 16, 4)), np.zeros((2, 10))
    quat[..., 0] = 1.0
    quat[SIDES.index("right")], betas[SIDES.index("right")] = HAND.quat_wxyz, HAND.betas
    nothing = np.zeros((2, 21))
    return CropAnswer(np.zeros((2, 21, 2)), nothing, np.zeros(2), quat, betas, np.zeros(4))


class Net:
    """Sees the same points, whatever the square."""

    def __init__(self, joints_px: NDArray[np.float64], presence: float) -> None:
        self.joints_px, self.presence = joints_px, presence

    def read(self, source: CropSource, regions: Sequence[Region]) -> list[Landmarks]:
        assert source is SOURCE
        return [Landmarks(self.joints_px, np.zeros((21, 3)), self.presence, 1.0, region) for region in regions]


def moved_px(away_px: NDArray[np.float64], presence: float = 1.0) -> NDArray[np.float64]:
    """How far the joints move where the net sees its landmarks beside where they would be."""
    hand = HandObservation("right", JOINTS_PX, np.ones(21), np.zeros((21, 3)), 1.0)
    blank = SecondOpinion(Net(JOINTS_PX, 1.0), models())
    landmarks_px = JOINTS_PX + blank._beside_joints_px("right", JOINTS_PX, answer())
    fused = SecondOpinion(Net(landmarks_px + away_px, presence), models()).fused(SOURCE, {"right": hand}, answer())
    return fused["right"].joints_px - JOINTS_PX


def test_the_nets_landmarks_lie_beside_the_joints_and_say_nothing_by_that() -> None:
    beside_px = SecondOpinion(Net(JOINTS_PX, 1.0), models())._beside_joints_px("right", JOINTS_PX, answer())
    assert 0.01 * SIZE_PX < np.linalg.norm(beside_px, axis=1).mean() < 0.15 * SIZE_PX
    np.testing.assert_allclose(moved_px(np.zeros((21, 2))), 0, atol=1e-9)


def test_what_both_nearly_agree_on_is_their_mean() -> None:
    away_px = np.full((21, 2), 0.005 * SIZE_PX)
    np.testing.assert_allclose(moved_px(away_px), 0.5 * away_px, rtol=0.05)
    assert np.abs(moved_px(away_px, presence=0.0)).max() == 0


def test_a_joint_that_they_see_elsewhere_stays_where_the_network_has_it() -> None:
    away_px = np.zeros((21, 2))
    away_px[5] = 0.6 * SIZE_PX
    moved = np.linalg.norm(moved_px(away_px), axis=1)
    assert moved[5] < 0.01 * SIZE_PX
    assert np.delete(moved, 5).max() == 0
