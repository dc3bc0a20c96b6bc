"""What a branch regresses about a hand's pose, and the rotations that it stands for."""

from __future__ import annotations

import torch
from torch import Tensor

from ..hands.joints import JOINT_COUNT
from ..hands.torch_layer import HandLayer, columns_to_matrix, matrix_to_rotvec
from .configuration import GlobalRotation

FINGER_SIZE = 3 * (JOINT_COUNT - 1)


def pose_code_size(kind: GlobalRotation) -> int:
    """Numbers of a pose: the global rotation, then 45 of the fingers."""
    return FINGER_SIZE + (3 if kind == "rotvec" else 6)


def read_pose_code(code: Tensor, layer: HandLayer, kind: GlobalRotation) -> tuple[Tensor, Tensor]:
    """Absolute local rotations (B, 16, 3, 3), and the pose as 48 rotation vector components (B, 48) in radians.

    The fingers are rotation vectors relative to the model's mean pose, whatever the kind: they turn little, about
    known axes. With ``columns`` a code of zeros is no global rotation.
    """
    if kind == "rotvec":
        return layer.rotations_from_rotvec(code.unflatten(1, (JOINT_COUNT, 3)), "mean"), code
    at_rest = torch.eye(3, dtype=code.dtype, device=code.device)[:2].flatten()
    whole_hand = columns_to_matrix(code[:, :6] + at_rest)
    fingers = code[:, 6:]
    # The layer turns the fingers' vectors into matrices; the global rotation already is one.
    vectors = torch.cat([torch.zeros_like(code[:, :3]), fingers], dim=1).unflatten(1, (JOINT_COUNT, 3))
    rotations = layer.rotations_from_rotvec(vectors, "mean")
    rotations = torch.cat([whole_hand.unsqueeze(1), rotations[:, 1:]], dim=1)
    return rotations, torch.cat([matrix_to_rotvec(whole_hand), fingers], dim=1)
