"""Smoothing of whole clips: without delay, on the rotations themselves, weighted by how sure each frame is.

Every quantity x is found from its measurements y by minimising

    sum_t w_t |x_t - y_t|^2  +  sum_t lambda_t |x_(t-1) - 2 x_t + x_(t+1)|^2

(E. T. Whittaker 1923), which looks ahead as far as back and so delays nothing. `lambda_t` is lowered where the motion
turns more sharply than the clip's own noise explains, so that a clap stays a clap. Rotations are unit quaternions in
one hemisphere, smoothed as vectors and brought back to length one: there are no Euler angles and nothing can flip.
Directions to the wrist and its depth are smoothed apart from each other: depth is by far the noisier of the two.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..contract import Take
from ..hands.joints import JOINT_COUNT
from ..hands.rotations import align_quat_signs, normalise_quat_wxyz
from .gaps import UNKNOWN_RATE_FPS, FilledMotion, FrameState, fill_take

Array = NDArray[np.float64]

DEFAULT_STRENGTH: Final = 0.5

_RAY, _DEPTH, _FIRST_JOINT, _GROUPS = 0, 1, 2, 2 + JOINT_COUNT
_CHANNELS: Final = 4
_HIGHEST_CUTOFF_HZ: Final = 31.0
_LOWEST_CUTOFF_HZ: Final = 1.0
"""Cut-off at strength 0, where it hardly matters any more, and at strength 1; evenly in octaves between."""
_DEPTH_FACTOR: Final = 8.0
"""How much more the depth is smoothed than the rest."""
_BRIDGED_WEIGHT: Final = 1e-2
_LEAST_WEIGHT: Final = 0.05
_ROUNDS: Final = 4
_SHARP_SIGMAS: Final = 1.5
"""Accelerations beyond this many standard deviations of the noise count as motion."""
_LEAST_NOISE: Final = 1e-5


def smooth_take(take: Take, strength: float = DEFAULT_STRENGTH) -> FilledMotion:
    """`smooth_motion` for a take as measured, its gaps filled; the take itself stays raw."""
    step = float(np.median(np.diff(take.frames))) if len(take.frames) > 1 else 1.0
    return smooth_motion(fill_take(take), take.confidence, fps=take.fps / max(step, 1.0), strength=strength)


def smooth_motion(
    motion: FilledMotion, confidence: Array, *, fps: float, strength: float = DEFAULT_STRENGTH
) -> FilledMotion:
    """The motion with less jitter.

    Parameters
    ----------
    motion : gaps filled; frames follow each other evenly
    confidence : (2, F) from 0 to 1; an unsure frame follows its neighbours more
    fps : frames a second; 0 where unknown
    strength : 0 leaves the motion as it is, 1 leaves only its slow drift

    Returns
    -------
    The same gaps and states. Bridged frames are led smoothly through; held ones hold the smoothed pose.
    """
    count = motion.state.shape[1]
    if strength <= 0 or count < 3:
        return motion
    cutoff_hz = _HIGHEST_CUTOFF_HZ * (_LOWEST_CUTOFF_HZ / _HIGHEST_CUTOFF_HZ) ** min(strength, 1.0)
    cutoff = 2 * np.pi * cutoff_hz / (fps if fps > 0 else UNKNOWN_RATE_FPS)
    stiffness = np.full((2, _GROUPS), cutoff**-4.0)
    stiffness[:, _DEPTH] *= _DEPTH_FACTOR
    measured = _as_groups(motion)
    live = (motion.state == FrameState.MEASURED) | (motion.state == FrameState.BRIDGED)
    weight = np.where(motion.state == FrameState.BRIDGED, _BRIDGED_WEIGHT, np.maximum(confidence, _LEAST_WEIGHT))
    weight = np.where(live, weight, 1.0)
    # Nothing is smoothed across a held stretch: the hand may have done anything meanwhile.
    linked = (live[:, 2:] & live[:, 1:-1] & live[:, :-2])[:, None]
    sharp = _SHARP_SIGMAS * _noise(measured, linked & (weight[:, None, 2:] > _BRIDGED_WEIGHT))
    # The stronger the user smooths, the more of the motion itself is meant.
    sharp = sharp / max(1e-6, 1.0 - max(0.0, 2.0 * strength - 1.0)) ** 2
    # A sharp turn that only an unsure frame claims is noise, which goes with one over the root of the weight.
    least = np.minimum(np.minimum(weight[:, 2:], weight[:, 1:-1]), weight[:, :-2])
    sharp = sharp[..., None] / np.sqrt(least)[:, None]
    smooth = measured
    bending = np.ones((2, _GROUPS, count - 2))
    for _ in range(_ROUNDS):
        smooth = _solve(weight[:, None], stiffness[..., None] * bending * linked, measured)
        bending = 1.0 / (1.0 + (_second_difference(smooth) / sharp) ** 2) ** 2
    return _from_groups(motion, smooth)


def _as_groups(motion: FilledMotion) -> Array:
    """(2, G, F, 4) direction and log-depth of the wrist, then one quaternion a joint; unused channels are zero."""
    hands, count = motion.state.shape
    groups = np.zeros((hands, _GROUPS, count, _CHANNELS))
    depth = np.where(motion.translation_m[..., 2] > 0, motion.translation_m[..., 2], 1.0)
    groups[:, _RAY, :, :2] = motion.translation_m[..., :2] / depth[..., None]
    groups[:, _DEPTH, :, 0] = np.log(depth)
    groups[:, _FIRST_JOINT:] = np.swapaxes(motion.quat_wxyz, 1, 2)
    return groups


def _from_groups(motion: FilledMotion, groups: Array) -> FilledMotion:
    depth = np.exp(groups[:, _DEPTH, :, :1])
    translation = np.concatenate([groups[:, _RAY, :, :2] * depth, depth], axis=-1)
    quat = normalise_quat_wxyz(np.swapaxes(groups[:, _FIRST_JOINT:], 1, 2))
    # Held frames follow the frame they come from, wherever smoothing has led it.
    held = (motion.state == FrameState.HELD)[..., None]
    translation = np.where(held, np.take_along_axis(translation, motion.nearest[..., None], axis=1), translation)
    from_nearest = np.take_along_axis(quat, motion.nearest[..., None, None], axis=1)
    quat = align_quat_signs(np.where(held[..., None], from_nearest, quat), axis=1)
    absent = (motion.state == FrameState.ABSENT)[..., None]
    return replace(
        motion,
        translation_m=np.where(absent, motion.translation_m, translation),
        quat_wxyz=np.where(absent[..., None], motion.quat_wxyz, quat),
    )


def _second_difference(groups: Array) -> Array:
    """(2, G, F - 2) lengths."""
    return np.linalg.norm(groups[..., 2:, :] - 2 * groups[..., 1:-1, :] + groups[..., :-2, :], axis=-1)


def _noise(measured: Array, linked: NDArray[np.bool_]) -> Array:
    """(2, G) typical second difference of the noise alone, from fourth differences, in which slow motion vanishes."""
    second = measured[..., 2:, :] - 2 * measured[..., 1:-1, :] + measured[..., :-2, :]
    if second.shape[2] < 3:
        return np.full(measured.shape[:2], _LEAST_NOISE)
    fourth = np.linalg.norm(second[..., 2:, :] - 2 * second[..., 1:-1, :] + second[..., :-2, :], axis=-1)
    known = np.broadcast_to(linked[..., 2:] & linked[..., 1:-1] & linked[..., :-2], fourth.shape)
    middle = np.ma.median(np.ma.masked_array(fourth, ~known), axis=-1).filled(0.0)
    # White noise of variance 1 has fourth differences of variance 70 and second differences of variance 6.
    return np.maximum(middle * np.sqrt(6.0 / 70.0), _LEAST_NOISE)


def _solve(weight: Array, stiffness: Array, measured: Array) -> Array:
    """Minimise the cost above for all groups at once.

    The equations have five diagonals; they are factored as L D L^T and solved frame by frame.

    Parameters
    ----------
    weight : (2, 1, F), stiffness (2, G, F - 2), measured (2, G, F, C)
    """
    count = measured.shape[2]
    main = np.broadcast_to(weight, measured.shape[:3]).copy()
    main[..., :-2] += stiffness
    main[..., 1:-1] += 4 * stiffness
    main[..., 2:] += stiffness
    first, second = np.zeros(main.shape), stiffness  # below the diagonal by one and by two
    first[..., 1:-1] -= 2 * stiffness
    first[..., 2:] -= 2 * stiffness
    # Frames first, so that each step of the recursion works on a contiguous block.
    main, first, second = (np.moveaxis(a, 2, 0)[..., None] for a in (main, first, second))
    value = np.moveaxis(np.broadcast_to(weight, measured.shape[:3])[..., None] * measured, 2, 0).copy()
    pivot, one, two = np.empty(main.shape), np.zeros(main.shape), np.zeros(main.shape)
    for t in range(count):
        pivot[t] = main[t]
        if t > 1:
            two[t] = second[t - 2] / pivot[t - 2]
            pivot[t] -= two[t] ** 2 * pivot[t - 2]
            value[t] -= two[t] * value[t - 2]
        if t > 0:
            one[t] = first[t] / pivot[t - 1] - (two[t] * pivot[t - 2] * one[t - 1] / pivot[t - 1] if t > 1 else 0.0)
            pivot[t] -= one[t] ** 2 * pivot[t - 1]
            value[t] -= one[t] * value[t - 1]
    value /= pivot
    for t in range(count - 2, -1, -1):
        value[t] -= one[t + 1] * value[t + 1]
        if t < count - 2:
            value[t] -= two[t + 2] * value[t + 2]
    return np.moveaxis(value, 0, 2)
