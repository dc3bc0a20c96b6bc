"""How steadily hands move: second differences over neighbouring frames of a sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import MIDDLE_MCP
from .alignment import palm_length


class MotionScores(NamedTuple):
    """Means over joints and frames in mm/frame^2, a frame being the sequence's own step; None without sequences.

    Parameters
    ----------
    acceleration_error : length of the difference between predicted and true acceleration
    jitter, true_jitter : length of the predicted and of the true acceleration
    triples : threes of neighbouring frames of a hand that were measured
    """

    acceleration_error: float | None
    jitter: float | None
    true_jitter: float | None
    triples: int


def motion_scores(
    predicted_mm: NDArray[np.float32],
    true_mm: NDArray[np.float32],
    sequences: NDArray[np.int32],
    frames: NDArray[np.int64],
) -> MotionScores:
    """Second differences of root-relative joints.

    Hands are relative to their middle MCP joint, which is left out of the means. A predicted hand is scaled by one
    factor a sequence (true by predicted mean palm length): a factor a frame would add the truth's steadiness to it.

    Parameters
    ----------
    predicted_mm, true_mm : (N, 2, 21, 3), not a number where a hand was not measured
    sequences, frames : (N,)
    """
    order = np.lexsort((frames, sequences))
    starts = np.flatnonzero(np.diff(sequences[order], prepend=-1))
    sums, count, triples = np.zeros(3), 0, 0
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        if end - start < 3:
            continue
        rows = order[start:end]
        step = np.diff(frames[rows])
        regular = (step[1:] == step.min()) & (step[:-1] == step.min()) & (step.min() > 0)
        for hand in range(2):
            predicted = _relative(predicted_mm[rows, hand])
            true = _relative(true_mm[rows, hand])
            both = np.isfinite(predicted).all(axis=(1, 2)) & np.isfinite(true).all(axis=(1, 2))
            if not np.any(both):
                continue
            scale = palm_length(true[both]).mean() / palm_length(predicted[both]).mean()
            accelerations = [np.diff(points, n=2, axis=0)[regular] for points in (scale * predicted, true)]
            whole = np.isfinite(accelerations[0] + accelerations[1]).all(axis=(1, 2))
            moving = [np.delete(values[whole], MIDDLE_MCP, axis=1) for values in accelerations]
            for place, values in enumerate((moving[0] - moving[1], *moving)):
                sums[place] += np.linalg.norm(values, axis=-1).sum()
            count += moving[0].shape[0] * moving[0].shape[1]
            triples += int(whole.sum())
    if count == 0:
        return MotionScores(None, None, None, 0)
    error, jitter, true_jitter = (float(total) for total in sums / count)
    return MotionScores(error, jitter, true_jitter, triples)


def _relative(points: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = points.astype(np.float64)
    return wide - wide[:, [MIDDLE_MCP]]
