"""Levenberg-Marquardt: it descends, it stays within the limits, and it shares the shape as asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.fit.kinematics import HandState, Skeletons
from inference.fit.objective import Objective, Weights
from inference.fit.observed import observed_from_points
from inference.fit.solver import ShapePrior, ShapeScope, solve
from inference.hands.joints import SIDES
from tests.inference.fit.made_hands import CAMERA, models, observe, random_pair
from tests.inference.fit.test_kinematics import random_state


def made_problem(seed: int, problems: int = 3) -> tuple[Objective, HandState]:
    rng = np.random.default_rng(seed)
    skeletons = Skeletons([models()[side] for side in SIDES])
    pairs = [random_pair(rng) for _ in range(problems)]
    seen = [[observe(pair[side], rng, noise_share=0.03) for side in SIDES] for pair in pairs]
    observed = observed_from_points(
        CAMERA,
        np.array([[hand.joints_px for hand in hands] for hands in seen]),
        np.array([[hand.joints_confidence for hand in hands] for hands in seen]),
        np.array([[hand.joints_relative_m for hand in hands] for hands in seen]),
    )
    state = random_state(skeletons, rng, problems, 2)
    return Objective(skeletons, observed, Weights()), replace(state, betas=np.zeros_like(state.betas))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["fixed", "hand", "frame", "clip"]))
def test_it_descends_within_the_limits(seed: int, scope: ShapeScope) -> None:
    objective, state = made_problem(seed)
    before = objective.cost(state)
    better, cost = solve(objective, state, scope, 10)
    np.testing.assert_allclose(cost, objective.cost(better), rtol=1e-12)
    total = cost + 0.5 * np.sum(better.betas**2, axis=-1)
    if scope in ("fixed", "hand"):
        assert np.all(total <= before * (1 + 1e-12))
    else:
        assert cost.sum() <= before.sum()
    low, high = objective.skeletons.limits[:, 0], objective.skeletons.limits[:, 1]
    angles = objective.skeletons.free_angles(better)
    assert np.all(angles >= low) and np.all(angles <= high)
    assert np.all(better.finger_rotvec[..., ~objective.skeletons.free] == 0)
    np.testing.assert_allclose(
        better.wrist @ np.swapaxes(better.wrist, -1, -2), np.eye(3) + np.zeros((3, 2, 3, 3)), atol=1e-8
    )


@pytest.mark.parametrize("scope", ["fixed", "hand", "frame", "clip"])
def test_who_shares_the_shape(scope: ShapeScope) -> None:
    objective, state = made_problem(7)
    betas = solve(objective, state, scope, 6)[0].betas
    distinct = {"fixed": 1, "hand": 6, "frame": 3, "clip": 1}[scope]
    assert len(np.unique(betas.reshape(6, -1).round(9), axis=0)) == distinct
    assert np.any(betas != 0) == (scope != "fixed")


def test_the_start_is_left_alone() -> None:
    objective, state = made_problem(8)
    kept = HandState(*(value.copy() for value in vars(state).values()))
    solve(objective, state, "hand", 5)
    for name, value in vars(kept).items():
        np.testing.assert_array_equal(getattr(state, name), value)


def test_a_strong_prior_keeps_the_shape_at_its_mean() -> None:
    objective, state = made_problem(9)
    mean = np.linspace(-1, 1, objective.skeletons.shape_count)
    betas = solve(objective, state, "hand", 12, prior=ShapePrior(mean, 1e7))[0].betas
    np.testing.assert_allclose(betas, np.broadcast_to(mean, betas.shape), atol=1e-3)


def test_problems_do_not_disturb_each_other() -> None:
    """A batch gives what its problems give one by one."""
    objective, state = made_problem(10)
    together, _ = solve(objective, state, "frame", 8, tolerance=0.0)
    for index in range(3):
        alone_objective = Objective(objective.skeletons, objective.observed.take(slice(index, index + 1)), Weights())
        one = HandState(*(value[index : index + 1] for value in vars(state).values()))
        alone, _ = solve(alone_objective, one, "frame", 8, tolerance=0.0)
        np.testing.assert_allclose(alone.translation_m[0], together.translation_m[index], atol=1e-6)
        np.testing.assert_allclose(alone.finger_rotvec[0], together.finger_rotvec[index], atol=1e-5)
