"""Gaps: short ones bridged, long ones held, all of them told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.hands.rotations import rotvec_to_quat_wxyz
from inference.motion.gaps import FilledMotion, FrameState, GapPlace, fill_gaps

COUNT = 60
FRAMES = np.arange(100, 100 + COUNT)


def turning_hands() -> tuple[np.ndarray, np.ndarray]:
    """(2, F, 16, 4) rotations that turn evenly about x, 3 degrees a frame, and (2, F, 3) an even way along x."""
    rotvec = np.zeros((2, COUNT, 16, 3))
    rotvec[..., 0] = np.deg2rad(3.0) * np.arange(COUNT)[:, None]
    way = np.zeros((2, COUNT, 3))
    way[..., 0] = 0.01 * np.arange(COUNT)
    return rotvec_to_quat_wxyz(rotvec), way


def filled(missing: list[tuple[int, int]], fps: float = 30.0, frames: np.ndarray = FRAMES) -> FilledMotion:
    """The right hand with frames (first index, last index) taken out and spoilt."""
    quat, way = turning_hands()
    present = np.ones((2, COUNT), dtype=bool)
    for first, last in missing:
        present[0, first : last + 1] = False
    quat[~present] = [1, 0, 0, 0]
    way[~present] = 0
    return fill_gaps(frames, present, quat, way, fps=fps)


def same_rotation_deg(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.rad2deg(2 * np.arccos(np.clip(np.abs(np.sum(first * second, axis=-1)), 0, 1))).max(initial=0))


def test_a_short_gap_is_bridged_along_the_way() -> None:
    motion = filled([(10, 20)])
    quat, way = turning_hands()
    assert same_rotation_deg(motion.quat_wxyz, quat) < 1e-4
    np.testing.assert_allclose(motion.translation_m, way, atol=1e-12)
    assert set(motion.state[0, 10:21]) == {FrameState.BRIDGED}
    assert np.sum(motion.state == FrameState.MEASURED) == 2 * COUNT - 11
    assert [gap.sentence for gap in motion.gaps] == ["No right hand in frames 110-120; the gap was bridged."]


@pytest.mark.parametrize(("length", "state"), [(15, FrameState.BRIDGED), (16, FrameState.HELD)])
def test_half_a_second_is_the_longest_bridge(length: int, state: FrameState) -> None:
    motion = filled([(10, 9 + length)])
    assert set(motion.state[0, 10 : 10 + length]) == {state}


def test_a_long_gap_holds_the_nearest_pose() -> None:
    motion = filled([(14, 31)])
    _, way = turning_hands()
    np.testing.assert_array_equal(motion.translation_m[0, 14:23, 0], way[0, 13, 0])
    np.testing.assert_array_equal(motion.translation_m[0, 23:32, 0], way[0, 32, 0])
    assert motion.sentences() == ["No right hand in frames 114-131; the gap was held."]


def test_the_ends_are_held_however_short() -> None:
    motion = filled([(0, 1), (59, 59)])
    _, way = turning_hands()
    np.testing.assert_array_equal(motion.translation_m[0, :2], way[0, [2, 2]])
    np.testing.assert_array_equal(motion.translation_m[0, 59], way[0, 58])
    assert [gap.place for gap in motion.gaps] == [GapPlace.START, GapPlace.END]
    assert motion.sentences() == [
        "No right hand in frames 100-101; its first pose was held.",
        "No right hand in frame 159; its last pose was held.",
    ]


def test_a_hand_never_seen_stays_absent() -> None:
    motion = filled([(0, COUNT - 1)])
    assert set(motion.state[0]) == {FrameState.ABSENT}
    assert set(motion.state[1]) == {FrameState.MEASURED}
    np.testing.assert_array_equal(motion.quat_wxyz[0, :, :, 0], 1.0)
    assert motion.sentences() == ["No right hand in the whole clip."]


def test_holes_in_the_numbering_count_as_time() -> None:
    frames = FRAMES.copy()
    frames[12:] += 20
    motion = filled([(10, 14)], frames=frames)
    assert set(motion.state[0, 10:15]) == {FrameState.HELD}
    # Frames 110 and 111 lie before the hole, nearer to frame 109; 132 to 134 behind it, nearer to 135.
    _, way = turning_hands()
    np.testing.assert_array_equal(motion.translation_m[0, 10:15, 0], way[0, [9, 9, 15, 15, 15], 0])


def test_an_unknown_rate_counts_as_film() -> None:
    assert set(filled([(10, 21)], fps=0.0).state[0, 10:22]) == {FrameState.BRIDGED}
    assert set(filled([(10, 22)], fps=0.0).state[0, 10:23]) == {FrameState.HELD}


def test_many_gaps_are_summed_up() -> None:
    motion = filled([(5 * k + 1, 5 * k + 2) for k in range(10)])
    assert len(motion.gaps) == 10
    assert motion.sentences(most=3)[-1] == "7 more gaps (14 frames) were bridged or held."


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=COUNT, max_size=COUNT), st.integers(0, 2**32 - 1))
def test_every_frame_gets_a_pose_and_measured_ones_keep_theirs(shown: list[bool], seed: int) -> None:
    rng = np.random.default_rng(seed)
    quat = rng.normal(size=(2, COUNT, 16, 4))
    quat /= np.linalg.norm(quat, axis=-1, keepdims=True)
    way = rng.normal(size=(2, COUNT, 3))
    present = np.array([shown, shown[::-1]])
    motion = fill_gaps(FRAMES, present, quat, way, fps=30.0)
    assert same_rotation_deg(motion.quat_wxyz[present], quat[present]) < 1e-4
    np.testing.assert_array_equal(motion.translation_m[present], way[present])
    np.testing.assert_allclose(np.linalg.norm(motion.quat_wxyz, axis=-1), 1.0, atol=1e-9)
    assert np.all(np.sum(motion.quat_wxyz[:, 1:] * motion.quat_wxyz[:, :-1], axis=-1) >= -1e-12)
    told = sum(gap.last_frame - gap.first_frame + 1 for gap in motion.gaps)
    assert told == np.sum(~present)
    for hand in range(2):
        expected = {FrameState.MEASURED} if present[hand].any() else {FrameState.ABSENT}
        assert set(motion.state[hand, present[hand]]) <= expected
