"""The fit of single frames: what is known comes back, symmetries hold, nonsense is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inference.camera import Camera
from inference.detect.observation import HandObservation
from inference.fit.hand_fitter import FittedHand, HandFitter
from inference.fit.landmark_offsets import landmark_offsets_m
from inference.fit.observed import why_refused
from inference.hands.joint_axes import joint_frames
from inference.hands.joints import SIDES, TIP_PARENTS, Side
from inference.hands.rotations import quat_wxyz_to_matrix
from inference.hands.skinning import forward_kinematics, pose_hand
from tests.inference.fit.made_hands import (
    CAMERA,
    NO_OFFSETS,
    MadeHand,
    models,
    observe,
    random_hand,
    random_pair,
    root_aligned_mm,
    skeleton,
)


@pytest.fixture(scope="module")
def fitter() -> HandFitter:
    return HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)


def observe_pair(pair: dict[Side, MadeHand], rng: np.random.Generator, **faults: Any) -> dict[Side, HandObservation]:
    return {side: observe(hand, rng, **faults) for side, hand in pair.items()}


def fitted_pairs(
    fitter: HandFitter, count: int, seed: int, **faults: Any
) -> list[tuple[dict[Side, MadeHand], dict[Side, FittedHand]]]:
    rng = np.random.default_rng(seed)
    pairs = [random_pair(rng) for _ in range(count)]
    return [(pair, fitter.fit_frame(observe_pair(pair, rng, **faults))) for pair in pairs]


def test_faultless_landmarks_are_explained(fitter: HandFitter) -> None:
    pairs = fitted_pairs(fitter, 15, seed=1, depth_noise_m=0.0)
    hands = [(truth[side], fit[side]) for truth, fit in pairs for side in SIDES]
    errors = [root_aligned_mm(fit.joints_m, truth.points_m) for truth, fit in hands]
    assert np.median(errors) < 6.0
    assert max(errors) < 20.0
    assert np.median([fit.reprojection_px for _, fit in hands]) < 1.0
    assert np.median([fit.reprojection_share for _, fit in hands]) < 0.007


def test_noise_is_not_made_worse(fitter: HandFitter) -> None:
    pairs = fitted_pairs(fitter, 15, seed=2, noise_share=0.02)
    errors = [root_aligned_mm(fit[side].joints_m, truth[side].points_m) for truth, fit in pairs for side in SIDES]
    assert np.median(errors) < 11.0
    # Two-dimensional noise of 0.02 a coordinate has a mean length of 0.025.
    assert np.mean([fit[side].reprojection_share for _, fit in pairs for side in SIDES]) < 0.025


def test_hidden_joints_are_borne(fitter: HandFitter) -> None:
    pairs = fitted_pairs(fitter, 10, seed=3, noise_share=0.01, hidden=6)
    errors = [root_aligned_mm(fit[side].joints_m, truth[side].points_m) for truth, fit in pairs for side in SIDES]
    assert np.median(errors) < 12.0


def test_two_outliers_do_not_bend_the_hand(fitter: HandFitter) -> None:
    rng = np.random.default_rng(4)
    with_outliers, without = [], []
    for _ in range(12):
        hand = random_hand(rng, "right")
        seen = observe(hand, rng, noise_share=0.005)
        joints_px = seen.joints_px.copy()
        box_px = np.ptp(joints_px, axis=0).max()
        joints_px[rng.choice(21, 2, replace=False)] += 0.6 * box_px * rng.choice([-1.0, 1.0], (2, 2))
        without.append(root_aligned_mm(fitter.fit_frame({"right": seen})["right"].joints_m, hand.points_m))
        spoilt = fitter.fit_frame({"right": replace(seen, joints_px=joints_px)})["right"]
        with_outliers.append(root_aligned_mm(spoilt.joints_m, hand.points_m))
    assert np.median(with_outliers) < np.median(without) + 5.0
    assert np.median(with_outliers) < 14.0


def test_what_is_returned_is_the_full_model(fitter: HandFitter) -> None:
    ((_, fit),) = fitted_pairs(fitter, 1, seed=5, noise_share=0.01)
    for side, hand in fit.items():
        posed = pose_hand(models()[side], quat_wxyz_to_matrix(hand.quat_wxyz), hand.betas, hand.translation_m)
        np.testing.assert_allclose(hand.joints_m, posed.points_m, atol=1e-9)
        np.testing.assert_allclose(np.linalg.norm(hand.quat_wxyz, axis=-1), 1.0, atol=1e-9)
    np.testing.assert_array_equal(fit["right"].betas, fit["left"].betas)


def test_fingers_stay_within_their_limits(fitter: HandFitter) -> None:
    for _, fit in fitted_pairs(fitter, 8, seed=6, noise_share=0.06):
        for side, hand in fit.items():
            skeletons = skeleton(side)
            state = skeletons.state_from_quat(
                hand.quat_wxyz[None, None], hand.translation_m[None, None], hand.betas[None, None]
            )
            angles = skeletons.free_angles(state)
            assert np.all(angles >= skeletons.limits[:, 0] - 1e-6)
            assert np.all(angles <= skeletons.limits[:, 1] + 1e-6)


def mirrored(seen: HandObservation, camera: Camera) -> HandObservation:
    joints_px = seen.joints_px * [-1.0, 1.0] + [2 * camera.principal_px[0], 0.0]
    other: Side = "left" if seen.side == "right" else "right"
    return replace(seen, side=other, joints_px=joints_px, joints_relative_m=seen.joints_relative_m * [-1.0, 1.0, 1.0])


@pytest.mark.parametrize("seed", range(4))
def test_a_mirrored_picture_gives_the_mirrored_hands(fitter: HandFitter, seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    pair = random_pair(rng)
    seen = observe_pair(pair, rng, noise_share=0.01)
    as_seen = fitter.fit_frame(seen)
    flipped: dict[Side, HandObservation] = {
        "right": mirrored(seen["left"], CAMERA),
        "left": mirrored(seen["right"], CAMERA),
    }
    in_mirror = fitter.fit_frame(flipped)
    for side, other in zip(SIDES, reversed(SIDES), strict=True):
        # Valleys of depth and shape are flat: rounding alone ends the iteration a little earlier on one side.
        expected_m = as_seen[side].joints_m * [-1.0, 1.0, 1.0]
        assert root_aligned_mm(in_mirror[other].joints_m, expected_m) < 3.0
        np.testing.assert_allclose(CAMERA.project(in_mirror[other].joints_m), CAMERA.project(expected_m), atol=1.5)


@pytest.mark.parametrize("scale", [0.25, 2.0])
def test_a_larger_picture_gives_the_same_hands(fitter: HandFitter, scale: float) -> None:
    rng = np.random.default_rng(200)
    pair = random_pair(rng)
    seen = observe_pair(pair, rng, noise_share=0.01)
    x, y = CAMERA.principal_px
    camera = Camera(scale * CAMERA.focal_px, (scale * x, scale * y), CAMERA.picture_size_px, "given")
    scaled: dict[Side, HandObservation] = {
        side: replace(seen[side], joints_px=scale * seen[side].joints_px) for side in SIDES
    }
    first, second = fitter.fit_frame(seen), HandFitter(models(), camera, offsets_m=NO_OFFSETS).fit_frame(scaled)
    for side in SIDES:
        np.testing.assert_allclose(second[side].joints_m, first[side].joints_m, atol=1e-4)
        assert second[side].reprojection_px == pytest.approx(scale * first[side].reprojection_px, rel=1e-3)


def test_the_rough_depth_decides_between_tilts(fitter: HandFitter) -> None:
    """A flat hand seen from afar looks the same tilted either way: the sign must follow the nets' depth."""
    rng = np.random.default_rng(7)
    right = 0
    for _ in range(12):
        hand = random_hand(rng, "right", depth_m=1.2)
        fit = fitter.fit_frame({"right": observe(hand, rng, noise_share=0.01)})["right"]
        truth, found = (points[4] - points[0] for points in (hand.points_m, fit.joints_m))
        right += int(np.degrees(np.arccos(truth @ found / np.linalg.norm(truth) / np.linalg.norm(found))) < 25)
    assert right >= 11


def test_a_tracked_hand_follows(fitter: HandFitter) -> None:
    rng = np.random.default_rng(8)
    pair = random_pair(rng)
    previous = fitter.fit_frame(observe_pair(pair, rng))
    again = fitter.fit_frame(observe_pair(pair, rng, noise_share=0.01), previous)
    for side in SIDES:
        assert root_aligned_mm(again[side].joints_m, previous[side].joints_m) < 8.0


def test_a_cut_leads_to_a_fresh_start(fitter: HandFitter) -> None:
    rng = np.random.default_rng(9)
    for _ in range(6):
        before, after = random_pair(rng), random_pair(rng)
        previous = fitter.fit_frame(observe_pair(before, rng))
        seen = observe_pair(after, rng, depth_noise_m=0.004)
        for side, hand in fitter.fit_frame(seen, previous).items():
            assert hand.reprojection_share < 0.03
            assert root_aligned_mm(hand.joints_m, after[side].points_m) < 30.0


def test_one_hand_of_two_seen_before(fitter: HandFitter) -> None:
    rng = np.random.default_rng(10)
    pair = random_pair(rng)
    seen = observe_pair(pair, rng)
    both = fitter.fit_frame(seen)
    assert set(fitter.fit_frame({"left": seen["left"]}, both)) == {"left"}
    left: dict[Side, FittedHand] = {"left": both["left"]}
    assert set(fitter.fit_frame(seen, left)) == {"right", "left"}
    assert fitter.fit_frame({}, both) == {}


def nonsense() -> dict[str, dict[str, np.ndarray]]:
    line = np.linspace([100.0, 100.0], [300.0, 200.0], 21)
    corner = np.random.default_rng(0).uniform(0, 2, (21, 2)) + 500.0
    return {
        "not a number": {"joints_px": np.full((21, 2), np.nan)},
        "one point": {"joints_px": np.full((21, 2), 300.0)},
        "two pixels": {"joints_px": corner},
        "a line": {"joints_px": line},
        "nothing sure": {"joints_confidence": np.zeros(21)},
        "infinite": {"joints_px": np.full((21, 2), np.inf)},
    }


@pytest.mark.parametrize("name", nonsense())
def test_nonsense_is_refused_with_a_reason(fitter: HandFitter, name: str) -> None:
    rng = np.random.default_rng(11)
    pair = random_pair(rng)
    bad = replace(observe(pair["right"], rng), **nonsense()[name])
    reason = why_refused(bad)
    assert reason is not None and reason.endswith(".")
    fit = fitter.fit_frame({"right": bad, "left": observe(pair["left"], rng)})
    assert set(fit) == {"left"}
    assert fitter.refusals == {"right": reason}
    assert np.all(np.isfinite(fit["left"].joints_m))
    assert fitter.fit_frame({"left": observe(pair["left"], rng)}) and fitter.refusals == {}


def test_an_unknown_rough_shape_is_no_obstacle(fitter: HandFitter) -> None:
    rng = np.random.default_rng(12)
    for spoilt in (np.full((21, 3), np.nan), np.zeros((21, 3))):
        seen = replace(observe(random_hand(rng, "left"), rng), joints_relative_m=spoilt)
        hand = fitter.fit_frame({"left": seen})["left"]
        assert np.all(np.isfinite(hand.joints_m)) and hand.reprojection_share < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_random_points_give_finite_hands_or_none(fitter: HandFitter, seed: int) -> None:
    rng = np.random.default_rng(300 + seed)
    for spread in (10.0, 200.0, 3000.0):
        seen = HandObservation(
            "right", rng.normal(size=(21, 2)) * spread, rng.random(21), rng.normal(size=(21, 3)) * 0.05, 0.9
        )
        for hand in fitter.fit_frame({"right": seen}).values():
            assert np.all(np.isfinite(hand.joints_m)) and np.all(hand.joints_m[:, 2] > 0)
            assert np.isfinite(hand.reprojection_px)


def offset_landmarks(hand: MadeHand) -> np.ndarray:
    """(21, 3) where the landmarks lie on a made-up hand, told apart from the fit's own way to get there."""
    model = models()[hand.side]
    rest = model.joint_template + model.joint_shapedirs @ hand.betas
    world, _ = forward_kinematics(quat_wxyz_to_matrix(hand.quat_wxyz), rest, hand.translation_m)
    rest_points = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    carriers = np.array([*range(16), *TIP_PARENTS])
    axes = world[carriers] @ joint_frames(rest_points, hand.side)[carriers]
    # X is the only axis of a joint that a mirror image turns round: it is the cross product of the two others.
    offsets = landmark_offsets_m(model) * ([1.0, 1.0, 1.0] if hand.side == "right" else [-1.0, 1.0, 1.0])
    return hand.points_m + (axes @ offsets[..., None])[..., 0]


@pytest.mark.parametrize("side", SIDES)
def test_landmarks_beside_the_joints_are_understood(side: Side) -> None:
    rng = np.random.default_rng(13)
    errors, shares = [], []
    with_offsets = HandFitter(models(), CAMERA)
    for _ in range(12):
        hand = random_hand(rng, side)
        landmarks_m = offset_landmarks(hand)
        seen = observe(replace(hand, points_m=landmarks_m), rng, depth_noise_m=0.0)
        fit = with_offsets.fit_frame({side: seen})[side]
        errors.append(root_aligned_mm(fit.joints_m, hand.points_m))
        shares.append(fit.reprojection_share)
        # The observed joints lie where the true joints are seen, and the landmarks are found again.
        box_px = np.ptp(seen.joints_px, axis=0).max()
        joints_error = np.linalg.norm(fit.joints_px - CAMERA.project(hand.points_m), axis=-1).mean()
        assert joints_error < 0.25 * np.linalg.norm(seen.joints_px - CAMERA.project(hand.points_m), axis=-1).mean()
        landmarks_px = with_offsets.landmarks_px(side, fit.quat_wxyz, fit.translation_m, fit.betas)
        assert np.linalg.norm(landmarks_px - seen.joints_px, axis=-1).mean() < 0.02 * box_px
    assert np.median(errors) < 7.0
    assert np.median(shares) < 0.008


def test_other_models_have_no_offsets() -> None:
    assert np.all(landmark_offsets_m(replace(models()["right"], name="mano")) == 0)
    assert np.any(landmark_offsets_m(models()["right"]) != 0)
