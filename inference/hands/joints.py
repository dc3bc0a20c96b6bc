"""Joint orders and the kinematic tree of a MANO-layout hand (../shared/reference/mano.md, "Posing")."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

Side = Literal["right", "left"]

SIDES: Final[tuple[Side, Side]] = ("right", "left")
"""Hand 0 is the right, hand 1 the left, in every array of this project."""

FINGERS: Final = ("index", "middle", "pinky", "ring", "thumb")
"""Finger order of the 15 finger joints (MANO puts the pinky before the ring finger)."""

JOINT_NAMES: Final = ("wrist", *(f"{finger}{segment}" for finger in FINGERS for segment in (1, 2, 3)))
PARENTS: Final = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
TIP_NAMES: Final = ("thumb_tip", "index_tip", "middle_tip", "ring_tip", "pinky_tip")
TIP_PARENTS: Final = (15, 3, 6, 12, 9)
"""Last joint of the finger that each fingertip belongs to, in the order of `TIP_NAMES`."""

JOINT_COUNT: Final = 16
POINT_COUNT: Final = 21
MIDDLE_MCP: Final = 4
POINT_NAMES: Final = (*JOINT_NAMES, *TIP_NAMES)
"""The 21 points of a hand: 16 joints in MANO order, then the five tips."""

MANO_TO_OPENPOSE: Final = np.array([0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20])
"""``points[MANO_TO_OPENPOSE]`` re-orders our 21 points to OpenPose/MediaPipe order."""

OPENPOSE_TO_MANO: Final = np.argsort(MANO_TO_OPENPOSE)
"""``landmarks[OPENPOSE_TO_MANO]`` re-orders OpenPose/MediaPipe landmarks to our 21 points."""

MANO_TO_INTERHAND: Final = np.array([16, 15, 14, 13, 17, 3, 2, 1, 18, 6, 5, 4, 19, 12, 11, 10, 20, 9, 8, 7, 0])
"""``points[MANO_TO_INTERHAND]`` re-orders our 21 points to InterHand2.6M order (tips first, wrist last)."""

SKELETON_EDGES: Final = tuple((PARENTS[joint], joint) for joint in range(1, JOINT_COUNT)) + tuple(
    (parent, JOINT_COUNT + tip) for tip, parent in enumerate(TIP_PARENTS)
)
"""Parent-child pairs among the 21 points, for drawing and for bone lengths."""
