"""The refinement of a clip: one shape, every frame fitted with it, from a take's arrays alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.detect.observation import HandObservation
from inference.fit import clip as clip_module
from inference.fit.hand_fitter import HandFitter, RefinedClip
from inference.hands.joints import SIDES, Side
from inference.hands.rotations import quat_wxyz_to_matrix, slerp_quat_wxyz
from inference.hands.skinning import pose_hand
from tests.inference.fit.made_hands import CAMERA, NO_OFFSETS, models, observe, pose, random_pair

Array = NDArray[np.float64]


@dataclass
class MadeClip:
    """A clip as it is and as the frame-by-frame fit left it."""

    betas: Array
    points_m: Array  # (2, F, 21, 3) truth
    fitted_m: Array  # (2, F, 21, 3) frame by frame
    present: NDArray[np.bool_]
    joints_px: Array
    confidence: Array
    quat_wxyz: Array


def make_clip(fitter: HandFitter, frames: int, seed: int) -> MadeClip:
    rng = np.random.default_rng(seed)
    first, last = random_pair(rng), random_pair(rng)
    betas = first["right"].betas
    made = MadeClip(
        betas,
        np.zeros((2, frames, 21, 3)),
        np.zeros((2, frames, 21, 3)),
        np.ones((2, frames), dtype=bool),
        np.zeros((2, frames, 21, 2)),
        np.ones((2, frames, 21)),
        np.zeros((2, frames, 16, 4)),
    )
    previous = None
    for frame in range(frames):
        share = np.array(frame / max(frames - 1, 1))
        hands = {
            side: pose(
                side,
                slerp_quat_wxyz(first[side].quat_wxyz, last[side].quat_wxyz, share),
                betas,
                first[side].translation_m * (1 - share) + last[side].translation_m * share,
            )
            for side in SIDES
        }
        seen: dict[Side, HandObservation] = {side: observe(hands[side], rng, noise_share=0.01) for side in SIDES}
        previous = fitter.fit_frame(seen, previous)
        for hand, side in enumerate(SIDES):
            made.points_m[hand, frame] = hands[side].points_m
            made.fitted_m[hand, frame] = previous[side].joints_m
            made.joints_px[hand, frame] = seen[side].joints_px
            made.quat_wxyz[hand, frame] = previous[side].quat_wxyz
    return made


@pytest.fixture(scope="module")
def fitter() -> HandFitter:
    return HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)


@pytest.fixture(scope="module")
def made(fitter: HandFitter) -> MadeClip:
    return make_clip(fitter, 40, seed=1)


def refine(fitter: HandFitter, made: MadeClip) -> RefinedClip:
    return fitter.refine_clip(made.present, made.joints_px, made.confidence, made.quat_wxyz)


def error_mm(found_m: Array, truth_m: Array) -> float:
    difference = (found_m - found_m[..., :1, :]) - (truth_m - truth_m[..., :1, :])
    return 1e3 * float(np.linalg.norm(difference, axis=-1).mean())


def test_one_shape_serves_the_whole_clip(fitter: HandFitter, made: MadeClip) -> None:
    refined = refine(fitter, made)
    np.testing.assert_array_equal(refined.betas[0], refined.betas[1])
    assert error_mm(refined.joints_m, made.points_m) < error_mm(made.fitted_m, made.points_m) + 0.5
    # Nearer to the truth than the average hand is.
    assert np.linalg.norm(refined.betas[0] - made.betas) < 0.9 * np.linalg.norm(made.betas)


def test_joints_are_those_of_the_full_model(fitter: HandFitter, made: MadeClip) -> None:
    refined = refine(fitter, made)
    for hand, side in enumerate(SIDES):
        posed = pose_hand(
            models()[side],
            quat_wxyz_to_matrix(refined.quat_wxyz[hand]),
            refined.betas[hand],
            refined.translation_m[hand],
        )
        np.testing.assert_allclose(refined.joints_m[hand], posed.points_m, atol=1e-9)


def test_landmarks_stay_explained(fitter: HandFitter, made: MadeClip) -> None:
    error_px = np.linalg.norm(CAMERA.project(refine(fitter, made).joints_m) - made.joints_px, axis=-1)
    box_px = np.ptp(made.joints_px, axis=-2).max(axis=-1)
    assert np.mean(error_px.mean(axis=-1) / box_px) < 0.015


def test_absent_frames_stay_empty(fitter: HandFitter, made: MadeClip) -> None:
    present = made.present.copy()
    present[0, 5:9] = False
    present[:, 20] = False
    blank = [np.where(present.reshape(2, -1, *[1] * (a.ndim - 2)), a, 0.0) for a in (made.joints_px, made.confidence)]
    quat = np.where(present[..., None, None], made.quat_wxyz, [1.0, 0.0, 0.0, 0.0])
    refined = fitter.refine_clip(present, blank[0], blank[1], quat)
    assert np.all(refined.quat_wxyz[~present] == [1.0, 0.0, 0.0, 0.0])
    assert np.all(refined.translation_m[~present] == 0) and np.all(refined.joints_m[~present] == 0)
    assert np.all(refined.translation_m[present][:, 2] > 0)
    assert error_mm(refined.joints_m[present], made.points_m[present]) < 12.0


def test_one_hand_alone_and_none(fitter: HandFitter, made: MadeClip) -> None:
    present = made.present.copy()
    present[1] = False
    refined = fitter.refine_clip(present, made.joints_px, made.confidence, made.quat_wxyz)
    assert np.all(refined.joints_m[1] == 0) and np.all(refined.joints_m[0, :, :, 2] > 0)
    nothing = fitter.refine_clip(np.zeros_like(present), made.joints_px, made.confidence, made.quat_wxyz)
    assert np.all(nothing.translation_m == 0) and np.all(nothing.quat_wxyz[..., 0] == 1)


def test_chunks_leave_no_trace(fitter: HandFitter, made: MadeClip, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = refine(fitter, made)
    monkeypatch.setattr(clip_module, "CHUNK_FRAMES", 7)
    parts = refine(fitter, made)
    np.testing.assert_array_equal(parts.betas, whole.betas)
    np.testing.assert_allclose(parts.joints_m, whole.joints_m, atol=2e-4)


def test_bad_frames_do_not_spoil_the_shape(fitter: HandFitter, made: MadeClip) -> None:
    spoilt = made.joints_px.copy()
    rng = np.random.default_rng(3)
    for frame in range(0, 40, 4):
        box_px = np.ptp(spoilt[:, frame], axis=1).max()
        spoilt[:, frame] += 0.15 * box_px * rng.normal(size=(2, 21, 2))
    good = refine(fitter, made)
    found = fitter.refine_clip(made.present, spoilt, made.confidence, made.quat_wxyz)
    assert np.abs(found.betas - good.betas).max() < 0.5


def test_a_single_picture_is_a_clip_too(fitter: HandFitter) -> None:
    made = make_clip(fitter, 1, seed=5)
    refined = refine(fitter, made)
    assert error_mm(refined.joints_m, made.points_m) < 15.0
