"""From Anny's relaxed hand to the rest pose of the model: MANO frame, straight flat fingers, anatomical joints.

Anny's finger bones start at the webs; a real knuckle (metacarpophalangeal joint) lies deeper in the palm and the base
of the thumb nearer to the wrist. Their places along the straightened fingers follow the mean bone lengths of
Buryanov & Kotiuk, "Proportions of Hand Segments", Int. J. Morphol. 28(3):755-758, 2010.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.hands.joint_axes import joint_frames
from inference.hands.joints import FINGERS, JOINT_COUNT, MIDDLE_MCP

from .mesh import adjacency, border_vertices, split_quads, vertex_normals

Array = NDArray[np.float64]

PROXIMAL_BONE_STRETCH = {"index": 1.36, "middle": 1.19, "ring": 1.18, "pinky": 1.18}
"""How much longer the first finger bone becomes when it starts at the knuckle instead of the web: the knuckles then lie
at half the hand's length, the middle one farthest out, as in the cited bone lengths."""
THUMB_METACARPAL_TO_PROXIMAL = 46.22 / 31.57
"""Length ratio of the thumb's first two bones (Buryanov & Kotiuk 2010, table of means)."""
THUMB_PROXIMAL_KEPT = 0.85
"""Share of Anny's first thumb phalanx that is bone: its start lies inside the ball of the thumb, not at the joint."""
TOWARDS_PAD = {"index": 0.09, "middle": 0.09, "ring": 0.09, "pinky": 0.09, "thumb": 0.075}
"""Anny's joints lie just under the back of the finger. The heads of the bones, which the fingers turn about, lie at
two fifths of the thickness: so far towards the pad, in lengths of the finger's middle (thumb: first) phalanx."""
FOLDED, UNFOLDING_STEPS = 0.4, 6
"""A face whose normal agrees with its corners' normals less than this (cosine) counts as folded."""
SPREAD_KEPT = 0.6
"""Share of Anny's sideways spread that the rest pose keeps: fingers apart, but not stretched apart."""


def first_joint(finger: str) -> int:
    """MANO index of a finger's first joint."""
    return 1 + 3 * FINGERS.index(finger)


@dataclass(frozen=True)
class RestHands:
    """N straightened hands in the MANO frame, wrist joint at the origin: vertices (N, V, 3), joints (N, 16, 3)."""

    vertices: Array
    joints: Array


def to_mano_frame(vertices: Array, joints: Array) -> tuple[Array, Array]:
    """Move wrists to the origin and turn: fingers -x, palm -y, thumb +z (right hand)."""
    x_axis = _unit(joints[:, 0] - joints[:, MIDDLE_MCP])
    across = joints[:, first_joint("index")] - joints[:, first_joint("pinky")]
    z_axis = _unit(across - x_axis * np.sum(across * x_axis, axis=-1, keepdims=True))
    axes = np.stack([x_axis, np.cross(z_axis, x_axis), z_axis], axis=1)
    origin = joints[:, :1]
    return (vertices - origin) @ axes.swapaxes(1, 2), (joints - origin) @ axes.swapaxes(1, 2)


def find_fingertips(vertices: Array, joints: Array, weights: Array) -> NDArray[np.int32]:
    """(5,) the outermost vertex of each finger along its last bone: thumb, index, middle, ring, pinky."""
    tips = []
    for finger in ("thumb", "index", "middle", "ring", "pinky"):
        last = first_joint(finger) + 2
        candidates = np.flatnonzero(weights[:, last] > 0.5)
        along = _unit(vertices[candidates].mean(axis=0) - joints[last])
        tips.append(candidates[np.argmax((vertices[candidates] - joints[last]) @ along)])
    return np.array(tips, dtype=np.int32)


def straighten(vertices: Array, joints: Array, weights: Array) -> RestHands:
    """Give every hand the same straight, flat fingers by turning its finger bones (linear blend skinning)."""
    middle_joints = joints.mean(axis=0)
    turns = np.tile(np.eye(3), (len(vertices), JOINT_COUNT, 1, 1))
    for finger in FINGERS:
        first = first_joint(finger)
        pad = np.flatnonzero(weights[:, first + 2] > 0.9)
        ends = [joints[:, first + 1], joints[:, first + 2], vertices[:, pad].mean(axis=1)]
        bones = [_unit(end - joints[:, first + k]) for k, end in enumerate(ends)]
        if finger == "thumb":
            # Its metacarpal moves with the first phalanx: the line through both is what the joints are put on.
            bones[0] = bones[1]
            target = _unit(middle_joints[first + 2] - middle_joints[first + 1])
        else:
            target = middle_joints[first + 1] - middle_joints[first]
            target = _unit(target * [1.0, 0.0, SPREAD_KEPT])
        for k, bone in enumerate(bones):
            turns[:, first + k] = _shortest_turn(bone, target)
    return RestHands(*_carry(vertices, joints, weights, turns))


def place_anatomical_joints(joints: Array, tips: Array) -> Array:
    """(N, 16, 3) joints moved along the straight fingers to where the bones begin, and towards their middle.

    `tips` (N, 5, 3) are the fingertips; with them the thumb's pad is known to look where bending leads.
    """
    placed = joints.copy()
    for finger, stretch in PROXIMAL_BONE_STRETCH.items():
        first = first_joint(finger)
        placed[:, first] = joints[:, first + 1] + stretch * (joints[:, first] - joints[:, first + 1])
    thumb = first_joint("thumb")
    proximal = THUMB_PROXIMAL_KEPT * (joints[:, thumb + 2] - joints[:, thumb + 1])
    placed[:, thumb + 1] = joints[:, thumb + 2] - proximal
    placed[:, thumb] = placed[:, thumb + 1] - THUMB_METACARPAL_TO_PROXIMAL * proximal
    frames = joint_frames(np.concatenate([placed, tips], axis=1).mean(axis=0), "right")
    for finger, share in TOWARDS_PAD.items():
        first = first_joint(finger)
        bone = placed[:, first + 2] - placed[:, first + 1]
        pad = frames[first + 1, :, 2] if finger == "thumb" else np.array([0.0, -1.0, 0.0])
        shift = share * np.linalg.norm(bone, axis=-1, keepdims=True) * pad
        placed[:, first : first + 3] += shift[:, None]
    return placed


def unfold(vertices: Array, quads: NDArray[np.int32]) -> Array:
    """(N, V, 3) hands whose webs are smoothed where straightening turned a face against its neighbours.

    Which vertices move is decided on the mean hand, so that every hand is treated alike.
    """
    mean = vertices.mean(axis=0)
    count = len(mean)
    corners = mean[quads]
    area = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals = vertex_normals(mean, split_quads(quads))
    agreement = np.einsum("pci,pi->pc", normals[quads], _unit(area)).min(axis=1)
    folded = np.zeros(count)
    folded[quads[agreement < FOLDED]] = 1
    graph = adjacency(quads, count)
    folded = np.minimum(folded + graph @ folded, 1)
    folded[border_vertices(quads)] = 0
    average = graph.toarray() / np.asarray(graph.sum(axis=1)).reshape(-1, 1)
    step = np.eye(count) + 0.5 * folded[:, None] * (average - np.eye(count))
    return np.linalg.matrix_power(step, UNFOLDING_STEPS) @ vertices


def _carry(vertices: Array, joints: Array, weights: Array, turns: Array) -> tuple[Array, Array]:
    """Linear blend skinning with the world rotations `turns` (N, 16, 3, 3) of every bone."""
    moved = joints.copy()
    for finger in FINGERS:
        first = first_joint(finger)
        for joint in (first + 1, first + 2):
            offset = joints[:, joint] - joints[:, joint - 1]
            moved[:, joint] = moved[:, joint - 1] + _turn(turns[:, joint - 1], offset)
    result = np.zeros_like(vertices)
    for joint in range(JOINT_COUNT):
        local = (vertices - joints[:, joint, None]) @ turns[:, joint].swapaxes(1, 2)
        result += weights[:, joint, None] * (local + moved[:, joint, None])
    return result, moved


def _turn(matrices: Array, vectors: Array) -> Array:
    return (matrices @ vectors[..., None])[..., 0]


def _shortest_turn(sources: Array, target: Array) -> Array:
    """(N, 3, 3) the smallest rotations that take unit vectors (N, 3) to one unit vector (3,)."""
    axis = np.cross(sources, target)
    cosine = sources @ target
    skew = np.zeros((len(sources), 3, 3))
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    skew -= skew.swapaxes(1, 2)
    return np.eye(3) + skew + skew @ skew / (1 + cosine)[:, None, None]


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
