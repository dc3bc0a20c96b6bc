"""What the hands do in the demo picture and in the demo clip, and the truth about it as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.interpolate import PchipInterpolator

from inference.hands.joints import JOINT_COUNT, SIDES, TIP_NAMES, Side
from inference.hands.model import HandModel
from inference.hands.skinning import pose_hand

from .poses import Angles, Finger, HandMotion, HandPose, motion_from_vectors
from .surface import Array

FPS: Final = 24
FRAME_COUNT: Final = 84
FOCAL_MM: Final = 28.0
"""35 mm equivalent: a phone's main camera."""
PICTURE_SIZE_PX: Final = (1280, 720)
CLIP_SIZE_PX: Final = (960, 540)
BETAS: Final = (0.4, -0.5, 0.3, 0.2)
"""First shape components of the person; the others are zero."""
TOUCH_TIME_S: Final = 1.83
TOUCH_GAP_M: Final = 0.004

Key = tuple[float, HandPose]


def _fingers(
    flex: Angles, index: float = -5.0, middle: float = -1.0, ring: float = 4.0, pinky: float = 9.0
) -> dict[str, Finger]:
    """The four fingers bent alike (the little finger a little more), with their spreads."""
    little = (flex[0] * 1.08, flex[1] * 1.05, flex[2])
    return {
        "index": Finger(flex, index),
        "middle": Finger((flex[0] * 1.02, flex[1], flex[2]), middle),
        "ring": Finger((flex[0] * 1.05, flex[1] * 1.03, flex[2]), ring),
        "pinky": Finger(little, pinky),
    }


_THUMB_OPEN: Final = Finger((-6.0, 4.0, 4.0), spread_deg=-8.0)
_THUMB_RELAXED: Final = Finger((4.0, 12.0, 14.0), spread_deg=2.0)
_THUMB_ACROSS: Final = Finger((10.0, 31.0, 38.0), spread_deg=-34.0, twist_deg=-30.0)
_OPEN: Final = {**_fingers((3.0, 6.0, 4.0), -12.0, -3.0, 7.0, 16.0), "thumb": _THUMB_OPEN}
_RELAXED: Final = {**_fingers((16.0, 24.0, 14.0)), "thumb": _THUMB_RELAXED}
_CUPPED: Final = {**_fingers((38.0, 46.0, 28.0), -3.0, 0.0, 2.0, 5.0), "thumb": Finger((12.0, 18.0, 20.0), 6.0)}
_FIST: Final = {**_fingers((66.0, 84.0, 46.0), -2.0, 0.0, 1.0, 2.0), "thumb": _THUMB_ACROSS}


def _mirror(pose: HandPose) -> HandPose:
    """The other hand in the mirror image of the pose."""
    flipped = {
        name: (-value[0], value[1], value[2])
        for name in ("wrist_m", "fingers_towards", "palm_towards", "elbow_m")
        for value in [getattr(pose, name)]
    }
    return replace(pose, **flipped)


_ELBOW: Final[Angles] = (0.23, 0.42, 0.33)
_START: Final = HandPose((0.120, 0.075, 0.46), (0.05, -1.0, 0.10), (-0.55, 0.05, -1.0), _ELBOW, **_RELAXED)


def _touch() -> HandPose:
    """The right hand's half of a window framed by both hands: backs to the camera, index tips together."""
    return HandPose(
        (0.090, 0.075, 0.46),
        (-0.42, -1.0, 0.10),
        (-0.30, 0.10, 1.0),
        _ELBOW,
        **{**_fingers((10.0, 12.0, 8.0), -12.0, -2.0, 6.0, 12.0), "thumb": Finger((8.0, 10.0, 10.0), spread_deg=10.0)},
    )


def _right_keys() -> list[Key]:
    spread = replace(_START, wrist_m=(0.130, 0.075, 0.45), fingers_towards=(0.10, -1.0, 0.06)).with_fingers(**_OPEN)
    wave = replace(_START, wrist_m=(0.125, 0.070, 0.45)).with_fingers(
        **{**_CUPPED, "ring": _FIST["ring"], "pinky": _FIST["pinky"]}
    )
    fist = replace(_START, wrist_m=(0.122, 0.065, 0.46)).with_fingers(**_FIST)
    back = HandPose((0.135, 0.075, 0.45), (0.02, -1.0, 0.05), (-0.45, 0.0, 0.9), _ELBOW, **_RELAXED)
    one = replace(_START, wrist_m=(0.120, 0.085, 0.45), palm_towards=(-0.35, 0.0, -1.0)).with_fingers(
        **{**_FIST, "index": _OPEN["index"]}
    )
    two = one.with_fingers(middle=_OPEN["middle"])
    times_s = (0.0, 0.3, 0.65, 0.88, 1.15, TOUCH_TIME_S - 0.07, TOUCH_TIME_S + 0.07, 2.25, 2.4, 2.78, 2.95, 3.2, 3.6)
    poses = (_START, spread, wave, fist, spread, _touch(), _touch(), back, back, one, one, two, two)
    return list(zip(times_s, poses, strict=True))


def _left_keys() -> list[Key]:
    start = _mirror(replace(_START, wrist_m=(0.125, 0.070, 0.45)))
    spread = replace(start, fingers_towards=(-0.12, -1.0, 0.06)).with_fingers(**_OPEN)
    cupped = start.with_fingers(**_CUPPED)
    touch = _mirror(_touch())
    apart = replace(touch, wrist_m=(-0.150, 0.080, 0.45), fingers_towards=(-0.05, -1.0, 0.1)).with_fingers(**_RELAXED)
    gone = replace(apart, wrist_m=(-0.47, 0.13, 0.45), elbow_m=(-0.52, 0.45, 0.33), fingers_towards=(-0.15, -1.0, 0.1))
    times_s = (0.0, 0.3, 0.6, 0.8, 1.05, 1.3, TOUCH_TIME_S - 0.07, TOUCH_TIME_S + 0.07, 2.2, 2.35, 2.8, 2.9, 3.35, 3.6)
    poses = (start, start, spread, spread, cupped, start, touch, touch, apart, apart, gone, gone, spread, spread)
    return list(zip(times_s, poses, strict=True))


def picture_poses() -> dict[Side, HandPose]:
    """The right hand shows its palm, the left one its back; both relaxed."""
    right = HandPose((0.118, 0.085, 0.455), (0.08, -1.0, 0.12), (-0.50, 0.10, -1.0), _ELBOW, **_RELAXED)
    right = right.with_fingers(
        thumb=_THUMB_OPEN,
        index=Finger((4.0, 10.0, 6.0), -9.0),
        ring=Finger((24.0, 34.0, 20.0), 4.0),
        pinky=Finger((30.0, 36.0, 20.0), 10.0),
    )
    left = HandPose((-0.112, 0.070, 0.45), (0.06, -1.0, 0.16), (0.30, 0.15, 1.0), _mirror(_START).elbow_m, **_RELAXED)
    left = left.with_fingers(
        index=Finger((10.0, 14.0, 8.0), -10.0), thumb=_THUMB_OPEN, pinky=Finger((20.0, 22.0, 12.0), 13.0)
    )
    return {"right": right, "left": left}


@dataclass(frozen=True)
class Performance:
    """Both hands over F frames, the truth of the demo's pictures.

    Parameters
    ----------
    models : right and left hand
    betas : (S,) the person's shape
    motions : right and left
    points_m : (2, F, 21, 3) joints and tips in camera axes, metres
    """

    models: tuple[HandModel, HandModel]
    betas: Array
    motions: tuple[HandMotion, HandMotion]
    points_m: Array


def perform_picture(model: HandModel) -> Performance:
    """The picture: one frame."""
    poses = picture_poses()
    return _perform(model, [poses[side].to_vector()[None] for side in SIDES])


def perform_clip(model: HandModel) -> Performance:
    """The clip: `FRAME_COUNT` frames at `FPS`."""
    time_s = np.arange(FRAME_COUNT) / FPS
    right, left = (_interpolate(keys, time_s, seed) for seed, keys in enumerate((_right_keys(), _left_keys())))
    return _perform(model, _bring_together(model, [right, left], time_s))


def _interpolate(keys: list[Key], time_s: Array, seed: int) -> Array:
    """(F, 37) between the keys without overshoot, with a living hand's small sway."""
    rows = PchipInterpolator([time for time, _ in keys], np.stack([pose.to_vector() for _, pose in keys]))(time_s)
    generator = np.random.default_rng(seed)
    amplitude = np.concatenate(
        [np.full(3, 0.0012), np.full(6, 0.012), np.zeros(3), np.tile([0.8, 0.8, 0.5, 0.5, 0.0], 5)]
    )
    for frequency_hz in (0.7, 1.3, 2.1):
        phase = generator.uniform(0, 2 * np.pi, rows.shape[1])
        rows = rows + amplitude * np.sin(2 * np.pi * frequency_hz * time_s[:, None] + phase)
    return rows


def _bring_together(model: HandModel, rows: list[Array], time_s: Array) -> list[Array]:
    """Shift both hands around the touch so that their index tips really meet, whatever the model's proportions."""
    tips = _perform(model, rows).points_m[:, :, JOINT_COUNT + TIP_NAMES.index("index_tip")]
    frame = int(np.argmin(np.abs(time_s - TOUCH_TIME_S)))
    between = tips[1, frame] - tips[0, frame]
    between = between + np.array([TOUCH_GAP_M, 0.0, 0.0])
    weight = np.exp(-(((time_s - TOUCH_TIME_S) / 0.28) ** 4))[:, None]
    for row, sign in zip(rows, (0.5, -0.5), strict=True):
        row[:, :3] += sign * between * weight
    return rows


def _perform(model: HandModel, rows: list[Array]) -> Performance:
    models = (model, model.mirrored())
    betas = np.zeros(model.shape_count)
    count = min(len(BETAS), model.shape_count)
    betas[:count] = BETAS[:count]
    motions = tuple(motion_from_vectors(hand, row) for hand, row in zip(models, rows, strict=True))
    points = [
        pose_hand(hand, motion.rotations, betas, motion.wrist_m).points_m
        for hand, motion in zip(models, motions, strict=True)
    ]
    return Performance(models, betas, (motions[0], motions[1]), np.stack(points))
