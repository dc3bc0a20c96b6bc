"""Smoothing: less jitter, no delay, claps stay claps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.hands.rotations import multiply_quat_wxyz, rotvec_to_quat_wxyz
from inference.motion.gaps import FrameState
from inference.motion.smoothing import DEFAULT_STRENGTH, smooth_motion
from inference.motion.whittaker import whittaker
from tests.inference.motion import made_gestures
from tests.inference.motion.made_clap import (
    COUNT,
    FPS,
    NoiseKind,
    clap,
    filled,
    jitter_mm,
    opening_mm,
    points_m,
    with_noise,
)

SURE = np.ones((2, COUNT))


def angle_deg(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.rad2deg(2 * np.arccos(np.clip(np.abs(np.sum(first * second, axis=-1)), 0, 1)))


RATES_FPS = (24.0, 25.0, 30.0, 60.0)


def smoothed(quat: np.ndarray, way: np.ndarray, fps: float, strength: float = DEFAULT_STRENGTH) -> np.ndarray:
    """(2, F, 21, 3) points of a clip in which every frame is sure."""
    sure = np.ones(quat.shape[:2])
    return points_m(smooth_motion(filled(quat, way, fps=fps), sure, fps=fps, strength=strength))


@pytest.mark.parametrize(("count", "block_frames"), [(4, 48), (5, 48), (9, 3), (10, 3), (24, 5), (105, 48), (106, 48)])
def test_the_seven_diagonals_are_solved_in_however_many_blocks(count: int, block_frames: int) -> None:
    rng = np.random.default_rng(0)
    weight, stiffness = rng.random((2, 1, count)) + 0.1, 5 * rng.random((2, 18, count - 3))
    measured = rng.normal(size=(2, 18, count, 4))
    solved = whittaker(weight, stiffness, measured, block_frames=block_frames)
    difference = np.diff(np.eye(count), 3, axis=0)
    for hand in range(2):
        for group in range(18):
            matrix = np.diag(weight[hand, 0]) + difference.T @ np.diag(stiffness[hand, group]) @ difference
            expected = np.linalg.solve(matrix, weight[hand, 0][:, None] * measured[hand, group])
            np.testing.assert_allclose(solved[hand, group], expected, atol=1e-10)


@pytest.mark.parametrize("fps", RATES_FPS)
@pytest.mark.parametrize("gesture", [made_gestures.slow, made_gestures.taps, made_gestures.wave])
def test_the_default_takes_out_three_quarters_of_the_jitter_at_every_rate(
    gesture: made_gestures.Maker, fps: float
) -> None:
    quat, way = gesture(fps)
    truth = points_m(filled(quat, way, fps=fps))
    noisy = with_noise(quat, way, np.random.default_rng(0))
    before, after = points_m(filled(*noisy, fps=fps)), smoothed(*noisy, fps)
    # Jitter beyond the motion's own acceleration; what is flattened counts as jitter, too.
    assert jitter_mm(before - truth) > 5.0 * jitter_mm(after - truth)
    assert np.linalg.norm(after - truth, axis=-1).mean() < 0.6 * np.linalg.norm(before - truth, axis=-1).mean()


@pytest.mark.parametrize("fps", RATES_FPS)
@pytest.mark.parametrize("kind", ["bursts", "wandering"])
def test_noise_like_that_of_nets_is_calmed_as_well(kind: NoiseKind, fps: float) -> None:
    quat, way = made_gestures.slow(fps)
    truth = points_m(filled(quat, way, fps=fps))
    before, after = [], []
    for seed in range(4):
        noisy = with_noise(quat, way, np.random.default_rng(seed), kind, fps)
        before.append(jitter_mm(points_m(filled(*noisy, fps=fps)) - truth))
        after.append(jitter_mm(smoothed(*noisy, fps) - truth))
    assert np.mean(before) > 4.0 * np.mean(after)


@pytest.mark.parametrize("fps", RATES_FPS)
@pytest.mark.parametrize("sharp", [False, True])
@pytest.mark.parametrize("claps_a_second", [1.0, 2.0])
def test_fingertips_of_clapping_hands_still_meet(claps_a_second: float, sharp: bool, fps: float) -> None:
    quat, way, contacts = clap(claps_a_second, sharp=sharp, fps=fps)
    truth = points_m(filled(quat, way, fps=fps))
    opened, calmed = [], []
    for seed in range(6):
        noisy = with_noise(quat, way, np.random.default_rng(seed))
        before, after = points_m(filled(*noisy, fps=fps)), smoothed(*noisy, fps)
        # Against the raw motion, whose own noise opens each single contact by several millimetres either way.
        opened.append(opening_mm(after, contacts) - opening_mm(before, contacts))
        calmed.append(jitter_mm(before - truth) / jitter_mm(after - truth))
    assert np.linalg.norm(np.mean(opened, axis=0)) < 3.0
    # At two sharp claps a second every other frame or so is next to a corner, where noise has to pass.
    assert np.mean(calmed) > (3.0 if sharp and claps_a_second == 2.0 else 4.5)


@pytest.mark.parametrize("fps", RATES_FPS)
@pytest.mark.parametrize("gesture", [made_gestures.taps, made_gestures.wave, made_gestures.sine_claps])
def test_peaks_are_hardly_flattened(gesture: made_gestures.Maker, fps: float) -> None:
    quat, way = gesture(fps)
    truth = points_m(filled(quat, way, fps=fps))
    after = np.mean([smoothed(*with_noise(quat, way, np.random.default_rng(s)), fps) for s in range(3)], axis=0)
    swing, kept = (points[:, :, 13:] - truth.mean(axis=1, keepdims=True)[:, :, 13:] for points in (truth, after))
    reach = np.linalg.norm(swing, axis=-1)
    peaks = reach >= np.quantile(reach, 0.97, axis=1, keepdims=True)
    share = np.sum((swing * kept).sum(axis=-1)[peaks]) / np.sum(reach[peaks] ** 2)
    assert 0.88 < share < 1.05


@pytest.mark.parametrize("sharp", [False, True])
@pytest.mark.parametrize("fps", RATES_FPS)
def test_a_clean_clap_is_left_alone(sharp: bool, fps: float) -> None:
    quat, way, contacts = clap(2.0, sharp=sharp, fps=fps)
    before, after = points_m(filled(quat, way, fps=fps)), smoothed(quat, way, fps)
    assert 1e3 * np.linalg.norm(after - before, axis=-1)[:, contacts].max() < 2.0


def test_strength_goes_from_nothing_to_stillness() -> None:
    noisy = filled(*with_noise(*clap(1.0, sharp=False)[:2], np.random.default_rng(1)))
    assert smooth_motion(noisy, SURE, fps=FPS, strength=0.0) is noisy
    jitters = [
        jitter_mm(points_m(smooth_motion(noisy, SURE, fps=FPS, strength=strength)))
        for strength in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert np.all(np.diff(jitters) < 0)
    assert jitters[-1] < 0.1 * jitters[0]


def test_there_is_no_delay() -> None:
    """Played backwards, the smoothed clip is the smoothed backwards clip."""
    quat, way = with_noise(*clap(1.0, sharp=True)[:2], np.random.default_rng(2))
    forwards = smooth_motion(filled(quat, way), SURE, fps=FPS)
    backwards = smooth_motion(filled(quat[:, ::-1], way[:, ::-1]), SURE, fps=FPS)
    np.testing.assert_allclose(backwards.translation_m[:, ::-1], forwards.translation_m, atol=1e-9)
    assert angle_deg(backwards.quat_wxyz[:, ::-1], forwards.quat_wxyz).max() < 1e-3


def test_turning_the_whole_world_turns_the_result() -> None:
    """Rotations are smoothed as rotations: no axis is special and turns beyond 180 degrees do not flip."""
    rng = np.random.default_rng(3)
    turns = np.zeros((2, COUNT, 16, 3))
    turns[..., 1] = np.linspace(0, 4 * np.pi, COUNT)[None, :, None]
    quat = multiply_quat_wxyz(rotvec_to_quat_wxyz(turns), rotvec_to_quat_wxyz(0.03 * rng.normal(size=turns.shape)))
    quat *= rng.choice([-1.0, 1.0], quat.shape[:-1])[..., None]
    way = np.tile([0.0, 0.0, 0.5], (2, COUNT, 1))
    world = rotvec_to_quat_wxyz(np.array([0.9, -1.3, 2.0]))
    plain = smooth_motion(filled(quat, way), SURE, fps=FPS).quat_wxyz
    turned = smooth_motion(filled(multiply_quat_wxyz(world, quat), way), SURE, fps=FPS).quat_wxyz
    assert angle_deg(turned, multiply_quat_wxyz(world, plain)).max() < 1e-3
    assert angle_deg(plain, rotvec_to_quat_wxyz(turns)).mean() < angle_deg(quat, rotvec_to_quat_wxyz(turns)).mean()
    assert np.all(np.sum(plain[:, 1:] * plain[:, :-1], axis=-1) > 0)


def test_unsure_frames_follow_their_neighbours() -> None:
    quat, way = with_noise(*clap(0.0, sharp=False)[:2], np.random.default_rng(5))
    still = way[0, 90:99, 0].mean()
    way[0, 100, 0] += 0.02
    unsure = SURE.copy()
    unsure[0, 100] = 0.0
    believed = smooth_motion(filled(quat, way), SURE, fps=FPS).translation_m[0, 100, 0] - still
    doubted = smooth_motion(filled(quat, way), unsure, fps=FPS).translation_m[0, 100, 0] - still
    assert believed > 0.01
    assert doubted < 0.4 * believed


def test_gaps_keep_their_states_and_held_poses_hold() -> None:
    quat, way = with_noise(*clap(1.0, sharp=False)[:2], np.random.default_rng(4))
    present = np.ones((2, COUNT), dtype=bool)
    present[0, 50:55] = present[0, 100:140] = present[0, -7:] = False
    motion = filled(quat, way, present)
    smooth = smooth_motion(motion, SURE, fps=FPS)
    np.testing.assert_array_equal(smooth.state, motion.state)
    assert smooth.gaps == motion.gaps
    assert set(smooth.state[0, 50:55]) == {FrameState.BRIDGED}
    for held, source in ((slice(100, 120), 99), (slice(121, 140), 140), (slice(-7, None), COUNT - 8)):
        expected = np.broadcast_to(smooth.translation_m[0, source], smooth.translation_m[0, held].shape)
        np.testing.assert_array_equal(smooth.translation_m[0, held], expected)
        assert angle_deg(smooth.quat_wxyz[0, held], smooth.quat_wxyz[0, source]).max() < 1e-4
    # What lies behind a held stretch has no say in what lies before it.
    elsewhere = way.copy()
    elsewhere[0, 140:] += 0.5
    other = smooth_motion(filled(quat, elsewhere, present), SURE, fps=FPS)
    assert np.abs(other.translation_m[0, :99] - smooth.translation_m[0, :99]).max() < 2e-3


def test_an_absent_hand_stays_absent() -> None:
    quat, way, _ = clap(1.0, sharp=False)
    present = np.ones((2, COUNT), dtype=bool)
    present[1] = False
    smooth = smooth_motion(filled(quat, way, present), SURE, fps=FPS)
    assert set(smooth.state[1]) == {FrameState.ABSENT}
    assert np.all(smooth.translation_m[1] == 0) and np.all(smooth.quat_wxyz[1, :, :, 0] == 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_short_clips_come_out_whole(count: int, seed: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    quat = rotvec_to_quat_wxyz(0.3 * rng.normal(size=(2, count, 16, 3)))
    way = rng.normal(size=(2, count, 3)) * 0.1 + [0, 0, 0.6]
    present = rng.random((2, count)) < 0.7
    smooth = smooth_motion(filled(quat, way, present), rng.random((2, count)), fps=FPS, strength=strength)
    assert np.all(np.isfinite(smooth.translation_m))
    np.testing.assert_allclose(np.linalg.norm(smooth.quat_wxyz, axis=-1), 1.0, atol=1e-9)


def test_the_default_is_the_middle() -> None:
    assert DEFAULT_STRENGTH == 0.5
