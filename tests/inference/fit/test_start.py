"""Where a fit begins."""

from __future__ import annotations

import numpy as np
import pytest

from inference.fit.kinematics import CHAIN_ORDER, HandState
from inference.fit.observed import observed_from_points
from inference.fit.start import START_COUNT, fresh_starts, place
from inference.hands.joints import SIDES, Side
from tests.inference.fit.made_hands import CAMERA, MadeHand, observe, random_hand, skeleton


def truth_state(hand: MadeHand) -> HandState:
    return skeleton(hand.side).state_from_quat(
        hand.quat_wxyz[None, None], hand.translation_m[None, None], hand.betas[None, None]
    )


@pytest.mark.parametrize("side", SIDES)
def test_a_true_pose_is_placed_exactly(side: Side) -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        hand = random_hand(rng, side)
        joints_px = CAMERA.project(skeleton(side).points_m(truth_state(hand))[0, 0])
        in_order = np.empty_like(joints_px)
        in_order[CHAIN_ORDER] = joints_px
        observed = observed_from_points(CAMERA, in_order[None, None], np.ones((1, 1, 21)), None)
        unplaced = truth_state(hand)
        unplaced.translation_m = np.zeros((1, 1, 3))
        np.testing.assert_allclose(place(skeleton(side), unplaced, observed)[0, 0], hand.translation_m, atol=1e-6)


@pytest.mark.parametrize("side", SIDES)
def test_the_first_start_follows_a_faultless_shape(side: Side) -> None:
    """With the true shape of an average hand, wrist and fingers lie near the truth before any iteration."""
    rng = np.random.default_rng(2)
    turns, bends = [], []
    for _ in range(20):
        hand = random_hand(rng, side, np.zeros(skeleton(side).shape_count))
        seen = observe(hand, rng, depth_noise_m=0.0)
        observed = observed_from_points(CAMERA, seen.joints_px[None, None], np.ones((1, 1, 21)), None)
        starts = fresh_starts(skeleton(side), observed, seen.joints_relative_m[None, None, CHAIN_ORDER])
        assert starts.betas.shape[0] == START_COUNT
        truth = truth_state(hand)
        trace = np.trace(starts.wrist[0, 0].T @ truth.wrist[0, 0])
        turns.append(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))))
        flexion = starts.finger_rotvec[0, 0, ..., 0] - truth.finger_rotvec[0, 0, ..., 0]
        bends.append(np.degrees(np.abs(flexion)).mean())
        assert np.all(starts.translation_m[..., 2] > 0)
    assert np.median(turns) < 10.0
    assert np.median(bends) < 10.0


def test_the_second_tilt_is_the_mirror_image_in_depth() -> None:
    rng = np.random.default_rng(3)
    hand = random_hand(rng, "right", depth_m=1.0)
    seen = observe(hand, rng, depth_noise_m=0.0)
    observed = observed_from_points(CAMERA, seen.joints_px[None, None], np.ones((1, 1, 21)), None)
    starts = fresh_starts(skeleton("right"), observed, seen.joints_relative_m[None, None, CHAIN_ORDER])
    along = starts.wrist[:, 0] @ (skeleton("right").rest_m[0, 5] - skeleton("right").rest_m[0, 0])
    np.testing.assert_allclose(along[1], along[0] * [1.0, 1.0, -1.0], atol=0.015)
