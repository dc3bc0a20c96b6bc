"""What makes a surface look like skin: colour, creases, knuckles and nails as values at the vertices."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.hands.joint_axes import joint_frames
from inference.hands.joints import FINGERS, JOINT_COUNT, PARENTS, TIP_PARENTS
from inference.hands.skinning import pose_hand

from .arm import Skin
from .surface import Array, vertex_normals

SKIN_LINEAR: Final = np.array([0.50, 0.265, 0.175])
"""Base colour of the back of the hand, linear RGB."""
PALM_LINEAR: Final = np.array([0.60, 0.33, 0.235])
BLOOD_LINEAR: Final = np.array([0.56, 0.16, 0.115])
NAIL_LINEAR: Final = np.array([0.66, 0.36, 0.29])
NAIL_RIM_LINEAR: Final = np.array([0.72, 0.60, 0.50])


@dataclass(frozen=True)
class Complexion:
    """Per vertex: `colour` (N, 3) linear RGB, `nail` (N,) from 0 to 1, `lift_m` (N,) displacement along the normal."""

    colour: Array
    nail: Array
    lift_m: Array


def paint(skin: Skin) -> Complexion:
    """Paint a hand at rest; everything follows from the joints, so any MANO-layout model can be painted."""
    model = skin.model
    identity = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    points = pose_hand(model, identity, skin.betas, np.zeros(3)).points_m
    points = points + _rest_wrist(skin)
    frames = joint_frames(points, model.side)
    at, normals = skin.rest_m, vertex_normals(skin.rest_m, skin.triangles)
    segments = _nearest_segment(at, points)
    palmar = np.einsum("nk,nk->n", normals, frames[segments][:, :, 2])
    palm_side, back_side = _step(palmar, -0.1, 0.45), _step(-palmar, 0.0, 0.5)

    crease, red, wrinkle = np.zeros(len(at)), np.zeros(len(at)), np.zeros(len(at))
    for finger in range(len(FINGERS)):
        thumb = FINGERS[finger] == "thumb"
        for segment in range(3):
            joint = 1 + 3 * finger + segment
            along, radius = _cylinder(at - points[joint], frames[joint][:, 1])
            if segment == 0:
                if not thumb:
                    red = np.maximum(red, 0.8 * back_side * _bump(radius, 0.012) * _bump(along, 0.009))
                    base = 0.48 * np.linalg.norm(points[joint + 1] - points[joint])
                    near = _near(segments, joint, radius, 0.016)
                    crease = np.maximum(crease, palm_side * near * _lines(along - base, (0.0, 0.0022)))
                continue
            near = _near(segments, joint, radius, 0.016)
            crease = np.maximum(crease, palm_side * near * _lines(along, (-0.0014, 0.0012)))
            offsets = (-0.0042, -0.002, 0.0, 0.0021, 0.0043) if segment == 1 else (-0.002, 0.0, 0.002)
            wrinkle = np.maximum(wrinkle, back_side * near * _lines(along, offsets))
            red = np.maximum(red, (0.9 if segment == 1 else 0.6) * back_side * near * _bump(along, 0.0065))
    tips = points[JOINT_COUNT:]
    tip_distance = np.linalg.norm(at[:, None] - tips, axis=-1).min(axis=1)
    red = np.maximum(red, 0.75 * palm_side * _bump(tip_distance, 0.011))
    for line in _palm_lines(points):
        near_palm = palm_side * np.isin(segments, _PALM_SEGMENTS)
        crease = np.maximum(crease, near_palm * np.exp(-((_distance_to_line(at, line, frames[0][:, 2]) / 0.0008) ** 2)))
    nail, rim, fold = _nails(at, normals, points, frames)

    mottled = 0.5 + 0.5 * _noise(at, 70.0, 3)
    colour = SKIN_LINEAR + palm_side[:, None] * (PALM_LINEAR - SKIN_LINEAR)
    palm_blood = 0.22 * palm_side * np.isin(segments, _PALM_SEGMENTS) * mottled
    blood = np.clip(0.55 * red + palm_blood + 0.10 * (mottled - 0.5), 0, 1)
    colour = colour + blood[:, None] * (BLOOD_LINEAR - colour)
    colour = colour * (1 - (0.30 * crease + 0.24 * wrinkle + 0.25 * fold))[:, None] ** np.array([0.7, 1.1, 1.2])
    colour = colour * (1 + 0.07 * _noise(at, 260.0, 5))[:, None]
    colour = colour + nail[:, None] * (NAIL_LINEAR - colour)
    colour = colour + rim[:, None] * (NAIL_RIM_LINEAR - colour)
    lift = -0.00032 * crease - 0.00016 * wrinkle - 0.00022 * fold + 0.00010 * _noise(at, 150.0, 7) * (1 - nail)
    return Complexion(np.clip(colour, 0.01, 1.0), nail, lift)


def _rest_wrist(skin: Skin) -> Array:
    """(3,) the wrist joint of the shaped rest hand: `pose_hand` puts it where it is told, `Skin.rest_m` keeps it."""
    model = skin.model
    return (model.joint_template + model.joint_shapedirs @ skin.betas)[0]


_PALM_SEGMENTS: Final = (0, 13)


def _nearest_segment(at: Array, points: Array) -> NDArray[np.int64]:
    """(N,) the joint whose bone lies nearest: 0 for the palm (bones from the wrist to the knuckles)."""
    ends = {PARENTS[joint]: joint for joint in range(1, JOINT_COUNT) if PARENTS[joint] > 0}
    ends |= {parent: JOINT_COUNT + tip for tip, parent in enumerate(TIP_PARENTS)}
    bones = [(joint, points[joint], points[end]) for joint, end in sorted(ends.items())]
    bones += [(0, points[0], points[joint]) for joint in range(1, JOINT_COUNT) if PARENTS[joint] == 0 and joint < 13]
    distance = np.stack([_distance_to_segment(at, start, end) for _, start, end in bones])
    return np.array([joint for joint, _, _ in bones])[np.argmin(distance, axis=0)]


def _distance_to_segment(at: Array, start: Array, end: Array) -> Array:
    axis = end - start
    part = np.clip((at - start) @ axis / (axis @ axis), 0.0, 1.0)
    return np.linalg.norm(at - start - part[:, None] * axis, axis=1)


def _distance_to_line(at: Array, line: Array, normal: Array) -> Array:
    """Distance to a polyline, seen along `normal`."""
    flat = at - (at @ normal)[:, None] * normal
    flat_line = line - (line @ normal)[:, None] * normal
    return np.min([_distance_to_segment(flat, start, end) for start, end in pairwise(flat_line)], axis=0)


def _cylinder(offset: Array, axis: Array) -> tuple[Array, Array]:
    along = offset @ axis
    return along, np.linalg.norm(offset - along[:, None] * axis, axis=1)


def _near(segments: NDArray[np.int64], joint: int, radius: Array, reach_m: float) -> Array:
    """One on the bones that meet at the joint, fading out with the distance from their axis."""
    return np.isin(segments, (joint, PARENTS[joint])).astype(np.float64) * np.exp(-((radius / reach_m) ** 6))


def _lines(along: Array, offsets: tuple[float, ...]) -> Array:
    return np.max([np.exp(-(((along - offset) / 0.00065) ** 2)) for offset in offsets], axis=0)


def _bump(distance: Array, width: float) -> Array:
    return np.exp(-((distance / width) ** 2))


def _step(value: Array, low: float, high: float) -> Array:
    part = np.clip((value - low) / (high - low), 0.0, 1.0)
    return part * part * (3 - 2 * part)


def _palm_lines(points: Array) -> list[Array]:
    """Heart, head and life line as polylines between mixtures of the palm's joints."""
    wrist, index, middle, pinky, ring, thumb = points[0], points[1], points[4], points[7], points[10], points[13]

    def mix(weights: tuple[float, float, float, float, float, float]) -> Array:
        return np.stack([wrist, index, middle, pinky, ring, thumb]).T @ np.array(weights, dtype=np.float64)

    heart = [
        (0.16, 0, 0, 0.96, -0.12, 0),
        (0.15, 0, 0, 0.35, 0.5, 0),
        (0.08, 0, 0.62, 0, 0.3, 0),
        (-0.1, 0.4, 0.7, 0, 0, 0),
    ]
    head = [
        (0.14, 0.98, 0, -0.12, 0, 0),
        (0.2, 0.45, 0.35, 0, 0, 0),
        (0.32, 0, 0.33, 0.1, 0.25, 0),
        (0.45, 0, 0, 0.55, 0, 0),
    ]
    life = [
        (0.16, 0.98, 0, -0.14, 0, 0), (0.25, 0.35, 0.3, 0, 0, 0.1), (0.42, 0, 0.38, 0, 0, 0.2),
        (0.68, 0, 0.17, 0.05, 0, 0.1), (0.9, 0, 0.06, 0.02, 0, 0.02),
    ]  # fmt: skip
    return [_smooth_line(np.stack([mix(row) for row in line])) for line in (heart, head, life)]


def _smooth_line(line: Array) -> Array:
    for _ in range(3):  # Chaikin's corner cutting
        inner = np.stack([0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]], axis=1)
        line = np.concatenate([line[:1], inner.reshape(-1, 3), line[-1:]])
    return line


def _nails(at: Array, normals: Array, points: Array, frames: Array) -> tuple[Array, Array, Array]:
    """Nail plate, its free edge and the fold of skin around it, each (N,) from 0 to 1."""
    nail, rim, fold = np.zeros(len(at)), np.zeros(len(at)), np.zeros(len(at))
    for tip, joint in enumerate(TIP_PARENTS):
        across, along, palmar = frames[joint].T
        half_width = 0.0062 if tip == 0 else (0.0042 if tip == 4 else 0.0050)
        length = 0.0058 if tip == 0 else (0.0042 if tip == 4 else 0.0050)
        offset = at - (points[JOINT_COUNT + tip] - 1.35 * length * along)
        u, v = (offset @ along) / length, (offset @ across) / half_width
        shape = (np.abs(u) ** 3.5 + np.abs(v) ** 3.5) ** (1 / 3.5)
        facing = _step(-(normals @ palmar), 0.05, 0.3) * (np.linalg.norm(offset, axis=1) < 0.02)
        plate = facing * _step(-shape, -1.06, -0.94)
        nail = np.maximum(nail, plate)
        rim = np.maximum(rim, plate * _step(u, 0.78, 0.92))
        fold = np.maximum(fold, facing * np.exp(-(((shape - 1.1) / 0.09) ** 2)))
    return nail, rim, fold


def _noise(at: Array, frequency: float, seed: int) -> Array:
    """Smooth noise in [-1, 1] about: a sum of sines in random directions (wave numbers in 1/m)."""
    generator = np.random.default_rng(seed)
    waves = generator.normal(0.0, 2 * np.pi * frequency / 2, (14, 3))
    phases = generator.uniform(0, 2 * np.pi, 14)
    return np.sin(at @ waves.T + phases).mean(axis=1) * 2.5
