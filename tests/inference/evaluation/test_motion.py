"""Second differences over a sequence's own step, in mm/frame^2."""

from __future__ import annotations

import numpy as np
import pytest

from inference.evaluation.motion import MotionScores, motion_scores


def hands(frames: int) -> np.ndarray:
    """(frames, 2, 21, 3) hands that stand still."""
    still = np.random.default_rng(0).normal(0, 40, (1, 2, 21, 3))
    return np.repeat(still, frames, axis=0).astype(np.float32)


def scored(
    predicted: np.ndarray, true: np.ndarray, sequences: list[int] | None = None, frames: list[int] | None = None
) -> MotionScores:
    count = len(true)
    return motion_scores(
        predicted.astype(np.float32),
        true,
        np.array(sequences or [0] * count, dtype=np.int32),
        np.array(frames or list(range(count)), dtype=np.int64),
    )


def test_stillness_and_even_motion_have_no_acceleration() -> None:
    true = hands(6)
    drifting = true + np.linspace(0, 30, 6)[:, None, None, None]
    result = scored(drifting, true)
    assert result.acceleration_error == pytest.approx(0, abs=1e-3)
    assert result.jitter == pytest.approx(0, abs=1e-3)
    assert result.triples == 2 * 4


def test_a_joint_that_shakes_is_measured() -> None:
    true = hands(6)
    predicted = true.copy()
    predicted[::2, :, 7, 0] += 2.0  # second difference of +-4 mm in one of 20 joints
    result = scored(predicted, true)
    assert result.acceleration_error == pytest.approx(4 / 20, rel=1e-3)
    assert result.jitter == pytest.approx(4 / 20, rel=1e-3)
    assert result.true_jitter == pytest.approx(0, abs=1e-3)
    backwards = scored(true, predicted)
    assert backwards.true_jitter == pytest.approx(4 / 20, rel=1e-3)


def test_size_is_one_factor_a_sequence() -> None:
    true = hands(6)
    assert scored(3 * true, true).jitter == pytest.approx(0, abs=1e-3)
    pumping = true * np.where(np.arange(6) % 2, 1.1, 1.0)[:, None, None, None]
    result = scored(pumping, true)
    assert result.jitter is not None
    assert result.jitter > 5


def test_only_neighbours_at_the_sequence_s_own_step_count() -> None:
    true = hands(7)
    frames = [0, 3, 6, 9, 30, 33, 36]  # a gap in the middle: triples 0-3-6, 3-6-9, 30-33-36
    assert scored(true, true, frames=frames).triples == 2 * 3
    shuffled = np.random.default_rng(1).permutation(7)
    assert scored(true, true[shuffled], frames=[frames[place] for place in shuffled]).triples == 2 * 3
    assert scored(true, true, sequences=[0, 0, 1, 1, 2, 2, 3]) == MotionScores(None, None, None, 0)


def test_missing_frames_are_left_out() -> None:
    true = hands(7)
    predicted = true.copy()
    predicted[3, 0] = np.nan
    assert scored(predicted, true).triples == 5 + 2
