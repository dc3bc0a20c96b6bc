"""The cost and its normal equations."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.fit.kinematics import HandState, Skeletons
from inference.fit.objective import Anchor, Objective, Weights
from inference.fit.observed import observed_from_points
from inference.hands.joints import SIDES
from tests.inference.fit.made_hands import CAMERA, models, observe, random_pair
from tests.inference.fit.test_kinematics import random_state


def made_objective(rng: np.random.Generator, anchored: bool = False) -> tuple[Objective, HandState]:
    skeletons = Skeletons([models()[side] for side in SIDES])
    pair = random_pair(rng)
    seen = [observe(pair[side], rng, noise_share=0.05, hidden=3) for side in SIDES]
    observed = observed_from_points(
        CAMERA,
        np.stack([hand.joints_px for hand in seen])[None],
        np.stack([hand.joints_confidence for hand in seen])[None],
        np.stack([hand.joints_relative_m for hand in seen])[None],
    )
    state = random_state(skeletons, rng, 1, 2)
    anchor = Anchor.at(skeletons, random_state(skeletons, rng, 1, 2), 0.2) if anchored else None
    if anchor is not None:
        # Near the anchor, where turning about two axes in a row is as good as about their sum.
        state.wrist = anchor.wrist.copy()
    return Objective(skeletons, observed, Weights(), anchor), state


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_gradient_is_that_of_the_robust_cost(seed: int, anchored: bool) -> None:
    objective, state = made_objective(np.random.default_rng(seed), anchored)
    equations = objective.normal_equations(state)
    np.testing.assert_allclose(equations.cost, objective.cost(state), rtol=1e-12)
    width, shapes, step = objective.skeletons.parameter_count, objective.skeletons.shape_count, 1e-6

    def slope(pose_step: np.ndarray, shape_step: np.ndarray) -> np.ndarray:
        retract = objective.skeletons.retract
        pose, shape = np.tile(pose_step, (1, 2, 1)), np.tile(shape_step, (1, 2, 1))
        return (objective.cost(retract(state, pose, shape)) - objective.cost(retract(state, -pose, -shape))) / (
            2 * step
        )

    for index in range(width):
        expected = slope(step * (np.arange(width) == index), np.zeros(shapes))
        np.testing.assert_allclose(equations.pose_gradient[..., index], expected, rtol=2e-4, atol=2e-3)
    for index in range(shapes):
        expected = slope(np.zeros(width), step * (np.arange(shapes) == index))
        np.testing.assert_allclose(equations.shape_gradient[..., index], expected, rtol=2e-4, atol=2e-3)


def test_the_gauss_newton_matrix_is_symmetric_and_positive() -> None:
    objective, state = made_objective(np.random.default_rng(3))
    matrix = objective.normal_equations(state).pose_matrix
    np.testing.assert_allclose(matrix, np.swapaxes(matrix, -1, -2), atol=1e-9)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_a_hand_behind_the_camera_costs_infinitely_much() -> None:
    objective, state = made_objective(np.random.default_rng(4))
    state.translation_m[0, 1, 2] = -0.5
    cost = objective.cost(state)
    assert np.isfinite(cost[0, 0]) and np.isinf(cost[0, 1])
    assert np.all(np.isfinite(objective.normal_equations(state).pose_matrix))


def test_hidden_and_missing_landmarks_do_not_count() -> None:
    rng = np.random.default_rng(5)
    hand = observe(random_pair(rng)["right"], rng, noise_share=0.01)
    skeletons = Skeletons([models()["right"]])
    state = random_state(skeletons, rng, 1, 1)
    confidence = hand.joints_confidence.copy()
    confidence[[4, 17]] = 0.0
    moved, missing = hand.joints_px.copy(), hand.joints_px.copy()
    moved[[4, 17]] = hand.joints_px[[9, 9]]
    missing[[4, 17]] = np.nan
    costs = [
        Objective(
            skeletons, observed_from_points(CAMERA, px[None, None], confidence[None, None], None), Weights()
        ).cost(state)
        for px in (moved, missing)
    ]
    np.testing.assert_array_equal(costs[0], costs[1])
