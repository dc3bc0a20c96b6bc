"""The pair network: each hand read at full resolution in its own crop, both told of each other, stage by stage.

The paper's parts on another front: hand-pose-aware attention (Zhang et al., 2021, section 3.2) looks at a hand's
features where its joints, and where the other hand's joints, are; context-aware cascaded refinement (section 3.3)
corrects both hands from coarse to fine features, each knowing the other's pose and shape and the transform between
them. What differs: one backbone with one set of weights reads both hands, the left one mirrored, in turned crops that
somebody found before (reference/synthesis.md, "Recommended next").
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from ..hands.joints import MIDDLE_MCP
from ..hands.model import HandModel
from ..hands.torch_layer import HandLayer, matrix_to_rotvec
from .configuration import NetworkConfiguration
from .convolution import start_near_zero
from .hand_regions import axes_to_picture, cut_crops, to_crop, to_picture
from .heatmaps import JOINTS_PER_HAND, HeatmapSummary
from .intershape import Prediction
from .landmark_backbone import CROP_PX, FEATURE_CHANNELS, LandmarkBackbone
from .mesh_branches import SHAPE_SIZE, TRANSFORM_SIZE, ManoBranch, TransformBranch
from .mesh_net import MILLIMETRES, HandStage, MeshOutput, full_precision
from .pose_attention import fit_scale_and_shift, joint_attention
from .pose_code import pose_code_size, read_pose_code

_POINT_SIZE: Final = 3 * JOINTS_PER_HAND
_FARTHEST: Final = 3.0
"""In half crops: beyond, it does not matter where the other hand is."""
_MOST_PALMS: Final = 20.0
"""Apart: farther than any two hands of one person."""


class PairOutput(NamedTuple):
    """What training supervises besides the prediction; N = B pictures times 2 hands, right first.

    Parameters
    ----------
    points_px : the backbone's and each stage's (B, 2, 21, 3) in pixels of the crops (the left one mirrored), z relative
        to the wrist
    presence_logits : (B, 2) that the region shows the hand of this side
    joint_logits : (B, 2, 21) that the last stage's point is right
    regions : (B, 2, 5) that were looked at
    """

    points_px: list[Tensor]
    presence_logits: Tensor
    joint_logits: Tensor
    regions: Tensor


class _Hands(NamedTuple):
    """Both hands after one stage, each in the axes of its own crop, as right hands."""

    code: Tensor
    betas: Tensor
    points_px: Tensor
    """(B, 2, 21, 3)"""
    points_mm: Tensor
    vertices_mm: Tensor | None
    rest_joints_mm: Tensor | None
    rotations: Tensor
    pose_rotvec: Tensor


class Refinement(nn.Module):
    """One stage: features under the attention of both hands' joints, and everything known, to corrections.

    Parameters
    ----------
    channels : of the features
    known : how many numbers are known besides
    configuration : widths
    pose_size : of the pose code
    """

    def __init__(self, channels: int, known: int, configuration: NetworkConfiguration, pose_size: int) -> None:
        super().__init__()
        width = configuration.feature_channels
        self.reads = nn.Conv2d(channels, min(channels, width), 1)
        self.features = nn.Linear(2 * min(channels, width), width)
        self.branch = ManoBranch(width + known, configuration.branch_channels, pose_size, starts_small=True)
        self.points = nn.Linear(configuration.branch_channels, _POINT_SIZE)
        start_near_zero(self.points)

    def forward(self, features: Tensor, own: Tensor, other: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Corrections of pose code, shape and points, of N crops.

        Parameters
        ----------
        features : (N, channels, S, S)
        own, other : (N, 1, S, S) attention of both hands' joints
        known : (N, ...)
        """
        seen = torch.relu(self.reads(features))
        read = torch.cat([_weighted_mean(seen, own), _weighted_mean(seen, other)], dim=1)
        hidden = self.branch.base_layer(torch.cat([torch.relu(self.features(read)), known], dim=1))
        points = CROP_PX * self.points(hidden).unflatten(1, (JOINTS_PER_HAND, 3))
        return self.branch.pose_reg(hidden), self.branch.shape_reg(hidden), points


class PairNet(nn.Module):
    """See the module.

    Parameters
    ----------
    configuration : `PAIR`, or with the switches for the ablations changed
    models : right and left hand, the left one the mirror image; not part of the state dict
    frozen_blocks : of the backbone, see there
    """

    def __init__(
        self, configuration: NetworkConfiguration, models: tuple[HandModel, HandModel], frozen_blocks: int = 0
    ) -> None:
        super().__init__()
        self.configuration = configuration
        self.backbone = LandmarkBackbone(frozen_blocks)
        self.hand = HandLayer(models[0])
        pose_size = pose_code_size(configuration.global_rotation)
        channels = FEATURE_CHANNELS[::-1]
        # Own and other's points with their certainty, both hands' regions and whether they are known.
        joints = 2 * (_POINT_SIZE + JOINTS_PER_HAND) + 6
        context = 2 * (pose_size + SHAPE_SIZE) + TRANSFORM_SIZE
        self.first = Refinement(channels[0], joints, configuration, pose_size)
        self.stages = nn.ModuleList(
            Refinement(width, joints + context, configuration, pose_size)
            for width in channels[: configuration.cascade_stages]
        )
        self.joint_certainty = nn.Linear(channels[0] + _POINT_SIZE, JOINTS_PER_HAND)
        start_near_zero(self.joint_certainty)
        self.trans_branch = TransformBranch(2 * (channels[0] + joints + pose_size), channels[0] // 4, starts_small=True)

    def forward(self, picture: Tensor, regions: Tensor, every_stage: bool = True) -> tuple[PairOutput, Prediction]:
        """Both hands.

        Parameters
        ----------
        picture : (B, 3, H, W) RGB in [0, 1]
        regions : (B, 2, 5) see `hand_regions`; a hand whose region is not known is not there
        every_stage : rest joints of every stage too (training); vertices are always the last stage's alone
        """
        return self.read(cut_crops(picture, regions, CROP_PX), regions, every_stage)

    def read(
        self, crops: Tensor, regions: Tensor, every_stage: bool = True, vertices: bool = True
    ) -> tuple[PairOutput, Prediction]:
        """As `forward`, from crops (B, 2, 3, 224, 224) that are already cut, the left one mirrored.

        `vertices` says whether the last stage's are wanted.
        """
        batch = len(crops)
        crops = crops.flatten(0, 1)
        (eighth, sixteenth, last), answer = self.backbone(crops.contiguous(memory_format=torch.channels_last))
        pooled = last.mean(dim=(2, 3))
        known = regions[..., 4]
        points = answer.points_px.float().unflatten(0, (batch, 2))
        # Presence asks for a hand, handedness for one that is a right one in this crop, mirrored or not.
        presence = torch.minimum(answer.presence_logit, answer.right_logit).float().unflatten(0, (batch, 2))
        certainty = self.joint_certainty(torch.cat([pooled, _centred(points).flatten(0, 1).flatten(1)], dim=1))
        certainty = certainty.float().unflatten(0, (batch, 2))
        zero = points.new_zeros(batch, 2, pose_code_size(self.configuration.global_rotation))
        start = self._posed(zero, points.new_zeros(batch, 2, SHAPE_SIZE), points, vertices=False, rest=False)
        numbers = self._joint_numbers(points, certainty, regions)
        step = self.first(last, *self._attention(points, last, regions), numbers)
        count = len(self.stages)
        row = [self._corrected(start, step, vertices and count == 0, every_stage)]
        trans = self._trans(pooled, numbers, row[0], regions)
        for stage, (module, features) in enumerate(zip(self.stages, (last, sixteenth, eighth), strict=False)):
            hands = row[-1]
            numbers = self._joint_numbers(hands.points_px, certainty, regions)
            codes, betas = hands.code.detach(), hands.betas.detach()
            # Of a hand that nobody has found nothing is known, whatever its crop shows.
            there = known.flip(1).unsqueeze(-1)
            relation = (trans * known.prod(dim=1, keepdim=True))[:, None].expand(-1, 2, -1)
            context = [codes, betas, codes.flip(1) * there, betas.flip(1) * there, relation]
            everything = torch.cat([numbers, torch.cat(context, dim=-1).flatten(0, 1)], dim=1)
            step = module(features, *self._attention(self._projected(hands), features, regions), everything)
            row.append(self._corrected(hands, step, vertices and stage == count - 1, every_stage))
        with full_precision(crops):
            mesh = MeshOutput(*self._in_picture(row, regions), trans)
        output = PairOutput([points, *(hands.points_px for hands in row)], presence, certainty, regions)
        sure = certainty.sigmoid() * known[..., None]
        seen = to_picture(row[-1].points_px[..., :2], regions, CROP_PX)
        peaks = torch.cat([seen, sure.unsqueeze(-1)], dim=-1).flatten(1, 2)
        summary = HeatmapSummary(peaks, peaks.new_zeros(batch, 2, 1, 1), peaks.new_zeros(batch, 0, 1, 1))
        return output, Prediction(summary, presence.sigmoid() * known, mesh)

    @torch.inference_mode()
    def predict(self, picture: Tensor, regions: Tensor, every_stage: bool = False) -> Prediction:
        """The answer alone."""
        return self.forward(picture, regions, every_stage)[1]

    def _posed(self, code: Tensor, betas: Tensor, points_px: Tensor, vertices: bool, rest: bool) -> _Hands:
        layer = self.hand
        with full_precision(code):
            flat_code, flat_betas = code.float().flatten(0, 1), betas.float().flatten(0, 1)
            rotations, rotvec = read_pose_code(flat_code, layer, self.configuration.global_rotation)
            rest_joints = layer.rest_joints(flat_betas)
            vertices_m = None
            if vertices:
                vertices_m, points_m = layer(rotations, flat_betas, rest_joints[:, 0])
            else:
                points_m = layer.points(rotations, flat_betas, rest_joints[:, 0])

        def pairs(tensor: Tensor) -> Tensor:
            return tensor.unflatten(0, (-1, 2))

        return _Hands(
            code.float(),
            betas.float(),
            points_px,
            pairs(MILLIMETRES * points_m),
            None if vertices_m is None else pairs(MILLIMETRES * vertices_m),
            pairs(MILLIMETRES * rest_joints) if rest else None,
            pairs(rotations),
            pairs(rotvec),
        )

    def _corrected(self, hands: _Hands, step: tuple[Tensor, Tensor, Tensor], vertices: bool, rest: bool) -> _Hands:
        """Each stage learns its own correction: what it starts from is not to blame."""
        code, betas, points = (part.float().unflatten(0, (-1, 2)) for part in step)
        return self._posed(
            hands.code.detach() + code,
            hands.betas.detach() + betas,
            hands.points_px.detach() + points,
            vertices,
            rest,
        )

    def _projected(self, hands: _Hands) -> Tensor:
        """(B, 2, 21, 2) where the meshes' joints lie in their crops, brought onto the seen points."""
        with torch.no_grad():
            points, seen = hands.points_mm.flatten(0, 1)[..., :2], hands.points_px.flatten(0, 1)
            target = torch.cat([seen[..., :2], torch.ones_like(seen[..., :1])], dim=-1)
            scale, shift = fit_scale_and_shift(points, target)
            return (scale * points + shift).unflatten(0, (-1, 2))

    def _attention(self, points_px: Tensor, features: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, S, S) of the own joints and of the other hand's, in each crop's features."""
        size = features.shape[-1]
        if not self.configuration.use_attention:
            flat = features.new_ones(len(features), 1, size, size)
            return flat, flat
        with torch.no_grad(), full_precision(features):
            places = [points_px[..., :2], self._other_in_own(points_px, regions)]
            cell = CROP_PX / size
            own, other = (joint_attention(((place + 0.5) / cell - 0.5).flatten(0, 1), size) for place in places)
            other = other * regions[..., 4].flip(1).flatten()[:, None, None, None]
        return own.to(features.dtype), other.to(features.dtype)

    def _other_in_own(self, points_px: Tensor, regions: Tensor) -> Tensor:
        """(B, 2, 21, 2) the other hand's points in each hand's crop."""
        seen = to_picture(points_px[..., :2], regions, CROP_PX)
        return to_crop(seen.flip(1), regions, CROP_PX)

    def _joint_numbers(self, points_px: Tensor, certainty: Tensor, regions: Tensor) -> Tensor:
        """(N, ...) own and other's points in the own crop, their certainty, and how the regions lie."""
        points = points_px.detach()
        known = regions[..., 4:]
        there = known.flip(1)
        other = torch.cat([self._other_in_own(points, regions), points[..., 2:].flip(1)], dim=-1)
        sure = certainty.detach().sigmoid()
        relative = (regions[..., 2:3].flip(1) / regions[..., 2:3]).clamp(0.1, 10).log()
        turn = regions[..., 3:4]
        parts = [
            _centred(points).flatten(2),
            sure * known,
            _centred(other).flatten(2) * there,
            sure.flip(1) * there,
            known,
            there,
            relative * there,
            turn.cos(),
            turn.sin() * turn.new_tensor([[1.0], [-1.0]]),
            (turn - turn.flip(1)).cos() * there,
        ]
        return torch.cat(parts, dim=-1).flatten(0, 1)

    def _trans(self, pooled: Tensor, numbers: Tensor, hands: _Hands, regions: Tensor) -> Tensor:
        """(B, 4) the left hand relative to the right: what the points in the picture say of it, corrected."""
        batch = len(regions)
        everything = torch.cat([pooled, numbers, hands.code.detach().flatten(0, 1)], dim=1)
        correction = self.trans_branch(everything.reshape(batch, -1)).float()
        with torch.no_grad():
            seen = hands.points_px
            palm_px = (seen[:, :, MIDDLE_MCP] - seen[:, :, 0]).norm(dim=-1) * regions[..., 2] / CROP_PX
            middle = to_picture(seen[..., :2], regions, CROP_PX)[:, :, MIDDLE_MCP]
            apart = (middle[:, 1] - middle[:, 0]) / palm_px[:, 1:].clamp_min(1)
            none = torch.zeros_like(apart[:, :1])
            both = regions[..., 4].prod(dim=1, keepdim=True)
            seen_trans = (torch.cat([none, apart, none], dim=1) * both).clamp(-_MOST_PALMS, _MOST_PALMS)
        return seen_trans + correction

    def _in_picture(self, row: list[_Hands], regions: Tensor) -> tuple[list[HandStage], list[HandStage]]:
        """Every stage of both hands in the picture's axes: turned as the crops were, the left hand mirrored back."""
        axes = axes_to_picture(regions)
        flip = axes.new_tensor([-1.0, 1.0, 1.0])
        sides: tuple[list[HandStage], list[HandStage]] = ([], [])
        for hands in row:
            for index, stages in enumerate(sides):
                turn = axes[:, index]
                rotations, rotvec = hands.rotations[:, index], hands.pose_rotvec[:, index]
                rest = None if hands.rest_joints_mm is None else hands.rest_joints_mm[:, index]
                if index == 1:
                    # A rotation seen in a mirror of x: M R M. `turn` mirrors from the left.
                    rotations = flip[:, None] * rotations * flip
                    rotvec = rotvec * -flip.repeat(rotvec.shape[1] // 3)
                    rest = None if rest is None else rest * flip
                    turn = turn * flip
                whole = turn @ rotations[:, 0]
                rotations = torch.cat([whole.unsqueeze(1), rotations[:, 1:]], dim=1)
                rotvec = torch.cat([matrix_to_rotvec(whole), rotvec[:, 3:]], dim=1)
                vertices = hands.vertices_mm
                stages.append(
                    HandStage(
                        rotvec,
                        hands.betas[:, index],
                        hands.points_mm[:, index] @ axes[:, index].transpose(1, 2),
                        None if vertices is None else vertices[:, index] @ axes[:, index].transpose(1, 2),
                        rest,
                        rotations,
                        hands.code[:, index],
                    )
                )
        return sides


def _weighted_mean(features: Tensor, weight: Tensor) -> Tensor:
    """(N, C) mean of (N, C, S, S) with the attention (N, 1, S, S) as the weight; never nothing."""
    weight = weight + 1e-2
    return (features * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))


def _centred(points_px: Tensor) -> Tensor:
    """Points of a crop from -1 to 1 over it."""
    half = CROP_PX / 2
    middle = points_px.new_tensor([half - 0.5, half - 0.5, 0.0])
    return ((points_px - middle) / half).clamp(-_FARTHEST, _FARTHEST)
