"""Named hand poses (CC0, made for this project), by anatomical angles, so that they fit any hand and both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .joint_limits import SIDE_SIGNS
from .joints import FINGERS, JOINT_COUNT, Side
from .model import HandModel
from .rotations import rotvec_to_quat_wxyz

Array = NDArray[np.float64]

LICENCE: Final = "CC0-1.0"


@dataclass(frozen=True)
class Finger:
    """Flexion of the three joints from the knuckle outwards, and abduction of the first (towards the little finger)."""

    knuckle_deg: float = 0.0
    middle_deg: float = 0.0
    end_deg: float = 0.0
    abduction_deg: float = 0.0


@dataclass(frozen=True)
class Thumb:
    """Flexion, twist and abduction of the thumb's base, flexion of its other two joints, from the rest pose."""

    flexion_deg: float = 0.0
    twist_deg: float = 0.0
    abduction_deg: float = 0.0
    middle_deg: float = 0.0
    end_deg: float = 0.0


@dataclass(frozen=True)
class HandPose:
    """Angles of the five fingers, and what the pose shows."""

    description: str
    thumb: Thumb
    index: Finger
    middle: Finger
    ring: Finger
    pinky: Finger


_STRAIGHT_TOGETHER = (Finger(0.0, 0.0, 0.0, -5.0), Finger(0.0, 0.0, 0.0, -11.0))
_CURLED = Finger(84.0, 102.0, 52.0, -1.0)
_INDEX_CURLED = Finger(78.0, 99.0, 46.0, 4.0)
_RING_CURLED = Finger(78.0, 102.0, 52.0, -1.0)
_PINKY_CURLED = Finger(83.0, 98.0, 52.0, -9.0)
_THUMB_OVER_FIST = Thumb(12.0, -3.0, -17.0, 49.0, 54.0)
_THUMB_OVER_RING = Thumb(23.0, 7.0, -1.0, 47.0, 52.0)
_THUMB_OUT = Thumb(-22.0, 0.0, 0.0, -5.0, -10.0)

POSES: Final[dict[str, HandPose]] = {
    "flat": HandPose("Flat hand, fingers together", Thumb(), Finger(0.0, 0.0, 0.0, 5.0), Finger(), *_STRAIGHT_TOGETHER),
    "relaxed": HandPose(
        "Hand at rest",
        Thumb(4.0, 0.0, 0.0, 12.0, 15.0),
        Finger(18.0, 24.0, 12.0, -2.0),
        Finger(24.0, 28.0, 14.0),
        Finger(28.0, 32.0, 16.0, 1.0),
        Finger(30.0, 34.0, 18.0, 4.0),
    ),
    "spread": HandPose(
        "Fingers spread as far as they go",
        Thumb(-22.0, 0.0, -4.0, -5.0, -10.0),
        Finger(-4.0, 0.0, 0.0, -13.0),
        Finger(-4.0, 0.0, 0.0, -2.0),
        Finger(-4.0, 0.0, 0.0, 10.0),
        Finger(-4.0, 0.0, 0.0, 21.0),
    ),
    "fist": HandPose("Fist, thumb outside", _THUMB_OVER_FIST, _INDEX_CURLED, _CURLED, _RING_CURLED, _PINKY_CURLED),
    "point": HandPose(
        "Pointing with the index finger",
        Thumb(14.0, 0.0, 3.0, 30.0, 25.0),
        Finger(2.0, 3.0, 2.0),
        Finger(70.0, 92.0, 45.0, -4.0),
        Finger(74.0, 94.0, 48.0, -3.0),
        Finger(76.0, 92.0, 48.0, -8.0),
    ),
    "thumbs_up": HandPose(
        "Thumb up", Thumb(-28.0, 0.0, 10.0, -8.0, -18.0), _INDEX_CURLED, _CURLED, _RING_CURLED, _PINKY_CURLED
    ),
    "pinch": HandPose(
        "Thumb and index finger hold something small",
        Thumb(24.0, -2.0, -8.0, 4.0, 2.0),
        Finger(52.0, 49.0, 23.0),
        Finger(32.0, 34.0, 18.0),
        Finger(28.0, 30.0, 16.0, 2.0),
        Finger(24.0, 28.0, 14.0, 5.0),
    ),
    "ok": HandPose(
        "Ring of thumb and index finger, the others spread",
        Thumb(21.0, 2.0, -1.0, 3.0, 4.0),
        Finger(47.0, 56.0, 32.0),
        Finger(18.0, 15.0, 8.0, -2.0),
        Finger(8.0, 10.0, 6.0, 6.0),
        Finger(0.0, 6.0, 4.0, 14.0),
    ),
    "peace": HandPose(
        "Index and middle finger up and apart",
        _THUMB_OVER_RING,
        Finger(-3.0, 2.0, 1.0, -12.0),
        Finger(-3.0, 2.0, 1.0, 10.0),
        _RING_CURLED,
        _PINKY_CURLED,
    ),
    "call_me": HandPose(
        "Thumb and little finger out",
        Thumb(-24.0, 0.0, -4.0, -8.0, -12.0),
        _INDEX_CURLED,
        _CURLED,
        _RING_CURLED,
        Finger(0.0, 3.0, 2.0, 22.0),
    ),
    "horns": HandPose(
        "Index and little finger up, thumb over the others",
        Thumb(14.0, 7.0, -6.0, 43.0, 45.0),
        Finger(0.0, 2.0, 1.0, -5.0),
        _CURLED,
        _RING_CURLED,
        Finger(0.0, 3.0, 2.0, 12.0),
    ),
    "i_love_you": HandPose(
        "Thumb, index and little finger out",
        _THUMB_OUT,
        Finger(0.0, 2.0, 1.0, -6.0),
        _CURLED,
        _RING_CURLED,
        Finger(0.0, 3.0, 2.0, 14.0),
    ),
    "count_one": HandPose(
        "Index finger up", _THUMB_OVER_FIST, Finger(0.0, 2.0, 1.0), _CURLED, _RING_CURLED, _PINKY_CURLED
    ),
    "count_two": HandPose(
        "Index and middle finger up, together",
        _THUMB_OVER_RING,
        Finger(0.0, 0.0, 0.0, 4.0),
        Finger(0.0, 0.0, 0.0, -2.0),
        _RING_CURLED,
        _PINKY_CURLED,
    ),
    "count_three": HandPose(
        "Index, middle and ring finger up",
        Thumb(33.0, 15.0, 2.0, 47.0, 48.0),
        Finger(0.0, 2.0, 1.0, -6.0),
        Finger(0.0, 2.0, 1.0),
        Finger(4.0, 3.0, 2.0, 6.0),
        Finger(80.0, 98.0, 50.0, -4.0),
    ),
    "count_four": HandPose(
        "Four fingers up, thumb across the palm",
        Thumb(33.0, 9.0, 3.0, 49.0, 55.0),
        Finger(0.0, 2.0, 1.0, -8.0),
        Finger(0.0, 2.0, 1.0, -1.0),
        Finger(0.0, 2.0, 1.0, 6.0),
        Finger(0.0, 2.0, 1.0, 13.0),
    ),
    "count_five": HandPose(
        "All five up, a little apart",
        Thumb(-14.0, 0.0, -2.0, 0.0, -4.0),
        Finger(0.0, 2.0, 1.0, -8.0),
        Finger(0.0, 2.0, 1.0, -1.0),
        Finger(0.0, 2.0, 1.0, 6.0),
        Finger(0.0, 2.0, 1.0, 13.0),
    ),
    "grasp_cylinder": HandPose(
        "Round a glass or a bar",
        Thumb(22.0, 6.0, -22.0, 16.0, 24.0),
        Finger(44.0, 52.0, 28.0, 2.0),
        Finger(48.0, 55.0, 30.0),
        Finger(52.0, 57.0, 32.0, -2.0),
        Finger(56.0, 58.0, 32.0, -4.0),
    ),
    "grasp_sphere": HandPose(
        "Round a ball",
        Thumb(14.0, 6.0, -26.0, 8.0, 16.0),
        Finger(28.0, 34.0, 20.0, -12.0),
        Finger(32.0, 38.0, 22.0, -2.0),
        Finger(32.0, 38.0, 22.0, 8.0),
        Finger(28.0, 36.0, 20.0, 18.0),
    ),
    "grasp_key": HandPose(
        "Thumb against the side of the index finger",
        Thumb(14.0, -2.0, 10.0, 6.0, 5.0),
        Finger(50.0, 72.0, 34.0),
        Finger(58.0, 78.0, 38.0),
        Finger(62.0, 80.0, 40.0, -3.0),
        Finger(66.0, 80.0, 40.0, -8.0),
    ),
    "grasp_pen": HandPose(
        "A pen between thumb, index and middle finger",
        Thumb(30.0, -5.0, -10.0, 9.0, 4.0),
        Finger(60.0, 44.0, 17.0),
        Finger(60.0, 55.0, 24.0, -3.0),
        Finger(60.0, 64.0, 32.0, -6.0),
        Finger(62.0, 68.0, 34.0, -10.0),
    ),
    "hook": HandPose(
        "Carrying a bag by its handle",
        Thumb(-2.0, 0.0, 2.0, 8.0, 8.0),
        Finger(6.0, 88.0, 52.0),
        Finger(6.0, 92.0, 55.0),
        Finger(8.0, 92.0, 55.0, -2.0),
        Finger(10.0, 90.0, 52.0, -4.0),
    ),
    "claw": HandPose(
        "Fingers spread and bent",
        Thumb(-12.0, 0.0, -8.0, 20.0, 40.0),
        Finger(-12.0, 58.0, 38.0, -12.0),
        Finger(-12.0, 62.0, 40.0, -2.0),
        Finger(-12.0, 62.0, 40.0, 9.0),
        Finger(-12.0, 58.0, 38.0, 19.0),
    ),
    "cup": HandPose(
        "Hollow hand, scooping water",
        Thumb(2.0, 0.0, 4.0, 14.0, 12.0),
        Finger(30.0, 18.0, 10.0, 3.0),
        Finger(34.0, 20.0, 10.0),
        Finger(37.0, 22.0, 12.0, -4.0),
        Finger(40.0, 24.0, 12.0, -9.0),
    ),
}
"""The 24 poses by name; every angle lies within `joint_limits.LIMITS`."""


def pose_angles_rad(pose: HandPose) -> Array:
    """(16, 3) flexion, twist and abduction of the joints in radians, in the right hand's meaning; the wrist's are 0."""
    angles = np.zeros((JOINT_COUNT, 3))
    for number, name in enumerate(FINGERS):
        finger: Finger | Thumb = getattr(pose, name)
        first = 1 + 3 * number
        if isinstance(finger, Thumb):
            angles[first] = finger.flexion_deg, finger.twist_deg, finger.abduction_deg
        else:
            angles[first] = finger.knuckle_deg, 0.0, finger.abduction_deg
        angles[first + 1, 0], angles[first + 2, 0] = finger.middle_deg, finger.end_deg
    return np.deg2rad(angles)


def joint_quat_wxyz(pose: HandPose, side: Side) -> Array:
    """(16, 4) local rotations in the joints' own anatomical frames: those of the bones in Blender."""
    return rotvec_to_quat_wxyz(pose_angles_rad(pose) * SIDE_SIGNS[side])


def local_quat_wxyz(pose: HandPose, model: HandModel) -> Array:
    """(16, 4) local rotations in the model's axes, absolute, as in a take; the wrist is not turned."""
    rotvec = pose_angles_rad(pose) * SIDE_SIGNS[model.side]
    return rotvec_to_quat_wxyz((model.joint_axes @ rotvec[..., None])[..., 0])
