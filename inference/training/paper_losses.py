"""The paper's six loss terms (reference/network.md, "Training"), supervised at every stage.

Each hand is looked at relative to its middle MCP joint and divided by its palm length, so that a picture, which shows
no scale, has one answer. Predictions are divided by the palm of their rest pose, targets by their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..hands.joints import MIDDLE_MCP, PARENTS
from ..networks.mesh_net import MeshOutput

_SHORTEST_PALM_MM: Final = 1e-8
_GLOBAL_ROTATION: Final = 3
_BONE_ENDS: Final = tuple(range(1, len(PARENTS)))
_BONE_STARTS: Final = tuple(PARENTS[1:])


@dataclass(frozen=True)
class LossWeights:
    """Weights of the six terms; the defaults are the paper's."""

    joints: float = 10.0
    offsets: float = 1.0
    bones: float = 100.0
    shape: float = 0.1
    consistency: float = 0.01
    regulariser: float = 0.1
    pose_in_regulariser: float = 0.1


class LossTargets(NamedTuple):
    """What B samples should give: hand 0 right, 1 left.

    Parameters
    ----------
    points_mm : (B, 2, 21, 3) camera axes, both hands in one frame
    points_valid : (B, 2, 21) one where the point counts, else zero
    hand_present : (B, 2)
    betas : (B, 2, S)
    fit_valid : (B, 2) whether the betas of a hand are annotated
    presence_valid : (B,) whether it is sure which hands are in the picture: where it is not, `hand_present` is a guess
    """

    points_mm: Tensor
    points_valid: Tensor
    hand_present: Tensor
    betas: Tensor
    fit_valid: Tensor
    presence_valid: Tensor


class _Stages(NamedTuple):
    """All stages' predictions, stacked: S stages, B samples, two hands."""

    points: Tensor
    """(S, B, 2, 21, 3) relative to the middle MCP joint, in rest palm lengths."""
    rest_joints: Tensor
    """(S, B, 2, 16, 3) in rest palm lengths."""
    betas: Tensor
    pose_rotvec: Tensor


def paper_losses(
    output: MeshOutput, targets: LossTargets, weights: LossWeights, *, authors_regulariser: bool
) -> dict[str, Tensor]:
    """The weighted terms, each a scalar: sums over stages, joints and coordinates, divided by the batch size.

    Parameters
    ----------
    output : with rest joints at every stage (``every_stage``)
    authors_regulariser : reproduce the authors' slip, which also pulls the left hand's global rotation to zero; without
        it neither hand's is
    """
    stages = _stacked(output)
    count = targets.points_mm.shape[0]
    target_points, target_palms_mm = _relative_to_palm(targets.points_mm, _palm(targets.points_mm))
    valid = targets.points_valid.to(stages.points.dtype)
    both_valid = valid[:, 0] * valid[:, 1]
    both_present = (targets.hand_present[:, 0] * targets.hand_present[:, 1]).to(valid.dtype)
    fitted = (targets.hand_present * targets.fit_valid).to(valid.dtype)

    joints = ((stages.points - target_points).abs() * valid[..., None]).sum()
    offsets = _offset_errors(stages.points, output.trans, targets.points_mm, target_palms_mm, both_valid)
    bones_valid = valid[..., _BONE_ENDS] * valid[..., _BONE_STARTS]
    target_bones = _bone_lengths(target_points)
    bones = ((_bone_lengths(stages.rest_joints) - target_bones).square() * bones_valid).sum()
    shape = ((stages.betas - targets.betas).square() * fitted[..., None]).sum()
    consistency = ((stages.betas[:, :, 0] - stages.betas[:, :, 1]).square() * both_present[:, None]).sum()
    pose = stages.pose_rotvec.clone()
    pose[:, :, 0, :_GLOBAL_ROTATION] = 0
    if not authors_regulariser:
        pose[:, :, 1, :_GLOBAL_ROTATION] = 0
    regulariser = stages.betas.square().sum() + weights.pose_in_regulariser * pose.square().sum()
    return {
        "joints": weights.joints * joints / count,
        "offsets": weights.offsets * offsets / count,
        "bones": weights.bones * bones / count,
        "shape": weights.shape * shape / count,
        "consistency": weights.consistency * consistency / count,
        "regulariser": weights.regulariser * regulariser / count,
    }


def _stacked(output: MeshOutput) -> _Stages:
    hands = list(zip(output.right, output.left, strict=True))
    rest_joints = [[stage.rest_joints_mm for stage in pair] for pair in hands]
    if any(joints is None for pair in rest_joints for joints in pair):
        raise ValueError("The losses need the rest joints of every stage: run the network with every_stage.")

    def stack(parts: list[list[Tensor]]) -> Tensor:
        # Sums of squares over thousands of numbers: never in half precision.
        return torch.stack([torch.stack(pair, dim=1) for pair in parts]).float()

    rest = stack([[joints for joints in pair if joints is not None] for pair in rest_joints])
    points, palms_mm = _relative_to_palm(stack([[stage.points_mm for stage in pair] for pair in hands]), _palm(rest))
    return _Stages(
        points=points,
        rest_joints=rest / palms_mm,
        betas=stack([[stage.betas for stage in pair] for pair in hands]),
        pose_rotvec=stack([[stage.pose_rotvec for stage in pair] for pair in hands]),
    )


def _palm(points: Tensor) -> Tensor:
    """(..., 1, 1) palm lengths of points (..., 16 or 21, 3)."""
    lengths = (points[..., MIDDLE_MCP, :] - points[..., 0, :]).norm(dim=-1)
    return lengths.clamp_min(_SHORTEST_PALM_MM)[..., None, None]


def _relative_to_palm(points_mm: Tensor, palms_mm: Tensor) -> tuple[Tensor, Tensor]:
    return (points_mm - points_mm[..., MIDDLE_MCP : MIDDLE_MCP + 1, :]) / palms_mm, palms_mm


def _offset_errors(
    points: Tensor, trans: Tensor, target_mm: Tensor, target_palms_mm: Tensor, both_valid: Tensor
) -> Tensor:
    """Squared errors of the vectors from each right point to the left one, in the frames of both hands."""
    ratio, shift = trans[:, None, :1].float(), trans[:, None, 1:].float()
    right, left = points[:, :, 0], points[:, :, 1]
    in_right = (left + shift) * ratio.exp() - right
    in_left = left - (right * (-ratio).exp() - shift)
    # Both hands of a target lie in one frame: its offsets need no transform.
    apart_mm = target_mm[:, 1] - target_mm[:, 0]
    total = in_right.new_zeros(())
    for predicted, palms_mm in ((in_right, target_palms_mm[:, 0]), (in_left, target_palms_mm[:, 1])):
        # Where a hand is missing its palm is nothing: chosen before squaring, so that nothing overflows.
        counts = both_valid[..., None] > 0
        target = torch.where(counts, apart_mm / palms_mm, torch.zeros_like(apart_mm))
        error = torch.where(counts, predicted - target, torch.zeros_like(predicted))
        total = total + (error.square() * both_valid[..., None]).sum()
    return total


def _bone_lengths(points: Tensor) -> Tensor:
    """(..., 15) wrist to MCP to PIP to DIP of the five fingers, of points (..., 16 or 21, 3)."""
    return (points[..., _BONE_ENDS, :] - points[..., _BONE_STARTS, :]).norm(dim=-1)
