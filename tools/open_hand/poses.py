"""Hand poses by anatomical angles (degrees): random ones to learn correctives from, named ones to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.hands.joint_axes import joint_frames
from inference.hands.joints import JOINT_COUNT
from inference.hands.rotations import rotvec_to_matrix

from .rest_pose import first_joint

Array = NDArray[np.float64]

LONG_FINGERS = ("index", "middle", "ring", "pinky")


class Poser:
    """Turns flexion, spread and twist of every joint into local rotation matrices of one hand."""

    def __init__(self, points_m: Array) -> None:
        self._frames = joint_frames(points_m, "right")

    def matrices(self, angles_deg: Array) -> Array:
        """Angles (..., 16, 3) about the joint's X (flexion), Z (spread), Y (twist) to matrices (..., 16, 3, 3)."""
        angles = np.deg2rad(angles_deg)
        frames = self._frames
        parts = [rotvec_to_matrix(angles[..., [k]] * frames[..., :, axis]) for k, axis in enumerate((0, 2, 1))]
        # Spread happens in the palm's frame, flexion in the finger's, twist last.
        return parts[1] @ parts[0] @ parts[2]


def random_angles(count: int, random: np.random.Generator) -> Array:
    """(N, 16, 3) poses all over the range of a hand: curls shared by the fingers, own curls, spreads, thumb."""
    angles = np.zeros((count, JOINT_COUNT, 3))
    together = random.uniform(-0.1, 1.05, count)
    own = random.uniform(0, 1, count) < 0.5
    for finger in LONG_FINGERS:
        first = first_joint(finger)
        curl = np.where(own, random.uniform(-0.1, 1.05, count), together + random.normal(0, 0.15, count))
        for k, most in enumerate((85, 105, 75)):
            share = np.clip(curl + random.normal(0, 0.2, count), -0.25 if k == 0 else -0.05, 1.08)
            angles[:, first + k, 0] = most * share
        angles[:, first, 1] = random.normal(0, 11, count)
        angles[:, first : first + 3, 2] = random.normal(0, [6, 2, 2], (count, 3))
    thumb = first_joint("thumb")
    angles[:, thumb] = random.uniform([-30, -35, -25], [40, 35, 25], (count, 3))
    angles[:, thumb + 1] = random.uniform([-15, -12, -8], [70, 12, 8], (count, 3))
    angles[:, thumb + 2] = random.uniform([-25, -3, -3], [85, 3, 3], (count, 3))
    return angles


def named_angles() -> dict[str, Array]:
    """The six poses a hand model is judged by, (16, 3) each; skin presses on skin as in life."""

    def pose(curls: dict[str, tuple[float, float, float]], spreads: dict[str, float] | None = None) -> Array:
        angles = np.zeros((JOINT_COUNT, 3))
        for finger, bends in curls.items():
            angles[first_joint(finger) : first_joint(finger) + 3, 0] = bends
        for finger, spread in (spreads or {}).items():
            angles[first_joint(finger), 1] = spread
        return angles

    fist = {
        "index": (78.0, 99.0, 46.0),
        "middle": (84.0, 102.0, 52.0),
        "ring": (82.0, 102.0, 52.0),
        "pinky": (78.0, 102.0, 52.0),
    }
    together = {"index": 4.0, "middle": -4.0, "ring": -3.0, "pinky": -15.0, "thumb": -17.0}
    return {
        "flat": pose({}),
        "fist": pose({**fist, "thumb": (12.0, 50.0, 53.0)}, together),
        "pinch": pose({"index": (52.0, 48.0, 22.0), "middle": (15.0, 15.0, 8.0), "thumb": (13.0, 12.0, 19.0)}),
        "point": pose({**fist, "index": (0.0, 0.0, 0.0), "thumb": (13.0, 49.0, 54.0)}, {**together, "index": 0.0}),
        "spread": pose({"thumb": (-20.0, -5.0, -10.0)}, {"index": -12.0, "middle": -2.0, "ring": 10.0, "pinky": 20.0}),
        "thumb across": pose({"thumb": (35.0, 50.0, 60.0)}),
    }
