"""Hands that the fit put into each other: parted along what the picture leaves open, and only they."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference.fit.clip import ClipFit, ClipFrames, refine
from inference.fit.contact import Contact
from inference.fit.kinematics import POINT_ORDER, HandState, Skeletons
from inference.fit.objective import Weights
from inference.hands.joints import SIDES, Side
from tests.inference.fit.made_hands import CAMERA, MadeHand, models, random_hand

Array = NDArray[np.float64]
Pair = dict[Side, MadeHand]

BOTH = [models()[side] for side in SIDES]
SKELETONS = Skeletons(BOTH)
CONTACT = Contact(SKELETONS, BOTH)


def state_of(*pairs: Pair) -> HandState:
    return SKELETONS.state_from_quat(
        *(
            np.stack([np.stack([getattr(pair[side], name) for side in SIDES]) for pair in pairs])
            for name in ("quat_wxyz", "translation_m", "betas")
        )
    )


def moved(hand: MadeHand, by_m: Array) -> MadeHand:
    return replace(hand, translation_m=hand.translation_m + by_m, points_m=hand.points_m + by_m)


def touching_pair(rng: np.random.Generator) -> Pair:
    """Two hands that just touch, one behind the other."""
    right = random_hand(rng, "right", depth_m=0.6)
    left = random_hand(rng, "left", right.betas, depth_m=0.6)
    left = moved(left, right.points_m.mean(axis=0) - left.points_m.mean(axis=0))
    away = np.array([0.0, 0.0, 1.0])
    near, far = 0.0, 0.4
    for _ in range(16):
        middle = 0.5 * (near + far)
        overlaps = CONTACT.overlap_m(state_of({"right": right, "left": moved(left, middle * away)}))[0] > 0
        near, far = (middle, far) if overlaps else (near, middle)
    return {"right": right, "left": moved(left, far * away)}


def refined(pairs: list[Pair], contact: Contact | None) -> ClipFit:
    """Fitted to landmarks with noise; the poses are known to begin with."""
    rng = np.random.default_rng(9)
    pixels = np.stack([np.stack([CAMERA.project(pair[side].points_m) for pair in pairs]) for side in SIDES])
    pixels += 4.0 * rng.normal(size=pixels.shape)
    quat = np.stack([np.stack([pair[side].quat_wxyz for pair in pairs]) for side in SIDES])
    frames = ClipFrames(np.ones(pixels.shape[:2], dtype=bool), pixels, np.ones(pixels.shape[:3]), quat)
    return refine(SKELETONS, CAMERA, Weights(), frames, np.zeros(SKELETONS.shape_count), contact=contact)


def overlaps_mm(clip: ClipFit) -> Array:
    quat, translation = np.swapaxes(clip.quat_wxyz, 0, 1), np.swapaxes(clip.translation_m, 0, 1)
    betas = np.broadcast_to(clip.betas, (*translation.shape[:2], clip.betas.shape[-1]))
    return 1e3 * CONTACT.overlap_m(SKELETONS.state_from_quat(quat, translation, betas))


def wrist_errors_mm(clip: ClipFit, truth: list[Pair]) -> Array:
    between = np.array([pair["left"].translation_m - pair["right"].translation_m for pair in truth])
    return 1e3 * np.linalg.norm(clip.translation_m[1] - clip.translation_m[0] - between, axis=-1)


def pixel_errors(clip: ClipFit, truth: list[Pair]) -> Array:
    quat, translation = np.swapaxes(clip.quat_wxyz, 0, 1), np.swapaxes(clip.translation_m, 0, 1)
    betas = np.broadcast_to(clip.betas, (*translation.shape[:2], clip.betas.shape[-1]))
    found = CAMERA.project(SKELETONS.points_m(SKELETONS.state_from_quat(quat, translation, betas))[:, :, POINT_ORDER])
    seen = np.stack([np.stack([CAMERA.project(pair[side].points_m) for side in SIDES]) for pair in truth])
    return np.linalg.norm(found - seen, axis=-1)


def test_derivatives_are_those_of_the_cost() -> None:
    rng = np.random.default_rng(4)
    pair = touching_pair(rng)
    state = state_of({"right": pair["right"], "left": moved(pair["left"], np.array([0.001, 0.002, -0.012]))})
    cost, gradient, matrix = CONTACT.equations(state)
    assert cost[0, 0] > 1
    np.testing.assert_allclose(cost, CONTACT.cost(state))
    width, split = gradient.shape[-1], SKELETONS.parameter_count
    for hand in (0, 1):
        for index in range(width):
            step = np.zeros((1, 2, width))
            step[0, hand, index] = 1e-7
            plus = CONTACT.cost(SKELETONS.retract(state, step[..., :split], step[..., split:])).sum()
            minus = CONTACT.cost(SKELETONS.retract(state, -step[..., :split], -step[..., split:])).sum()
            slope = (plus - minus) / 2e-7
            np.testing.assert_allclose(gradient[0, hand, index], slope, rtol=1e-3, atol=1e-3 * abs(gradient).max())
    np.testing.assert_allclose(matrix, np.swapaxes(matrix, -1, -2))
    assert np.linalg.eigvalsh(matrix).min() > -1e-6 * matrix.max()


def test_spheres_lie_inside_the_hand() -> None:
    pair = touching_pair(np.random.default_rng(5))
    apart: Pair = {"right": pair["right"], "left": moved(pair["left"], np.array([0.0, 0.0, 0.3]))}
    inside: Pair = {"right": pair["right"], "left": moved(pair["left"], np.array([0.0, 0.0, -0.01]))}
    overlap = CONTACT.overlap_m(state_of(apart, inside, pair))
    assert overlap[0] == 0
    assert 0 < overlap[1] < 0.011
    assert overlap[2] == 0


def test_hands_in_each_other_are_parted_where_the_picture_leaves_it_open() -> None:
    rng = np.random.default_rng(6)
    pairs = [touching_pair(rng) for _ in range(24)]
    before, after = refined(pairs, None), refined(pairs, CONTACT)
    hit = overlaps_mm(before) > 1
    assert hit.sum() >= 6
    assert np.median(overlaps_mm(after)[hit]) < 0.1 * np.median(overlaps_mm(before)[hit])
    assert wrist_errors_mm(after, pairs)[hit].mean() < wrist_errors_mm(before, pairs)[hit].mean()
    assert pixel_errors(after, pairs)[hit].mean() < 1.1 * pixel_errors(before, pairs)[hit].mean()
    np.testing.assert_array_equal(after.betas, before.betas)
    # Frames in which the hands are not in each other stay as they were, to the bit.
    free = overlaps_mm(before) == 0
    assert free.any()
    np.testing.assert_array_equal(after.quat_wxyz[:, free], before.quat_wxyz[:, free])
    np.testing.assert_array_equal(after.translation_m[:, free], before.translation_m[:, free])


def test_a_frames_parting_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(7)
    state = state_of(*(touching_pair(rng) for _ in range(5)))
    state.translation_m[:, 1, 2] -= 0.01
    cost, gradient, matrix = CONTACT.equations(state)
    alone = CONTACT.equations(HandState(*(array[3:4] for array in vars(state).values())))
    np.testing.assert_allclose(cost[3:4], alone[0])
    np.testing.assert_allclose(gradient[3:4], alone[1])
    np.testing.assert_allclose(matrix[3:4], alone[2])
