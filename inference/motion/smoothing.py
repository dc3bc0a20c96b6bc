"""Smoothing of whole clips: without delay, on the rotations themselves, weighted by how sure each frame is.

The Whittaker smoother (`whittaker.py`) looks ahead as far as back and so delays nothing. Its stiffness gives way where
the motion is more sudden than the clip's own noise explains (`sudden.py`), so that a clap stays a clap. Rotations are
unit quaternions in one hemisphere, smoothed as vectors and brought back to length one: there are no Euler angles and
nothing can flip. Directions to the wrist and its depth are smoothed apart from each other: depth is by far the noisier
of the two.
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
from .sudden import corner_scores, kept_at_corners, kept_by_misfit, noise_of
from .whittaker import ORDER, whittaker

Array = NDArray[np.float64]

DEFAULT_STRENGTH: Final = 0.5

_RAY, _DEPTH, _WRIST, _GROUPS = 0, 1, 2, 2 + JOINT_COUNT
_FINGERS: Final = slice(_WRIST + 1, _GROUPS)
_CHANNELS: Final = 4
_COMPONENTS: Final = np.array([2, 1] + [3] * JOINT_COUNT)
_HIGHEST_CUTOFF_HZ: Final = 21.0
_LOWEST_CUTOFF_HZ: Final = 1.0
"""Cut-off at strength 0, where it hardly matters any more, and at strength 1, at 30 frames a second; evenly in octaves
between. It grows with the root of the frame rate: noise comes afresh with every frame, motion does not."""
_REFERENCE_FPS: Final = 30.0
_DEPTH_FACTOR: Final = 8.0
"""How much more the depth is smoothed than the rest."""
_WRIST_NOISE_M, _DEPTH_NOISE, _TURN_NOISE_RAD = 0.001, 0.008, float(np.deg2rad(1.25))
"""Of the fit of landmarks, frame by frame: of the wrist across the view, of its depth as a share, of each joint."""
_LEAST_NOISE, _MOST_NOISE = 1.0, 3.0
"""A clip's own noise is believed between these multiples of the typical one."""
_BRIDGED_WEIGHT: Final = 1e-2
_LEAST_WEIGHT: Final = 0.05
_ROUNDS: Final = 4
_LEAST_KEPT: Final = 1e-6


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
    if strength <= 0 or count <= ORDER:
        return motion
    rate_fps = fps if fps > 0 else UNKNOWN_RATE_FPS
    stiffness = _stiffness(min(strength, 1.0), rate_fps)
    measured = _as_groups(motion)
    known = motion.state == FrameState.MEASURED
    live = known | (motion.state == FrameState.BRIDGED)
    sure = np.where(known, np.maximum(confidence, _LEAST_WEIGHT), 0.0)
    weight = np.where(known, sure, np.where(live, _BRIDGED_WEIGHT, 1.0))
    typical = _typical_noise(measured, known)
    noise = np.clip(_pooled_noise(measured, known), _LEAST_NOISE * typical, _MOST_NOISE * typical)
    # The stronger the user smooths, the more of the motion itself is meant.
    boldness = 1.0 / max(1e-6, 1.0 - max(0.0, 2.0 * strength - 1.0)) ** 2
    scores = corner_scores(measured, sure, noise, rate_fps)
    # What strikes the hand turns and stops it at once.
    scores[:, [_RAY, _WRIST]] = np.maximum(scores[:, [_RAY]], scores[:, [_WRIST]])
    kept = kept_at_corners(scores, boldness)
    # Nothing is smoothed across a held stretch: the hand may have done anything meanwhile.
    kept *= np.min([live[:, k : count - ORDER + k] for k in range(ORDER + 1)], axis=0)[:, None]
    smooth = whittaker(weight[:, None], stiffness[:, None] * kept, measured)
    for _ in range(_ROUNDS - 1):
        residual = (measured - smooth) * sure[:, None, :, None]
        misfit = kept_by_misfit(residual, noise, _COMPONENTS, boldness)
        kept *= np.maximum(misfit, _LEAST_KEPT)
        smooth = whittaker(weight[:, None], stiffness[:, None] * kept, measured)
    return _from_groups(motion, smooth)


def _stiffness(strength: float, fps: float) -> Array:
    """(G,) of each group."""
    cutoff_hz = _HIGHEST_CUTOFF_HZ * (_LOWEST_CUTOFF_HZ / _HIGHEST_CUTOFF_HZ) ** strength
    cutoff_hz *= np.sqrt(fps / _REFERENCE_FPS)
    stiffness = np.full(_GROUPS, (2 * np.pi * cutoff_hz / fps) ** (-2.0 * ORDER))
    stiffness[_DEPTH] *= _DEPTH_FACTOR
    return stiffness


def _typical_noise(measured: Array, known: NDArray[np.bool_]) -> Array:
    """(2, G) spread of one component, as the fit of landmarks has it for hands at this distance."""
    noise = np.full((2, _GROUPS), _TURN_NOISE_RAD / 2)
    noise[:, _DEPTH] = _DEPTH_NOISE
    for hand in range(2):
        if known[hand].any():
            noise[hand, _RAY] = _WRIST_NOISE_M / np.exp(np.median(measured[hand, _DEPTH, known[hand], 0]))
    return noise


def _pooled_noise(measured: Array, known: NDArray[np.bool_]) -> Array:
    """(2, G) spread of one component; the fingers of a hand are as noisy as each other."""
    noise = noise_of(measured, known, _COMPONENTS)
    noise[:, _FINGERS] = np.sqrt(np.mean(noise[:, _FINGERS] ** 2, axis=1, keepdims=True))
    return noise


def _as_groups(motion: FilledMotion) -> Array:
    """(2, G, F, 4) direction and log-depth of the wrist, then one quaternion a joint; unused channels are zero."""
    hands, count = motion.state.shape
    groups = np.zeros((hands, _GROUPS, count, _CHANNELS))
    depth = np.where(motion.translation_m[..., 2] > 0, motion.translation_m[..., 2], 1.0)
    groups[:, _RAY, :, :2] = motion.translation_m[..., :2] / depth[..., None]
    groups[:, _DEPTH, :, 0] = np.log(depth)
    groups[:, _WRIST:] = np.swapaxes(motion.quat_wxyz, 1, 2)
    return groups


def _from_groups(motion: FilledMotion, groups: Array) -> FilledMotion:
    depth = np.exp(groups[:, _DEPTH, :, :1])
    translation = np.concatenate([groups[:, _RAY, :, :2] * depth, depth], axis=-1)
    quat = normalise_quat_wxyz(np.swapaxes(groups[:, _WRIST:], 1, 2))
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
