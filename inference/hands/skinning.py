"""Posing a hand model in numpy: shape, pose correctives, linear blend skinning (reference/mano.md, "Posing")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .joints import JOINT_COUNT, PARENTS
from .model import HandModel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PosedHand:
    """Vertices (..., V, 3) and the 21 points (..., 21, 3), metres, in the frame of the given translation."""

    vertices_m: Array
    points_m: Array


def shaped_rest(model: HandModel, betas: ArrayLike) -> tuple[Array, Array]:
    """Rest vertices (..., V, 3) and joints (..., 16, 3) in metres for betas (..., S)."""
    shape = np.asarray(betas, dtype=np.float64)
    vertices = model.v_template + np.einsum("vcs,...s->...vc", model.shapedirs, shape)
    joints = model.joint_template + np.einsum("jcs,...s->...jc", model.joint_shapedirs, shape)
    return vertices, joints


def forward_kinematics(rotations: ArrayLike, rest_joints_m: ArrayLike, wrist_m: ArrayLike) -> tuple[Array, Array]:
    """Chain local rotations along the hand.

    Parameters
    ----------
    rotations : (..., 16, 3, 3) local rotation matrices, absolute (mean pose added); joint 0 turns the whole hand
    rest_joints_m : (..., 16, 3) rest joints, metres
    wrist_m : (..., 3) position of the wrist joint, metres

    The three leading shapes broadcast against each other.

    Returns
    -------
    world rotations (..., 16, 3, 3) and joint positions (..., 16, 3) in metres
    """
    local = np.asarray(rotations, dtype=np.float64)
    rest = np.asarray(rest_joints_m, dtype=np.float64)
    wrist = np.asarray(wrist_m, dtype=np.float64)
    lead = np.broadcast_shapes(local.shape[:-3], rest.shape[:-2], wrist.shape[:-1])
    world, position = np.empty((*lead, JOINT_COUNT, 3, 3)), np.empty((*lead, JOINT_COUNT, 3))
    world[..., 0, :, :], position[..., 0, :] = local[..., 0, :, :], wrist
    for joint in range(1, JOINT_COUNT):
        parent = PARENTS[joint]
        world[..., joint, :, :] = world[..., parent, :, :] @ local[..., joint, :, :]
        offset = (rest[..., joint, :] - rest[..., parent, :])[..., None]
        position[..., joint, :] = position[..., parent, :] + (world[..., parent, :, :] @ offset)[..., 0]
    return world, position


def pose_hand(model: HandModel, rotations: ArrayLike, betas: ArrayLike, wrist_m: ArrayLike) -> PosedHand:
    """Vertices and 21 points of a posed hand.

    Parameters
    ----------
    rotations : (..., 16, 3, 3) local rotation matrices, absolute
    betas : (..., S)
    wrist_m : (..., 3) where the wrist joint is to lie, metres

    The three leading shapes broadcast against each other.
    The same layer in torch is `torch_layer.HandLayer`; both are tested against each other and against smplx.
    """
    local = np.asarray(rotations, dtype=np.float64)
    rest_vertices, rest_joints = shaped_rest(model, betas)
    feature = (local[..., 1:, :, :] - np.eye(3)).reshape(*local.shape[:-3], -1)
    corrected = rest_vertices + np.einsum("vcp,...p->...vc", model.posedirs, feature, optimize=True)
    world, joints = forward_kinematics(local, rest_joints, wrist_m)
    # Each joint carries its vertices: R (v - J_rest) + J_posed, blended by the weights.
    shift = joints - (world @ rest_joints[..., None])[..., 0]
    blended = np.einsum("vj,...jab->...vab", model.lbs_weights, world, optimize=True)
    vertices = (blended @ corrected[..., None])[..., 0] + np.einsum("vj,...ja->...va", model.lbs_weights, shift)
    return PosedHand(vertices, np.concatenate([joints, vertices[..., model.tip_vertices, :]], axis=-2))
