"""What the smoother must not take for noise: corners of the motion, and motion that it would cut short.

Two signs, both against the noise that the rows themselves show:

* a *corner*, in which the speed changes from one frame to the next (hands that clap, a finger that lands). It is found
  before smoothing by windows that answer to |t| but not to a polynomial: to none of the third degree, and still to
  |t| where the fifth degree is taken off as well, so that a quick swing is not taken for a corner;
* a *misfit*, where the smooth motion stays on one side of the measurements for several frames, found after smoothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .whittaker import ORDER, differences

Array = NDArray[np.float64]

_HALF_WINDOWS_S: Final = (1 / 10, 1 / 8)
_LEAST_HALF_WINDOW: Final = 3
_DEGREES: Final = (3, 5)
_QUINTIC_SHARE: Final = 0.8
"""What is left of a corner without the fifth degree must say at least this of what is left without the third."""
_BETWEEN_SHARE: Final = 0.8
"""Even windows are a little readier to answer to swings."""
_CORNER_SIGMAS, _CORNER_EDGE = 3.5, 16
"""Noise from here on counts as a corner, and how sharply: the power of the ratio."""
_MISFIT_SIGMAS: Final = 1.1
_MISFIT_WINDOW: Final = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
_QUARTER_OF_LENGTHS: Final = {1: 0.319, 2: 0.759, 3: 1.101}
"""A quarter of the lengths of normally distributed vectors of so many components, of spread 1, lie below this."""


def noise_of(rows: Array, known: NDArray[np.bool_], components: NDArray[np.intp]) -> Array:
    """(H, G) spread of the noise of one component, from the calmer frames.

    Fourth differences hardly see motion; their lower quartile passes over what is sudden in it.

    Parameters
    ----------
    rows : (H, G, F, C)
    known : (H, F) frames that were measured
    components : (G,) in how many dimensions the rows move: 1 to 3
    """
    count = rows.shape[2]
    spread = np.zeros(rows.shape[:2])
    if count < 5:
        return spread
    length = np.linalg.norm(differences(rows, 4), axis=-1)
    whole = np.min([known[:, k : count - 4 + k] for k in range(5)], axis=0)
    quarter = np.array([_QUARTER_OF_LENGTHS[int(number)] for number in components])
    for hand, frames in enumerate(whole):
        if frames.any():
            # White noise of variance 1 has fourth differences of variance 70.
            spread[hand] = np.percentile(length[hand][:, frames], 25, axis=-1) / quarter / np.sqrt(70.0)
    return spread


def corner_scores(rows: Array, weight: Array, noise: Array, fps: float) -> Array:
    """(H, G, 2 F - 1) how clearly there is a corner on each frame and, at odd places, between two; noise alone gives 1.

    Parameters
    ----------
    rows : (H, G, F, C)
    weight : (H, F) how sure each frame is; zero where it was not measured
    noise : (H, G) spread of one component
    """
    hands, groups, count, _ = rows.shape
    scores = np.zeros((hands, groups, 2 * count - 1))
    for length in _window_lengths(fps):
        inside = count - length + 1
        if inside <= 0:
            continue
        cubic, quintic = (_corner_window(length, degree) for degree in _DEGREES)
        # Both in the same unit: what a corner alone answers to the first.
        quintic *= _QUINTIC_SHARE * np.linalg.norm(cubic) / np.linalg.norm(quintic) ** 2
        cubic /= np.linalg.norm(cubic)
        least = np.min([weight[:, k : k + inside] for k in range(length)], axis=0)
        answer = np.minimum(_answer(rows, cubic), _answer(rows, quintic)) / noise[..., None] * np.sqrt(least)[:, None]
        there = slice(length - 1, length + 2 * inside - 2, 2)
        share = 1.0 if length % 2 else _BETWEEN_SHARE
        scores[..., there] = np.maximum(scores[..., there], share * answer)
    return scores


def kept_at_corners(scores: Array, boldness: float) -> Array:
    """(H, G, F - 3) share of the stiffness that is left to each third difference: almost none across a corner.

    Parameters
    ----------
    scores : (H, G, 2 F - 1) of `corner_scores`
    boldness : 1 or more; factor on what still counts as noise
    """
    padded = np.pad(scores, [(0, 0)] * 2 + [(2, 2)])
    around = np.max([padded[..., k : k + scores.shape[-1]] for k in range(5)], axis=0)
    kept = 1.0 / (1.0 + (scores / (_CORNER_SIGMAS * boldness)) ** _CORNER_EDGE)
    kept = np.where(scores >= around, kept, 1.0)
    # The speed changes on a frame, or on both frames around a corner between them.
    between = np.pad(kept[..., 1::2], [(0, 0)] * 2 + [(1, 1)], constant_values=1.0)
    on_frame = np.minimum(kept[..., ::2], np.minimum(between[..., 1:], between[..., :-1]))
    # A third difference spans two changes of speed: those of its inner frames.
    return np.minimum(on_frame[..., 1:-2], on_frame[..., 2:-1])


def kept_by_misfit(residual: Array, noise: Array, components: NDArray[np.intp], boldness: float) -> Array:
    """(H, G, F - 3) share of the stiffness that is left to each third difference after one round of smoothing.

    Parameters
    ----------
    residual : (H, G, F, C) measured less smooth, as far as the measurement is sure
    noise : (H, G) spread of one component
    components : (G,) as in `noise_of`
    boldness : as in `kept_at_corners`
    """
    count, reach = residual.shape[2], len(_MISFIT_WINDOW) // 2
    padded = np.pad(residual, [(0, 0)] * 2 + [(reach, reach), (0, 0)])
    spread = _MISFIT_SIGMAS * boldness * noise * np.sqrt(components) * np.linalg.norm(_MISFIT_WINDOW)
    excess = (_answer(padded, _MISFIT_WINDOW) / spread[..., None]) ** 2
    worst = np.max([excess[..., k : count - ORDER + k] for k in range(ORDER + 1)], axis=0)
    return 1.0 / (1.0 + worst)


def _answer(rows: Array, window: Array) -> Array:
    """(H, G, F - W + 1) length of what a window of W frames makes of the rows."""
    inside = rows.shape[2] - len(window) + 1
    total = window[0] * rows[:, :, :inside]
    for k in range(1, len(window)):
        total += window[k] * rows[:, :, k : k + inside]
    return np.linalg.norm(total, axis=-1)


def _window_lengths(fps: float) -> list[int]:
    """Odd windows about a frame, shorter and longer, and an even one about the place between two."""
    halves = sorted({max(_LEAST_HALF_WINDOW, int(np.ceil(seconds * fps - 1e-6))) for seconds in _HALF_WINDOWS_S})
    return [2 * half + 1 for half in halves] + [2 * halves[0] + 2]


def _corner_window(length: int, degree: int) -> Array:
    """(length,) what is left of |t| when a polynomial of that degree is taken off."""
    t = np.arange(length) - (length - 1) / 2
    powers = np.vander(t / length, degree + 1)
    return np.abs(t) - powers @ np.linalg.lstsq(powers, np.abs(t), rcond=None)[0]
