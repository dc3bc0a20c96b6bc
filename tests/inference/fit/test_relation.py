"""What a network says of two hands' relation: its derivatives, and that it brings them to their distance in depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.detect.observation import HandObservation
from inference.fit.hand_fitter import FittedHand, HandFitter
from inference.fit.kinematics import HandState, Skeletons
from inference.fit.relation import Relation
from inference.hands.joints import MIDDLE_MCP, SIDES, Side
from tests.inference.fit.made_hands import CAMERA, MadeHand, models, observe, random_pair

Array = NDArray[np.float64]
Pair = dict[Side, MadeHand]

SKELETONS = Skeletons([models()[side] for side in SIDES])


def knuckles_apart_m(pair: Pair | dict[Side, FittedHand]) -> Array:
    points = [hand.points_m if isinstance(hand, MadeHand) else hand.joints_m for hand in map(pair.__getitem__, SIDES)]
    return points[1][MIDDLE_MCP] - points[0][MIDDLE_MCP]


def state_of(pair: Pair) -> HandState:
    names = ("quat_wxyz", "translation_m", "betas")
    return SKELETONS.state_from_quat(*(np.stack([getattr(pair[side], name) for side in SIDES])[None] for name in names))


def test_derivatives_are_those_of_the_cost() -> None:
    pair = random_pair(np.random.default_rng(2))
    state = state_of(pair)
    relation = Relation(SKELETONS, (knuckles_apart_m(pair) + np.array([0.02, -0.01, 0.06]))[None])
    cost, gradient, _ = relation.equations(state)
    assert cost.min() > 0.1
    np.testing.assert_allclose(cost, relation.cost(state))
    split = SKELETONS.parameter_count
    for hand in (0, 1):
        for index in range(gradient.shape[-1]):
            step = np.zeros((1, 2, gradient.shape[-1]))
            step[0, hand, index] = 1e-6
            plus = relation.cost(SKELETONS.retract(state, step[..., :split], step[..., split:])).sum()
            minus = relation.cost(SKELETONS.retract(state, -step[..., :split], -step[..., split:])).sum()
            slope = (plus - minus) / 2e-6
            np.testing.assert_allclose(gradient[0, hand, index], slope, rtol=1e-3, atol=1e-4 * abs(gradient).max())


def test_where_nobody_says_anything_nothing_is_asked() -> None:
    relation = Relation(SKELETONS, np.full((1, 3), np.nan))
    cost, gradient, matrix = relation.equations(state_of(random_pair(np.random.default_rng(3))))
    assert not cost.any()
    assert not gradient.any()
    assert np.isfinite(matrix).all()


def test_hands_come_to_the_distance_that_is_said() -> None:
    rng = np.random.default_rng(5)
    fitter = HandFitter(models(), CAMERA, offsets_m=np.zeros((21, 3)))
    without, told = [], []
    for _ in range(8):
        pair = random_pair(rng)
        truth = knuckles_apart_m(pair)
        seen: dict[Side, HandObservation] = {side: observe(hand, rng, noise_share=0.03) for side, hand in pair.items()}
        without.append(np.linalg.norm(knuckles_apart_m(fitter.fit_frame(seen)) - truth))
        told.append(np.linalg.norm(knuckles_apart_m(fitter.fit_frame(seen, offset_m=truth)) - truth))
    assert np.mean(told) < 0.8 * np.mean(without)
