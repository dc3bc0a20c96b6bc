"""Hand poses by anatomical angles, turned into the local rotations of a MANO-layout hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.hands.joint_axes import joint_frames
from inference.hands.joint_limits import SIDE_SIGNS
from inference.hands.joints import FINGERS, JOINT_COUNT, Side
from inference.hands.model import HandModel
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import pose_hand

Array = NDArray[np.float64]
Angles = tuple[float, float, float]


@dataclass(frozen=True)
class Finger:
    """One finger in degrees: flexion of its three joints from the knuckle outwards, spread and twist of the first.

    A positive spread leads towards the little finger (for the thumb: into the palm's plane, across it).
    """

    flex_deg: Angles = (8.0, 12.0, 7.0)
    spread_deg: float = 0.0
    twist_deg: float = 0.0


@dataclass(frozen=True)
class HandPose:
    """A hand in camera axes (OpenCV: x right, y down, z forward).

    Parameters
    ----------
    wrist_m : wrist joint
    fingers_towards : direction from the wrist to the middle knuckle
    palm_towards : direction in which the palm looks (made perpendicular to the fingers)
    elbow_m : where the forearm comes from
    index, middle, ring, pinky, thumb : the fingers
    """

    wrist_m: Angles
    fingers_towards: Angles
    palm_towards: Angles
    elbow_m: Angles
    index: Finger = Finger(spread_deg=-5.0)
    middle: Finger = Finger(spread_deg=-1.0)
    ring: Finger = Finger(spread_deg=3.0)
    pinky: Finger = Finger(spread_deg=8.0)
    thumb: Finger = Finger((0.0, 8.0, 8.0), spread_deg=0.0)

    def with_fingers(self, **fingers: Finger) -> HandPose:
        """The same hand with some fingers replaced."""
        return replace(self, **fingers)

    def to_vector(self) -> Array:
        """(37,) every number of the pose in one row, for interpolation."""
        fingers = [(*f.flex_deg, f.spread_deg, f.twist_deg) for f in (getattr(self, name) for name in FINGERS)]
        return np.concatenate([self.wrist_m, self.fingers_towards, self.palm_towards, self.elbow_m, *fingers])


@dataclass(frozen=True)
class HandMotion:
    """F frames of one hand: local rotations (F, 16, 3, 3), wrist (F, 3) and elbow (F, 3) in camera axes, metres."""

    rotations: Array
    wrist_m: Array
    elbow_m: Array


def motion_from_vectors(model: HandModel, vectors: ArrayLike) -> HandMotion:
    """Rotations for rows of `HandPose.to_vector` (F, 37) on `model`."""
    rows = np.atleast_2d(np.asarray(vectors, dtype=np.float64))
    wrist, along, palm, elbow, angles = np.split(rows, [3, 6, 9, 12], axis=1)
    rotations = np.tile(np.eye(3), (len(rows), JOINT_COUNT, 1, 1))
    rotations[:, 0] = _hand_rotation(along, palm, model.side)
    frames = joint_frames(_rest_points(model), model.side)
    for finger in range(len(FINGERS)):
        flex, spread, twist = np.split(angles[:, 5 * finger : 5 * finger + 5], [3, 4], axis=1)
        for segment in range(3):
            joint = 1 + 3 * finger + segment
            zero = np.zeros((len(rows), 1))
            first = segment == 0
            turn_deg = np.hstack([flex[:, [segment]], twist if first else zero, spread if first else zero])
            in_frame = np.deg2rad(turn_deg) * SIDE_SIGNS[model.side]
            rotations[:, joint] = rotvec_to_matrix(in_frame @ frames[joint].T)
    return HandMotion(rotations, wrist, elbow)


def _hand_rotation(along: Array, palm: Array, side: Side) -> Array:
    """(F, 3, 3) that turns the rest pose (right: fingers -x, palm -y; left: fingers +x, palm -y) to the directions."""
    finger_axis = _unit(along)
    palm_axis = _unit(palm - finger_axis * np.sum(palm * finger_axis, axis=-1, keepdims=True))
    x_axis = -finger_axis if side == "right" else finger_axis
    return np.stack([x_axis, -palm_axis, np.cross(x_axis, -palm_axis)], axis=-1)


def _rest_points(model: HandModel) -> Array:
    identity = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    return pose_hand(model, identity, np.zeros(model.shape_count), np.zeros(3)).points_m


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
