"""Where skin differs: blood near the surface, nails and palm, as values at the vertices of any hand model."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...inference.hands.joints import FINGERS, JOINT_COUNT, TIP_PARENTS
from ...inference.hands.model import HandModel

Array = NDArray[np.float64]

_NAIL_HALF_WIDTHS: Final = (0.0066, 0.0052, 0.0054, 0.0052, 0.0044)
_NAIL_HALF_LENGTHS: Final = (0.0068, 0.0056, 0.0058, 0.0056, 0.0048)
"""Metres: thumb, index, middle, ring, pinky, on an adult's hand of `_NAIL_HAND_M`."""
_NAIL_HAND_M: Final = 0.182
_PALM_JOINTS: Final = (0, 13)


def skin_zones(model: HandModel) -> Array:
    """(V, 3) from 0 to 1 at the model's mean shape: blood (knuckles, fingertips, palm), nail, palm side."""
    points, tips = model.joint_template, model.v_template[model.tip_vertices]
    at, normals = model.v_template, _vertex_normals(model.v_template, model.triangles)
    owner = np.argmax(model.lbs_weights, axis=1)
    palmar = np.sum(normals * model.joint_axes[owner][:, :, 2], axis=1)
    palm, back = _step(palmar, -0.25, 0.45), _step(-palmar, 0.0, 0.5)

    blood = np.zeros(len(at))
    for joint in range(1, JOINT_COUNT):
        if FINGERS[(joint - 1) // 3] == "thumb" and joint % 3 == 1:
            continue  # the thumb's base lies deep in the palm
        width = 0.010 if joint % 3 == 1 else 0.007
        strength = 0.8 if joint % 3 != 0 else 0.5
        along = np.abs((at - points[joint]) @ model.joint_axes[joint][:, 1])
        near = _bump(np.linalg.norm(at - points[joint], axis=1), 0.016)
        blood = np.maximum(blood, strength * back * near * _bump(along, width))
    tip_distance = np.linalg.norm(at[:, None] - tips, axis=-1).min(axis=1)
    blood = np.maximum(blood, (0.35 + 0.55 * palm) * _bump(tip_distance, 0.014))
    blood = np.maximum(blood, 0.35 * palm * np.isin(owner, _PALM_JOINTS))
    nail = _nails(model, at, normals, tips)
    return np.stack([blood * (1 - nail), nail, palm * (1 - nail)], axis=-1)


def _nails(model: HandModel, at: Array, normals: Array, tips: Array) -> Array:
    """Plates of the shape of a superellipse on the backs of the fingertips."""
    scale = float(np.linalg.norm(tips[2] - model.joint_template[0])) / _NAIL_HAND_M
    nail = np.zeros(len(at))
    for tip, joint in enumerate(TIP_PARENTS):
        across, along, palmar = model.joint_axes[joint].T
        half_length, half_width = scale * _NAIL_HALF_LENGTHS[tip], scale * _NAIL_HALF_WIDTHS[tip]
        offset = at - (tips[tip] - 1.25 * half_length * along)
        shape = (np.abs(offset @ along / half_length) ** 3.5 + np.abs(offset @ across / half_width) ** 3.5) ** (1 / 3.5)
        on_the_back = _step(-(normals @ palmar), 0.1, 0.35) * (np.linalg.norm(offset, axis=1) < 0.02 * scale)
        nail = np.maximum(nail, on_the_back * _step(-shape, -1.15, -0.85))
    return nail


def _vertex_normals(vertices: Array, triangles: NDArray[np.int32]) -> Array:
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    faces, normals = np.cross(b - a, c - a), np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], faces)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _bump(distance: Array, width: float) -> Array:
    return np.exp(-((distance / width) ** 2))


def _step(value: Array, low: float, high: float) -> Array:
    part = np.clip((value - low) / (high - low), 0.0, 1.0)
    return part * part * (3 - 2 * part)
