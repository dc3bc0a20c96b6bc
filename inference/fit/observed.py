"""From what the nets saw to what the fit works on; what cannot be a hand is refused here, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..detect.observation import HandObservation
from ..hands.joints import POINT_COUNT, Side
from .kinematics import BONE_PARENTS, CHAIN_ORDER
from .objective import Observed

Array = NDArray[np.float64]

SMALLEST_BOX_PX: Final = 8.0
"""Landmarks in a smaller box hold no pose."""
FEWEST_POINTS: Final = 8
"""Fewer landmarks than this leave the pose open."""


def why_refused(observation: HandObservation) -> str | None:
    """One sentence saying why this observation cannot be fitted, or None where it can."""
    return _why_points_refused(observation.joints_px, observation.joints_confidence)


def _why_points_refused(joints_px: Array, confidence: Array) -> str | None:
    if joints_px.shape != (POINT_COUNT, 2) or confidence.shape != (POINT_COUNT,):
        return f"The hand has landmarks of shape {joints_px.shape} instead of ({POINT_COUNT}, 2)."
    usable = usable_points(joints_px, confidence)
    if usable.sum() < FEWEST_POINTS:
        return f"Only {int(usable.sum())} of {POINT_COUNT} landmarks are usable."
    points = joints_px[usable]
    side_px = float(np.ptp(points, axis=0).max())
    if side_px < SMALLEST_BOX_PX:
        return f"The hand is only {side_px:.0f} pixels large."
    if np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1] < 1e-3 * side_px:
        return "All landmarks lie on one line."
    return None


def usable_points(joints_px: Array, confidence: Array) -> NDArray[np.bool_]:
    """(..., 21) landmarks that are finite and have any confidence."""
    return np.isfinite(joints_px).all(axis=-1) & np.isfinite(confidence) & (confidence > 0)


def box_side_px(joints_px: Array, usable: NDArray[np.bool_]) -> Array:
    """(...) longer side of the box around the usable landmarks (..., 21, 2), at least `SMALLEST_BOX_PX`."""
    low = np.where(usable[..., None], joints_px, np.inf).min(axis=-2)
    high = np.where(usable[..., None], joints_px, -np.inf).max(axis=-2)
    side = np.where(usable.any(axis=-1), (high - low).max(axis=-1), 0.0)
    return np.maximum(side, SMALLEST_BOX_PX)


def observed_from_points(camera: Camera, joints_px: Array, confidence: Array, relative_m: Array | None) -> Observed:
    """Observations of N frames x H hands.

    Parameters
    ----------
    joints_px : (N, H, 21, 2) in the picture, MANO order then tips; may hold NaN
    confidence : (N, H, 21) from 0 to 1; zeros where a hand is not seen
    relative_m : (N, H, 21, 3) the nets' rough shape in camera axes, or None where it was not kept
    """
    usable = usable_points(joints_px, confidence)
    pixels = np.where(usable[..., None], joints_px, camera.principal_px)
    rays = (pixels - np.array(camera.principal_px)) / camera.focal_px
    weight = np.where(usable, np.clip(confidence, 0.0, 1.0), 0.0)
    bone_shape = (*pixels.shape[:2], POINT_COUNT - 1)
    bone_depth, bone_weight = np.zeros(bone_shape), np.zeros(bone_shape)
    if relative_m is not None:
        chain = relative_m[..., CHAIN_ORDER, :]
        bones = chain[..., 1:, :] - chain[..., BONE_PARENTS, :]
        length = np.linalg.norm(bones, axis=-1)
        known = np.isfinite(length) & (length > 1e-4)
        bone_depth = np.where(known, bones[..., 2] / np.where(known, length, 1.0), 0.0)
        of_points = weight[..., CHAIN_ORDER]
        bone_weight = known * np.minimum(of_points[..., 1:], of_points[..., BONE_PARENTS])
    return Observed(
        rays[..., CHAIN_ORDER, :],
        camera.focal_px / box_side_px(joints_px, usable),
        weight[..., CHAIN_ORDER],
        bone_depth,
        bone_weight,
    )


def stack_observations(
    observations: Mapping[Side, HandObservation], sides: Sequence[Side]
) -> tuple[Array, Array, Array]:
    """(1, H, ...) landmarks in pixels, confidences and relative points of one frame's hands, ordered as `sides`."""
    hands = [observations[side] for side in sides]
    return (
        np.stack([hand.joints_px for hand in hands])[None].astype(np.float64),
        np.stack([hand.joints_confidence for hand in hands])[None].astype(np.float64),
        np.stack([hand.joints_relative_m for hand in hands])[None].astype(np.float64),
    )
