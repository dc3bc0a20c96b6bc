"""Skinning weights by bone heat (Baran & Popović, "Automatic Rigging and Animation of 3D Characters", 2007).

Computed here, not taken from the source, because the joints were moved to where the real ones are.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse.linalg as sparse_linalg
from numpy.typing import NDArray
from scipy import sparse

from inference.hands.joints import FINGERS, JOINT_COUNT

from .mesh import border_vertices, cotangent_laplacian, split_quads
from .rest_pose import first_joint

Array = NDArray[np.float64]

HEAT = 20.0
"""Heat a bone gives to its nearest vertices, relative to 1/distance^2. Sharper than usual (1), so that flesh keeps its
thickness in a fist; the pose correctives do the smoothing."""
NEAREST_M = 0.003
"""Bones are not lines: no skin is nearer to one than this (the last bone would end in its fingertip)."""
MAX_INFLUENCES = 4
"""Game engines and phones take four bones a vertex."""
WRIST_RIM_M = 0.018
"""So far from the open rim the fingers' pull fades out: the rim itself follows the wrist alone and fits a forearm."""
CARPUS = (-0.012, 0.0, 0.0)
"""Where the four metacarpals start to fan out, metres in the model's frame at betas 0."""


def bone_segments(joints: Array, tips: Array) -> list[tuple[int, Array, Array]]:
    """Bones as (joint that carries them, start, end); the wrist carries the palm's four metacarpals."""
    # The row of carpal bones reaches from the wrist to the base of the thumb.
    segments = [(0, joints[0], np.array(CARPUS)), (0, joints[0], joints[first_joint("thumb")])]
    order = {"thumb": 0, "index": 1, "middle": 2, "ring": 3, "pinky": 4}
    for finger in FINGERS:
        first = first_joint(finger)
        if finger != "thumb":
            segments.append((0, np.array(CARPUS), joints[first]))
        chain = [joints[first], joints[first + 1], joints[first + 2], tips[order[finger]]]
        segments += [(first + k, chain[k], chain[k + 1]) for k in range(3)]
    return segments


def bone_heat_weights(vertices: Array, joints: Array, tips: Array, quads: NDArray[np.int32]) -> Array:
    """(V, 16) weights, at most `MAX_INFLUENCES` not zero in a row, rows sum to one."""
    return keep_strongest(full_heat_weights(vertices, joints, tips, quads), MAX_INFLUENCES)


def full_heat_weights(vertices: Array, joints: Array, tips: Array, quads: NDArray[np.int32]) -> Array:
    """(V, 16) equilibrium temperatures: every vertex is heated by its nearest bone and cooled by its neighbours."""
    segments = bone_segments(joints, tips)
    distance = np.stack([_distance_to_segment(vertices, start, end) for _, start, end in segments])
    distance = np.maximum(distance, NEAREST_M)
    nearest = np.argmin(distance, axis=0)
    owner = np.array([joint for joint, _, _ in segments])[nearest]
    laplacian, mass = cotangent_laplacian(vertices, split_quads(quads))
    heating = HEAT * mass / np.min(distance, axis=0) ** 2
    solve = sparse_linalg.factorized((laplacian + sparse.diags(heating)).tocsc())
    weights = np.stack([solve(heating * (owner == joint)) for joint in range(JOINT_COUNT)], axis=1)
    rim = vertices[border_vertices(quads)]
    from_rim = np.linalg.norm(vertices[:, None] - rim, axis=-1).min(axis=1, keepdims=True)
    fade = np.clip(from_rim / WRIST_RIM_M, 0, 1)
    weights[:, 1:] *= fade * fade * (3 - 2 * fade)
    weights[:, 0] = 1 - weights[:, 1:].sum(axis=1)
    return weights


def keep_strongest(weights: Array, count: int) -> Array:
    """Drop all but the `count` largest weights of every row."""
    kept = np.where(weights >= np.sort(weights, axis=1)[:, [-count]], weights, 0)
    return kept / kept.sum(axis=1, keepdims=True)


def _distance_to_segment(points: Array, start: Array, end: Array) -> Array:
    along = end - start
    share = np.clip((points - start) @ along / max(along @ along, 1e-12), 0, 1)
    return np.linalg.norm(points - start - share[:, None] * along, axis=1)
