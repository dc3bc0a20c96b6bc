"""From hands at their own origins to hands before the camera: known answers, noise, outliers, crops off the axis."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.camera import Camera
from inference.fit.placement import offset_between, palm_length_m, place, trans_between, turn_to_ray
from inference.hands.joints import MIDDLE_MCP
from inference.hands.rotations import matrix_to_rotvec
from tests.inference.fit.made_hands import CAMERA
from tests.inference.fit.made_predictions import crop_only_rotation, interacting_pair, points_of

Array = NDArray[np.float64]
COUNT = 60


@pytest.fixture(scope="module")
def truth() -> Array:
    """(60, 42, 3) pairs of hands anywhere before the camera."""
    rng = np.random.default_rng(7)
    middles = [
        np.array([rng.uniform(-0.15, 0.15), rng.uniform(-0.1, 0.1), rng.uniform(0.35, 1.2)]) for _ in range(COUNT)
    ]
    return np.array([points_of(interacting_pair(rng, middle)) for middle in middles])


def as_predicted(truth: Array) -> Array:
    """The same pairs with their place forgotten, joined again by `trans` alone."""
    right, left = truth[:, :21], truth[:, 21:]
    trans = trans_between(right, left)
    right = right - right[:, MIDDLE_MCP, None]
    left = left - left[:, MIDDLE_MCP, None] + offset_between(trans, palm_length_m(right))[:, None]
    return np.concatenate([right, left], axis=1)


def box_px(seen: Array) -> Array:
    return np.ptp(seen, axis=1).max(axis=-1)


def placed_mm(predicted: Array, seen: Array, confidence: Array, truth: Array) -> Array:
    placement = place(CAMERA, predicted, seen, confidence)
    assert placement.placed.all()
    return 1e3 * np.linalg.norm(predicted + placement.translation_m[:, None] - truth, axis=-1).mean(axis=1)


def test_the_transform_says_what_the_paper_says(truth: Array) -> None:
    """Normalised left hand, moved by t and scaled by exp(a), lies where it is in the right hand's units."""
    right, left = truth[0, :21], truth[0, 21:]
    a, *t = trans_between(right, left)
    in_right_units = (right - right[4]) / np.linalg.norm(right[4] - right[0])
    normalised = (left - left[4]) / np.linalg.norm(left[4] - left[0])
    joined = np.concatenate([in_right_units, (normalised + t) * np.exp(a)])
    expected = (truth[0] - right[4]) / np.linalg.norm(right[4] - right[0])
    np.testing.assert_allclose(joined, expected, atol=1e-12)
    np.testing.assert_allclose(palm_length_m(left), palm_length_m(right) * np.exp(a))


def test_a_faultless_answer_comes_back_exactly(truth: Array) -> None:
    predicted, seen = as_predicted(truth), CAMERA.project(truth)
    placement = place(CAMERA, predicted, seen, np.ones(seen.shape[:2]))
    there = predicted + placement.translation_m[:, None]
    assert placement.placed.all()
    wrist_to_wrist = there[:, 21] - there[:, 0]
    assert np.linalg.norm(wrist_to_wrist - (truth[:, 21] - truth[:, 0]), axis=-1).max() < 1e-7
    assert np.linalg.norm(there - truth, axis=-1).max() < 1e-6
    assert np.linalg.norm(CAMERA.project(there) - seen, axis=-1).max() < 1e-4
    assert placement.error_share.max() < 1e-6


def test_a_single_hand_is_placed_alone(truth: Array) -> None:
    seen = CAMERA.project(truth)
    placement = place(CAMERA, truth[:, 21:] - truth[:, 21:22], seen[:, 21:], np.ones((COUNT, 21)))
    np.testing.assert_allclose(placement.translation_m, truth[:, 21], atol=1e-6)


def test_one_frame_is_placed_as_many_are(truth: Array) -> None:
    predicted, seen = as_predicted(truth), CAMERA.project(truth) + 1.5
    many = place(CAMERA, predicted, seen, np.ones(seen.shape[:2]))
    one = place(CAMERA, predicted[5], seen[5], np.ones(42))
    assert one.translation_m.shape == (3,)
    np.testing.assert_allclose(one.translation_m, many.translation_m[5], atol=1e-6)


@pytest.mark.parametrize(
    ("noise", "outliers", "median_mm", "most_mm"), [(0.005, 0, 2.0, 6.0), (0.01, 0, 4.0, 12.0), (0.01, 12, 5.0, 20.0)]
)
def test_errors_grow_with_the_noise_and_hardly_with_outliers(
    truth: Array, noise: float, outliers: int, median_mm: float, most_mm: float
) -> None:
    rng = np.random.default_rng(3)
    predicted, seen = as_predicted(truth), CAMERA.project(truth)
    box = box_px(seen)[:, None, None]
    wrong = seen + noise * box * rng.normal(size=seen.shape)
    for frame in range(COUNT):
        chosen = rng.choice(42, outliers, replace=False)
        wrong[frame, chosen] = seen[frame].mean(axis=0) + box[frame] * rng.uniform(-1, 1, (outliers, 2))
    error = placed_mm(predicted, wrong, np.ones(seen.shape[:2]), truth)
    assert np.median(error) < median_mm
    assert np.percentile(error, 90) < most_mm


def test_the_surer_hand_wins_where_the_other_is_seen_elsewhere(truth: Array) -> None:
    rng = np.random.default_rng(4)
    predicted, seen = as_predicted(truth), CAMERA.project(truth)
    box = box_px(seen)[:, None, None]
    wrong = seen + 0.005 * box * rng.normal(size=seen.shape)
    wrong[:, :21] += box * [0.4, 0.2]
    confidence = np.ones(seen.shape[:2])
    confidence[:, :21] = 0.4
    assert np.percentile(placed_mm(predicted, wrong, confidence, truth), 90) < 10.0


def test_confidence_and_missing_points_count(truth: Array) -> None:
    predicted, seen = as_predicted(truth), CAMERA.project(truth)
    wrong, confidence = seen.copy(), np.ones(seen.shape[:2])
    wrong[:, ::2], confidence[:, ::2] = np.nan, 1.0
    wrong[:, 1::4] += 500.0
    confidence[:, 1::4] = 0.0
    assert placed_mm(predicted, wrong, confidence, truth).max() < 1e-3


def test_too_few_points_are_not_placed(truth: Array) -> None:
    predicted, seen = as_predicted(truth), CAMERA.project(truth)
    confidence = np.zeros(seen.shape[:2])
    confidence[:, :3] = 1.0
    placement = place(CAMERA, predicted, seen, confidence)
    assert not placement.placed.any()
    assert np.isfinite(placement.translation_m).all()
    assert not place(CAMERA, predicted, np.full(seen.shape, np.nan), confidence).placed.any()


def test_the_turn_leads_to_the_ray() -> None:
    pixels = np.array([[100.0, 80.0], [1200.0, 700.0], [CAMERA.principal_px[0], CAMERA.principal_px[1]]])
    turns = turn_to_ray(CAMERA, pixels)
    forward = turns @ [0.0, 0.0, 1.0]
    np.testing.assert_allclose(CAMERA.project(forward), pixels, atol=1e-9)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, -1, -2), np.tile(np.eye(3), (3, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(turns[2], np.eye(3), atol=1e-12)
    axes = matrix_to_rotvec(turns)
    np.testing.assert_allclose(axes[:, 2], 0.0, atol=1e-12)  # the smallest turn does not roll


@pytest.mark.parametrize("degrees", [10.0, 20.0, 30.0])
def test_hands_that_are_seen_in_a_crop_must_be_turned_along_its_ray(degrees: float) -> None:
    """What a crop alone tells is the hands as they look from the ray; see docs/intershape.md for the numbers."""
    camera = Camera.from_focal_mm(26.0, (1280, 720), "given")
    plain, turned = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        around, angle = rng.uniform(0, 2 * np.pi), np.deg2rad(degrees)
        ray = np.array([np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), np.cos(angle)])
        points = points_of(interacting_pair(rng, 0.7 * ray))
        pixels = camera.project(points)
        answer = crop_only_rotation(points, (pixels - np.array(camera.principal_px)) / camera.focal_px)
        centre = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
        for rotation, errors in ((answer, plain), (turn_to_ray(camera, centre) @ answer, turned)):
            errors.append(np.rad2deg(np.linalg.norm(matrix_to_rotvec(rotation))))
    assert np.median(plain) == pytest.approx(degrees, rel=0.15)
    assert np.median(turned) < 0.2 * np.median(plain)
