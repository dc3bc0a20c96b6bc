"""The hand model in torch: batched, differentiable, on CPU and CUDA. `skinning` is the same in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .joints import JOINT_COUNT, PARENTS
from .model import HandModel

PoseOrigin = Literal["flat", "mean"]
"""What a rotation vector of zero means: ``flat`` the rest pose (absolute rotations), ``mean`` the model's mean pose."""

_TAYLOR_ANGLE_SQUARED: Final = 1e-4
"""Below this squared angle (0.01 rad) three terms of the series are exact to double precision."""


class PosedHandTensors(NamedTuple):
    """Vertices (..., V, 3) and the 21 points (..., 21, 3), metres, in the frame of the given wrist position."""

    vertices_m: Tensor
    points_m: Tensor


def rotvec_to_matrix(rotvec: Tensor) -> Tensor:
    """Rotation vectors (..., 3) in radians to matrices (..., 3, 3), with finite gradients at every angle, 0 included.

    Rodrigues: ``R = I + a K + b K^2``, with K the cross-product matrix of the vector, a = sin(t) / t and
    b = (1 - cos(t)) / t^2. Around t = 0 both are taken from their series in t^2, which never divides by t.
    """
    x, y, z = rotvec.unbind(-1)
    squared = (rotvec * rotvec).sum(-1)
    small = squared < _TAYLOR_ANGLE_SQUARED
    # The branch that is not taken must stay finite too, or its gradient (0 times infinity) poisons the other.
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    half_sine = torch.sin(0.5 * angle) / angle
    a = torch.where(small, 1 - squared / 6 + squared * squared / 120, torch.sin(angle) / angle)
    b = torch.where(small, 0.5 - squared / 24 + squared * squared / 720, 2 * half_sine * half_sine)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    outer = rotvec.unsqueeze(-1) * rotvec.unsqueeze(-2)
    # K^2 = v v^T - t^2 I
    identity = torch.eye(3, dtype=rotvec.dtype, device=rotvec.device)
    diagonal = (1 - b * squared)[..., None, None] * identity
    return diagonal + a[..., None, None] * cross + b[..., None, None] * outer


def matrix_to_rotvec(matrix: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) to rotation vectors (..., 3), angles 0 to pi, with finite gradients.

    By way of the quaternion whose largest component is computed first (Shepperd's method), so that no root is taken
    of a number below one.
    """
    m = matrix.flatten(-2)
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = m.unbind(-1)
    # Row k: component k of the quaternion (w, x, y, z) times all four, times four.
    products = torch.stack(
        [
            torch.stack([1 + m00 + m11 + m22, m21 - m12, m02 - m20, m10 - m01], dim=-1),
            torch.stack([m21 - m12, 1 + m00 - m11 - m22, m10 + m01, m02 + m20], dim=-1),
            torch.stack([m02 - m20, m10 + m01, 1 - m00 + m11 - m22, m21 + m12], dim=-1),
            torch.stack([m10 - m01, m02 + m20, m21 + m12, 1 - m00 - m11 + m22], dim=-1),
        ],
        dim=-2,
    )
    largest = products.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    row = products.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    squared = row.gather(-1, largest.unsqueeze(-1))
    quaternion = 0.5 * row / squared.clamp_min(1e-12).sqrt()
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, axis = quaternion[..., :1], quaternion[..., 1:]
    sine_squared = (axis * axis).sum(-1, keepdim=True)
    small = sine_squared < 0.25 * _TAYLOR_ANGLE_SQUARED
    sine = torch.where(small, torch.ones_like(sine_squared), sine_squared).sqrt()
    ratio = sine_squared / (w * w).clamp_min(0.25)
    near = 2 / w.clamp_min(0.5) * (1 - ratio / 3 + ratio * ratio / 5)
    return axis * torch.where(small, near, 2 * torch.atan2(sine, w) / sine)


def columns_to_matrix(columns: Tensor) -> Tensor:
    """(..., 6), roughly the first and the second column of a matrix one after the other, to rotations (..., 3, 3).

    Gram-Schmidt; the third column is their cross product (Zhou et al., 2019: a continuous representation).
    """
    first = functional.normalize(columns[..., :3], dim=-1, eps=1e-8)
    second = columns[..., 3:]
    second = functional.normalize(second - (first * second).sum(-1, keepdim=True) * first, dim=-1, eps=1e-8)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


class HandLayer(nn.Module):
    """A `HandModel` as a torch module without parameters: its arrays are buffers that follow ``to`` and ``double``.

    Parameters
    ----------
    model : the hand, right or left
    dtype : floating-point type of the buffers; inputs must have it too
    """

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    lbs_weights: Tensor
    joint_template: Tensor
    joint_shapedirs: Tensor
    pose_mean_rotvec: Tensor
    tip_vertices: Tensor
    tip_template: Tensor
    tip_shapedirs: Tensor
    tip_posedirs: Tensor
    tip_weights: Tensor

    def __init__(self, model: HandModel, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.side = model.side
        self.shape_count = model.shape_count
        tips = model.tip_vertices
        arrays = {
            "v_template": model.v_template,
            # Matrices from components to flat offsets: one matrix product each, whatever the batch.
            "shapedirs": model.shapedirs.reshape(-1, model.shape_count).T,
            "posedirs": model.posedirs.reshape(-1, model.posedirs.shape[-1]).T,
            "lbs_weights": model.lbs_weights,
            "joint_template": model.joint_template,
            "joint_shapedirs": model.joint_shapedirs.reshape(-1, model.shape_count).T,
            "pose_mean_rotvec": model.pose_mean_rotvec,
            # The five fingertips once more, for where nothing but the 21 points is wanted.
            "tip_template": model.v_template[tips],
            "tip_shapedirs": model.shapedirs[tips].reshape(-1, model.shape_count).T,
            "tip_posedirs": model.posedirs[tips].reshape(-1, model.posedirs.shape[-1]).T,
            "tip_weights": model.lbs_weights[tips],
        }
        for name, array in arrays.items():
            # Not part of a state dict: a network's checkpoint must not carry a hand model, whose licence is its own.
            self.register_buffer(name, torch.tensor(array, dtype=dtype).contiguous(), persistent=False)
        self.register_buffer("tip_vertices", torch.tensor(model.tip_vertices, dtype=torch.long), persistent=False)

    def rotations_from_rotvec(self, rotvec: Tensor, origin: PoseOrigin) -> Tensor:
        """Local rotation matrices (..., 16, 3, 3), absolute, from rotation vectors (..., 16, 3) in radians.

        With `origin` ``"mean"`` the finger vectors are relative to the model's mean pose, which is added to them
        (InterShape, InterHand2.6M); joint 0, the whole hand, is always absolute.
        """
        if origin == "mean":
            fingers = rotvec[..., 1:, :] + self.pose_mean_rotvec
            rotvec = torch.cat([rotvec[..., :1, :], fingers], dim=-2)
        return rotvec_to_matrix(rotvec)

    def shaped_rest(self, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Rest vertices (..., V, 3) and rest joints (..., 16, 3) in metres for betas (..., S)."""
        vertices = self.v_template + (betas @ self.shapedirs).unflatten(-1, (-1, 3))
        return vertices, self.rest_joints(betas)

    def forward(self, rotations: Tensor, betas: Tensor, wrist_m: Tensor) -> PosedHandTensors:
        """Pose the hand.

        Parameters
        ----------
        rotations : (..., 16, 3, 3) local rotation matrices, absolute (mean pose added); joint 0 turns the whole hand
        betas : (..., S)
        wrist_m : (..., 3) where the wrist joint is to lie, metres

        The three leading shapes broadcast against each other.
        """
        rest_vertices, rest_joints = self.shaped_rest(betas)
        world, joints = forward_kinematics(rotations, rest_joints, wrist_m)
        corrected = rest_vertices + (_pose_feature(rotations) @ self.posedirs).unflatten(-1, (-1, 3))
        vertices = _skin(corrected, self.lbs_weights, world, joints, rest_joints)
        tips = vertices.index_select(-2, self.tip_vertices)
        return PosedHandTensors(vertices, torch.cat([joints, tips], dim=-2))

    def rest_joints(self, betas: Tensor) -> Tensor:
        """Rest joints (..., 16, 3) in metres for betas (..., S)."""
        return self.joint_template + (betas @ self.joint_shapedirs).unflatten(-1, (-1, 3))

    def points(self, rotations: Tensor, betas: Tensor, wrist_m: Tensor) -> Tensor:
        """The 21 points alone (..., 21, 3), metres; arguments as `forward`, without the cost of the vertices."""
        rest_joints = self.rest_joints(betas)
        world, joints = forward_kinematics(rotations, rest_joints, wrist_m)
        offsets = betas @ self.tip_shapedirs + _pose_feature(rotations) @ self.tip_posedirs
        corrected = self.tip_template + offsets.unflatten(-1, (-1, 3))
        return torch.cat([joints, _skin(corrected, self.tip_weights, world, joints, rest_joints)], dim=-2)


def _pose_feature(rotations: Tensor) -> Tensor:
    """(..., 135) what the pose correctives are multiplied by."""
    identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
    return (rotations[..., 1:, :, :] - identity).flatten(-3)


def _skin(corrected: Tensor, weights: Tensor, world: Tensor, joints: Tensor, rest_joints: Tensor) -> Tensor:
    """Vertices (..., V, 3): each joint carries its own, R (v - J_rest) + J_posed, blended by the weights (V, 16)."""
    shift = joints - (world @ rest_joints.unsqueeze(-1)).squeeze(-1)
    carried = torch.cat([world.flatten(-2), shift], dim=-1)  # (..., 16, 12)
    blended = weights @ carried  # (..., V, 12)
    return (blended[..., :9].unflatten(-1, (3, 3)) @ corrected.unsqueeze(-1)).squeeze(-1) + blended[..., 9:]


def forward_kinematics(rotations: Tensor, rest_joints_m: Tensor, wrist_m: Tensor) -> tuple[Tensor, Tensor]:
    """Chain local rotations along the hand, all joints of one depth of the tree at a time.

    Parameters
    ----------
    rotations : (..., 16, 3, 3) local rotation matrices, absolute
    rest_joints_m : (..., 16, 3) rest joints, metres
    wrist_m : (..., 3) position of the wrist joint, metres

    Returns
    -------
    world rotations (..., 16, 3, 3) and joint positions (..., 16, 3) in metres
    """
    levels, parents, order = _level_indices(rotations.device)
    offsets = (rest_joints_m[..., 1:, :] - rest_joints_m.index_select(-2, parents)).unsqueeze(-1)
    lead = torch.broadcast_shapes(rotations.shape[:-3], rest_joints_m.shape[:-2], wrist_m.shape[:-1])
    world = [rotations[..., :1, :, :].expand(*lead, 1, 3, 3)]
    position = [wrist_m.unsqueeze(-2).expand(*lead, 1, 3)]
    for joints, parents_within in levels:
        parent_world = world[-1].index_select(-3, parents_within)
        step = (parent_world @ offsets.index_select(-3, joints - 1)).squeeze(-1)
        position.append(position[-1].index_select(-2, parents_within) + step)
        world.append(parent_world @ rotations.index_select(-3, joints))
    return torch.cat(world, dim=-3).index_select(-3, order), torch.cat(position, dim=-2).index_select(-2, order)


def _levels() -> tuple[list[tuple[list[int], list[int]]], list[int]]:
    """Below the root, the joints of each depth with their parents' places in the depth above; and the order back."""
    levels: list[tuple[list[int], list[int]]] = []
    above, order = [0], [0]
    while len(order) < JOINT_COUNT:
        joints = [joint for joint in range(JOINT_COUNT) if PARENTS[joint] in above]
        levels.append((joints, [above.index(PARENTS[joint]) for joint in joints]))
        above = joints
        order += joints
    return levels, [order.index(joint) for joint in range(JOINT_COUNT)]


_LEVELS, _MANO_FROM_LEVELS = _levels()


class _LevelIndices(NamedTuple):
    levels: list[tuple[Tensor, Tensor]]
    parents: Tensor
    order: Tensor


@lru_cache(maxsize=8)
def _level_indices(device: torch.device) -> _LevelIndices:
    """`_levels` on a device, sent there once: a copy in the middle of the work would make a GPU wait."""
    # Never inference tensors, whatever the first caller is: autograd could not keep them.
    with torch.inference_mode(False):

        def index(numbers: Sequence[int]) -> Tensor:
            return torch.tensor(numbers, dtype=torch.long, device=device)

        levels = [(index(joints), index(within)) for joints, within in _LEVELS]
        return _LevelIndices(levels, index(PARENTS[1:]), index(_MANO_FROM_LEVELS))
