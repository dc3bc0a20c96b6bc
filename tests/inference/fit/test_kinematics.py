"""The stacked skeletons: they agree with the full model, and their derivatives with finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.fit.kinematics import (
    CHAIN_ORDER,
    POINT_ORDER,
    HandState,
    Skeletons,
    exponential_and_right_jacobian,
)
from inference.hands.joint_limits import LIMITS, limit_table
from inference.hands.joints import JOINT_COUNT, POINT_NAMES, SIDES, Side
from inference.hands.rotations import matrix_to_rotvec, rotvec_to_matrix
from tests.inference.fit.made_hands import models, random_hand, skeleton

SEEDS = st.integers(0, 2**32 - 1)


def random_state(skeletons: Skeletons, rng: np.random.Generator, problems: int, hands: int) -> HandState:
    low, high = skeletons.limits[:, 0], skeletons.limits[:, 1]
    rotvec = np.zeros((problems, hands, 5, 3, 3))
    rotvec[..., skeletons.free] = rng.uniform(low, high, (problems, hands, len(low)))
    return HandState(
        rng.normal(size=(problems, hands, 3)) * [0.1, 0.1, 0.05] + [0.0, 0.0, 0.6],
        rotvec_to_matrix(rng.normal(size=(problems, hands, 3))),
        rotvec,
        rng.normal(size=(problems, hands, skeletons.shape_count)),
    )


def test_the_chain_runs_from_knuckle_to_tip() -> None:
    names = [POINT_NAMES[point] for point in CHAIN_ORDER]
    assert names[:5] == ["wrist", "index1", "index2", "index3", "index_tip"]
    assert names[-4:] == ["thumb1", "thumb2", "thumb3", "thumb_tip"]
    np.testing.assert_array_equal(CHAIN_ORDER[POINT_ORDER], np.arange(21))


@pytest.mark.parametrize("side", SIDES)
def test_points_are_those_of_the_full_model(side: Side) -> None:
    skeletons, rng = skeleton(side), np.random.default_rng(1)
    for _ in range(10):
        hand = random_hand(rng, side)
        state = skeletons.state_from_quat(
            hand.quat_wxyz[None, None], hand.translation_m[None, None], hand.betas[None, None]
        )
        points = skeletons.points_m(state)[0, 0, POINT_ORDER]
        np.testing.assert_allclose(points[:JOINT_COUNT], hand.points_m[:JOINT_COUNT], atol=1e-9)
        # The tips miss the pose correctives: what is lost is small.
        assert np.linalg.norm(points[JOINT_COUNT:] - hand.points_m[JOINT_COUNT:], axis=-1).max() < 0.003


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_derivatives_equal_finite_differences(seed: int) -> None:
    rng = np.random.default_rng(seed)
    skeletons = Skeletons([models()[side] for side in SIDES])
    state = random_state(skeletons, rng, 2, 2)
    posed = skeletons.pose(state)
    np.testing.assert_allclose(posed.points_m, skeletons.points_m(state), atol=1e-12)
    step, width = 1e-6, skeletons.parameter_count
    zero_shape, zero_pose = np.zeros(state.betas.shape), np.zeros((2, 2, width))

    def difference(pose_step: np.ndarray, shape_step: np.ndarray) -> np.ndarray:
        ahead = skeletons.points_m(skeletons.retract(state, pose_step, shape_step))
        behind = skeletons.points_m(skeletons.retract(state, -pose_step, -shape_step))
        return (ahead - behind) / (2 * step)

    for index in range(width):
        expected = difference(zero_pose + step * (np.arange(width) == index), zero_shape)
        np.testing.assert_allclose(posed.by_pose[..., index], expected, atol=2e-8)
    for index in range(skeletons.shape_count):
        expected = difference(zero_pose, zero_shape + step * (np.arange(skeletons.shape_count) == index))
        np.testing.assert_allclose(posed.by_shape[..., index], expected, atol=2e-8)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from([0.0, 1e-9, 1e-5, 1e-3, 0.3, 2.5]))
def test_right_jacobian_of_the_exponential(seed: int, angle: float) -> None:
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    rotvec = angle * axis / np.linalg.norm(axis)
    matrix, jacobian = exponential_and_right_jacobian(rotvec)
    np.testing.assert_allclose(matrix, rotvec_to_matrix(rotvec), atol=1e-12)
    for component in range(3):
        step = 1e-6 * np.eye(3)[component]
        turned = matrix_to_rotvec(rotvec_to_matrix(rotvec - step).T @ rotvec_to_matrix(rotvec + step)) / 2e-6
        np.testing.assert_allclose(jacobian[:, component], turned, atol=1e-7)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_equal_angles_on_both_hands_are_mirror_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    right, left = skeleton("right"), skeleton("left")
    state = random_state(right, rng, 3, 1)
    mirror = np.diag([-1.0, 1.0, 1.0])
    mirrored = HandState(state.translation_m @ mirror, mirror @ state.wrist @ mirror, state.finger_rotvec, state.betas)
    np.testing.assert_allclose(left.points_m(mirrored), right.points_m(state) @ mirror, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_quaternions_lead_back_to_the_same_state(seed: int) -> None:
    skeletons = Skeletons([models()[side] for side in SIDES])
    state = random_state(skeletons, np.random.default_rng(seed), 2, 2)
    again = skeletons.state_from_quat(skeletons.quat_wxyz(state), state.translation_m, state.betas)
    np.testing.assert_allclose(again.finger_rotvec, state.finger_rotvec, atol=1e-9)
    np.testing.assert_allclose(again.wrist, state.wrist, atol=1e-9)


@pytest.mark.parametrize("side", SIDES)
def test_limits_mean_what_anatomy_means(side: Side) -> None:
    """Positive flexion leads towards the palm, positive abduction towards the little finger, on both hands."""
    skeletons = skeleton(side)
    palm_down = models()[side].joint_template
    towards_pinky = palm_down[7] - palm_down[1]

    def tip_after(axis: int, finger: int = 0) -> np.ndarray:
        rotvec = np.zeros((1, 1, 5, 3, 3))
        rotvec[0, 0, finger, 0, axis] = np.deg2rad(20.0)
        state = HandState(np.zeros((1, 1, 3)), np.eye(3)[None, None], rotvec, np.zeros((1, 1, skeletons.shape_count)))
        return skeletons.points_m(state)[0, 0, 4] - models()[side].v_template[models()[side].tip_vertices[1]]

    assert tip_after(0)[1] < -0.02  # the palm looks along -y
    assert tip_after(2) @ towards_pinky > 0
    assert abs(tip_after(2)[1]) < 0.003


def test_the_table_is_sound() -> None:
    low, high, relaxed, spread = np.moveaxis(limit_table(), -1, 0)
    assert set(LIMITS) == {"index", "middle", "pinky", "ring", "thumb"}
    assert np.all((low <= relaxed) & (relaxed <= high) & (spread > 0))
    turns = high > low
    assert np.all(np.abs(np.rad2deg(low)) <= 45) and np.all(np.rad2deg(high) <= 120)
    # Hinges: middle and last joints of the fingers only flex, and so does the thumb's last joint.
    assert not turns[:4, 1:, 1:].any() and not turns[4, 2, 1:].any()
    assert turns[:, 0].all()
