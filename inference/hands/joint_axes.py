"""An anatomical frame for every joint, from the rest pose alone, so that any MANO-layout model gets the same rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .joints import JOINT_COUNT, MIDDLE_MCP, PARENTS, TIP_PARENTS, Side

Array = NDArray[np.float64]

_INDEX_MCP, _PINKY_MCP, _THUMB_CMC = 1, 7, 13
THUMB_FLEXION_TOWARDS_PALM_DEG = 45.0
"""The thumb's pad looks this far out of the palm's plane (0: along the plane, towards the little finger; 90: where
the palm looks)."""


def joint_frames(rest_points_m: ArrayLike, side: Side) -> Array:
    """Right-handed frames of the 16 joints in the model's rest axes.

    Parameters
    ----------
    rest_points_m : (21, 3) rest joints and fingertips, metres
    side : which hand it is

    Returns
    -------
    (16, 3, 3) matrices whose columns are: X, the flexion axis (a positive turn curls the finger towards the palm);
    Y, along the bone, away from the wrist; Z, the direction that curling moves the bone's end to.
    A turn about Z spreads sideways, a turn about Y twists.
    """
    points = np.asarray(rest_points_m, dtype=np.float64)
    ends = points[child_points()]
    along = _unit(ends - points[:JOINT_COUNT])
    to_index, to_pinky = points[_INDEX_MCP] - points[0], points[_PINKY_MCP] - points[0]
    palmar = _unit(np.cross(to_index, to_pinky) if side == "right" else np.cross(to_pinky, to_index))
    ulnar = points[_PINKY_MCP] - points[_INDEX_MCP]
    ulnar = _unit(ulnar - palmar * (ulnar @ palmar))
    angle = np.deg2rad(THUMB_FLEXION_TOWARDS_PALM_DEG)
    towards = np.tile(palmar, (JOINT_COUNT, 1))
    towards[_THUMB_CMC:] = np.cos(angle) * ulnar + np.sin(angle) * palmar
    z_axis = _unit(towards - along * np.sum(towards * along, axis=-1, keepdims=True))
    return np.stack([np.cross(along, z_axis), along, z_axis], axis=-1)


def child_points() -> list[int]:
    """For each of the 16 joints the next of the 21 points along its finger; for the wrist the middle knuckle."""
    children = [0] * JOINT_COUNT
    for joint in range(1, JOINT_COUNT):
        children[PARENTS[joint]] = joint
    for tip, parent in enumerate(TIP_PARENTS):
        children[parent] = JOINT_COUNT + tip
    children[0] = MIDDLE_MCP
    return children


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
