"""An anatomical frame for every joint, from the rest pose alone, so that any MANO-layout model gets the same rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .joints import JOINT_COUNT, MIDDLE_MCP, PARENTS, TIP_PARENTS, Side

Array = NDArray[np.float64]

_INDEX_MCP, _PINKY_MCP, _THUMB_CMC, _THUMB_IP = 1, 7, 13, 15
THUMB_PAD_TOWARDS_PALM_DEG = 45.0
"""How far the pad of a thumb that lies in the palm's plane looks out of that plane (0: towards the little finger; 90:
where the palm looks). Lifting the thumb out of the plane turns it about itself by as much: lifted by 45 degrees, its
nail stands at right angles to the other nails. Measured on the open hand's nail: 29 degrees lifted, pad at 16."""


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
    towards = np.tile(palmar, (JOINT_COUNT, 1))
    towards[_THUMB_CMC:] = _thumb_pad_directions(points, along[_THUMB_CMC:], palmar, ulnar)
    z_axis = _unit(towards - along * np.sum(towards * along, axis=-1, keepdims=True))
    return np.stack([np.cross(along, z_axis), along, z_axis], axis=-1)


def _thumb_pad_directions(points: Array, along: Array, palmar: Array, ulnar: Array) -> Array:
    """(3, 3) where the pad of the thumb looks, for its three bones: what bending moves towards."""
    lifted = np.arcsin(np.clip(_unit(points[_THUMB_IP] - points[_THUMB_CMC]) @ palmar, -1, 1))
    angle = np.deg2rad(THUMB_PAD_TOWARDS_PALM_DEG) - lifted
    in_plane = _unit(np.cross(palmar, along))
    in_plane = in_plane * np.where(in_plane @ ulnar < 0, -1, 1)[:, None]
    out_of_plane = _unit(palmar - along * (along @ palmar)[:, None])
    return np.cos(angle) * in_plane + np.sin(angle) * out_of_plane


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
