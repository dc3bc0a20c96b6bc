"""Where a fit begins: several poses that explain the nets' rough shape, so that a wrong tilt or curl can lose."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.rotations import rotvec_to_matrix
from .kinematics import BONE_PARENTS, FINGER_COUNT, HandState, Skeletons
from .objective import Observed

Array = NDArray[np.float64]

START_COUNT: Final = 6
"""Starts that `fresh_starts` proposes for every hand."""

# In chain order: wrist and the five knuckles. The thumb's base moves against the palm and counts little.
_PALM: Final = np.array([0, 1, 5, 9, 13, 17])
_PALM_WEIGHT: Final = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.2])
_CURLED_DEG: Final = np.array([50.0, 70.0, 45.0])
_SHALLOWEST_M, _DEEPEST_M = 0.1, 20.0


def fresh_starts(skeletons: Skeletons, observed: Observed, relative_m: Array) -> HandState:
    """Starts for the hands of one frame.

    Parameters
    ----------
    observed : of one frame (N = 1)
    relative_m : (1, H, 21, 3) the nets' rough shape in camera axes, chain order; may hold NaN

    Returns
    -------
    START_COUNT states for every hand: the nets' pose; the same with depth reversed (a flat thing seen from afar looks
    the same tilted either way); and each tilt with relaxed and with curled fingers. Betas are zero.
    """
    shape = _with_picture_as_guide(observed, relative_m)[0]
    tilts = np.stack([shape, shape * [1.0, 1.0, -1.0]])  # (2, H, 21, 3)
    hands = shape.shape[0]
    wrist = _palm_rotation(skeletons, tilts)
    followed = _fingers_along(skeletons, wrist, tilts)
    relaxed = np.zeros((FINGER_COUNT, 3, 3))
    relaxed[skeletons.free] = skeletons.limits[:, 2]
    curled = relaxed.copy()
    curled[:-1, :, 0] = np.deg2rad(_CURLED_DEG)
    fingers = np.concatenate(
        [
            followed,
            np.broadcast_to(relaxed, (2, hands, *relaxed.shape)),
            np.broadcast_to(curled, (2, hands, *curled.shape)),
        ]
    )
    betas = np.zeros((START_COUNT, hands, skeletons.shape_count))
    state = HandState(np.zeros((START_COUNT, hands, 3)), np.concatenate([wrist] * 3), fingers, betas)
    state.translation_m = place(skeletons, state, observed)
    return state


def place(skeletons: Skeletons, state: HandState, observed: Observed) -> Array:
    """(N, H, 3) wrist positions that bring the posed hands onto their landmarks (linear least squares)."""
    centred = HandState(np.zeros_like(state.translation_m), state.wrist, state.finger_rotvec, state.betas)
    points = skeletons.points_m(centred)
    rays, weight = observed.rays, observed.weight
    # A point p + t lies on its ray (u, v) where p_x + t_x - u (p_z + t_z) = 0, and alike for y.
    offset = points[..., :2] - rays * points[..., 2:]
    total = np.maximum(weight.sum(-1), 1e-9)
    mean_ray = (weight[..., None] * rays).sum(-2) / total[..., None]
    mean_offset = (weight[..., None] * offset).sum(-2) / total[..., None]
    spread_ray, spread_offset = rays - mean_ray[..., None, :], offset - mean_offset[..., None, :]
    across = (weight[..., None] * spread_ray * spread_offset).sum((-1, -2))
    along = (weight[..., None] * spread_ray**2).sum((-1, -2))
    # A wrong start can ask for a hand behind the lens: its depth then follows from its size.
    size = np.sqrt((weight[..., None] * (points - points.mean(-2, keepdims=True))[..., :2] ** 2).sum((-1, -2)))
    by_size = size / np.sqrt(np.maximum(along, 1e-18))
    depth = across / np.maximum(along, 1e-18)
    depth = np.clip(np.where(depth > 0.3 * by_size, depth, by_size), _SHALLOWEST_M, _DEEPEST_M)
    sideways = mean_ray * depth[..., None] - mean_offset
    return np.concatenate([sideways, depth[..., None]], axis=-1)


def _with_picture_as_guide(observed: Observed, relative_m: Array) -> Array:
    """The rough shape with x and y from the picture (they are far better there), scaled alike; NaN becomes flat."""
    weight = observed.weight[..., None]
    total = np.maximum(weight.sum(-2, keepdims=True), 1e-9)
    known = np.isfinite(relative_m).all(axis=(-1, -2), keepdims=True)
    rough = np.where(known, relative_m, 0.0)
    rough = rough - (weight * rough).sum(-2, keepdims=True) / total
    rays = observed.rays - (weight * observed.rays).sum(-2, keepdims=True) / total
    energy = (weight * rays**2).sum((-1, -2), keepdims=True)
    scale = (weight * rays * rough[..., :2]).sum((-1, -2), keepdims=True) / np.maximum(energy, 1e-18)
    # Without a rough shape a palm of ordinary size sets the scale; depth then stays flat and the starts differ in curl.
    scale = np.where(known & (scale > 0), scale, 0.1 / np.sqrt(np.maximum(energy / 21.0, 1e-18)))
    seen = weight > 0
    return np.concatenate([np.where(seen, rays * scale, rough[..., :2]), rough[..., 2:]], axis=-1)


def _palm_rotation(skeletons: Skeletons, points: Array) -> Array:
    """(N, H, 3, 3) rotations that best turn each rest palm onto that of `points` (Kabsch)."""
    rest = skeletons.rest_m[:, _PALM]
    weight = _PALM_WEIGHT[:, None] / _PALM_WEIGHT.sum()
    rest = rest - (weight * rest).sum(-2, keepdims=True)
    seen = points[..., _PALM, :]
    seen = seen - (weight * seen).sum(-2, keepdims=True)
    left, _, right = np.linalg.svd(np.swapaxes(seen * weight, -1, -2) @ rest)
    left[..., :, 2] *= np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)[..., None]
    return left @ right


def _fingers_along(skeletons: Skeletons, wrist: Array, points: Array) -> Array:
    """(N, H, 5, 3, 3) joint angles that lead the bones along those of `points`, as far as the joints allow."""
    batch = points.shape[:2]
    bones = (points[..., 1:, :] - points[..., BONE_PARENTS, :]).reshape(*batch, FINGER_COUNT, 4, 3)
    angles = np.zeros((*batch, FINGER_COUNT, 3, 3))
    low, high = np.zeros((FINGER_COUNT, 3, 3)), np.zeros((FINGER_COUNT, 3, 3))
    low[skeletons.free], high[skeletons.free] = skeletons.limits[:, 0], skeletons.limits[:, 1]
    world = np.broadcast_to(wrist[:, :, None], (*batch, FINGER_COUNT, 3, 3))
    for joint in range(3):
        frames = skeletons.frames[:, :, joint]
        wanted = (np.swapaxes(world @ frames, -1, -2) @ bones[..., joint + 1, :, None])[..., 0]
        # The frame's Y lies along the bone at rest; flexion turns it towards Z, abduction towards -X.
        x, y, z = np.moveaxis(wanted * skeletons.vector_signs[:, None, None], -1, 0)
        flexion, sideways = np.arctan2(z, y), np.arctan2(-x, np.hypot(y, z))
        # Beyond a right angle sideways nothing can be meant; back over the hand is a wrong depth, not a flexion.
        flexion = np.where(flexion < -0.5 * np.pi, 0.5 * np.pi, flexion)
        turn = np.stack([flexion, np.zeros_like(flexion), sideways], axis=-1)
        angles[..., joint, :] = np.clip(turn, low[:, joint], high[:, joint])
        local = rotvec_to_matrix(angles[..., joint, :])
        world = world @ frames @ local @ np.swapaxes(frames, -1, -2)
    return angles
