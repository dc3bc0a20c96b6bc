"""The mesh net: pose and shape of both hands from features under attention, refined in context, stage by stage."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from ..hands.torch_layer import HandLayer
from .configuration import NetworkConfiguration
from .heatmap_pyramid import HeatmapPyramid
from .heatmaps import JOINTS_PER_HAND, HeatmapSummary
from .mesh_branches import (
    SHAPE_SIZE,
    TRANSFORM_SIZE,
    ManoBranch,
    StageFeatures,
    TransformBranch,
    joint_numbers,
)
from .pose_attention import attended_mean, attention_on_features, fit_scale_and_shift, joint_attention
from .pose_code import pose_code_size, read_pose_code
from .resnet import ResNet50

MILLIMETRES = 1000.0
_JOINT_NUMBERS = 4 * 2 * JOINTS_PER_HAND


class HandStage(NamedTuple):
    """One hand after one stage, B pictures.

    Parameters
    ----------
    pose_rotvec : (B, 48) global rotation, then the finger joints relative to the model's mean pose, radians
    betas : (B, 10)
    points_mm : (B, 21, 3) joints and tips, millimetres, about the model's own origin
    vertices_mm : (B, V, 3), or None where they were not asked for
    rest_joints_mm : (B, 16, 3) joints of the shaped hand before posing, or None
    rotations : (B, 16, 3, 3) local rotation matrices, absolute (mean pose added)
    pose_code : (B, 48 or 51) what the network regressed: see `read_pose_code`
    """

    pose_rotvec: Tensor
    betas: Tensor
    points_mm: Tensor
    vertices_mm: Tensor | None
    rest_joints_mm: Tensor | None
    rotations: Tensor
    pose_code: Tensor


class MeshOutput(NamedTuple):
    """All stages of the right hand, of the left hand, and the transform between them.

    `trans` (B, 4) is (a, tx, ty, tz): with each hand relative to its own middle MCP joint and divided by its own palm
    length, the left hand in the right hand's frame is (left + t) * exp(a).
    """

    right: list[HandStage]
    left: list[HandStage]
    trans: Tensor


class MeshNet(nn.Module):
    """Mesh regression of the paper.

    Parameters
    ----------
    configuration : parts and sizes
    models : the right and the left hand model, 10 shape components each
    """

    def __init__(self, configuration: NetworkConfiguration, models: tuple[HandModel, HandModel]) -> None:
        super().__init__()
        self.configuration = configuration
        is_paper = configuration.backbone == "resnet50"
        if is_paper:
            sampled_channels = 2 * JOINTS_PER_HAND * configuration.heatmap_depth // 4
            self.base_net: nn.Module = ResNet50(blocks_normalised=False, layer3_extra_channels=sampled_channels)
            channels = ResNet50.channels
        else:
            self.base_net = HeatmapPyramid()
            channels = HeatmapPyramid.channels
        self.right_hand, self.left_hand = HandLayer(models[0]), HandLayer(models[1])
        joints = _JOINT_NUMBERS if configuration.reads_joints else 0
        pose_size, features = pose_code_size(configuration.global_rotation), configuration.feature_channels
        context = 2 * (pose_size + SHAPE_SIZE) + TRANSFORM_SIZE

        def branch(channels_in: int) -> ManoBranch:
            return ManoBranch(channels_in + joints, configuration.branch_channels, pose_size, not is_paper)

        self.left_mano_branch, self.right_mano_branch = branch(channels[-1]), branch(channels[-1])
        self.trans_branch = TransformBranch(channels[-1] + joints, channels[-1] // 2, not is_paper)
        # The stages read layer 4, layer 3, layer 2: from coarse to fine.
        stages = list(enumerate(channels[::-1][: configuration.cascade_stages]))
        for side in ("left", "right"):
            branches = [branch(features + context) for _ in stages]
            extractors = [StageFeatures(count, features, 2**stage, not is_paper) for stage, count in stages]
            if stages:
                setattr(self, f"cascaded_{side}_mano_branch_list", nn.ModuleList(branches))
                setattr(self, f"cascaded_{side}_feature_extractor_list", nn.ModuleList(extractors))

    def forward(
        self, picture: Tensor | tuple[Tensor, Tensor, Tensor], heatmaps: HeatmapSummary, every_stage: bool = True
    ) -> MeshOutput:
        """Both hands.

        Parameters
        ----------
        picture : (B, 3, 256, 256) normalised by ImageNet's mean and deviation; or the features that `HeatmapPyramid`
            reads
        heatmaps : what the heat-map net saw
        every_stage : vertices and rest joints of every stage (training); else vertices of the last alone
        """
        layer2, layer3, layer4 = self.base_net(picture, heatmaps.sampled)
        joints = self._joint_numbers(heatmaps)
        trans = self.trans_branch(torch.cat([layer4.mean(dim=(2, 3)), *joints["right"]], dim=1))
        count = self.configuration.cascade_stages
        hands: dict[Side, list[HandStage]] = {}
        for side, attention in zip(SIDES, heatmaps.attention.unbind(1), strict=True):
            seen = torch.cat([self._first_features(layer4, attention), *joints[side]], dim=1)
            code, betas = self.get_submodule(f"{side}_mano_branch")(seen)
            hands[side] = [self._posed(side, code, betas, every_stage or count == 0, every_stage)]
        peaks = dict(zip(SIDES, heatmaps.peaks_xyc.split(JOINTS_PER_HAND, dim=1), strict=True))
        for stage, features in zip(range(count), (layer4, layer3, layer2), strict=False):
            vertices = every_stage or stage == count - 1
            refined: dict[Side, HandStage] = {}
            for side, other in zip(SIDES, SIDES[::-1], strict=True):
                own, theirs = hands[side][-1], hands[other][-1]
                seen = self._attended(own.points_mm, peaks[side], features)
                extractor = self.get_submodule(f"cascaded_{side}_feature_extractor_list.{stage}")
                branch = self.get_submodule(f"cascaded_{side}_mano_branch_list.{stage}")
                context = [theirs.betas, theirs.pose_code, own.betas, own.pose_code, extractor(seen), trans]
                code, betas = branch(torch.cat([*context, *joints[side]], dim=1))
                if self.configuration.stage_output == "corrects":
                    code, betas = own.pose_code + code, own.betas + betas
                refined[side] = self._posed(side, code, betas, vertices, every_stage)
            for side, result in refined.items():
                hands[side].append(result)
        return MeshOutput(hands["right"], hands["left"], trans)

    def _joint_numbers(self, heatmaps: HeatmapSummary) -> dict[Side, list[Tensor]]:
        """For each hand its own joints' numbers, then the other's; nothing where the branches do not read them."""
        if not self.configuration.reads_joints:
            return {side: [] for side in SIDES}
        numbers = joint_numbers(heatmaps.peaks_xyc, heatmaps.joint_depth, self.configuration.heatmap_px)
        right, left = numbers.chunk(2, dim=1)
        return {"right": [right, left], "left": [left, right]}

    def _first_features(self, layer4: Tensor, attention: Tensor) -> Tensor:
        """(B, C) what one hand's first branch reads."""
        if not self.configuration.use_attention:
            return layer4.mean(dim=(2, 3))
        if self.configuration.attention_pooling == "weighted_mean":
            return attended_mean(layer4, attention)
        return (layer4 * attention_on_features(attention, layer4.shape[-1])).mean(dim=(2, 3))

    def _attended(self, points_mm: Tensor, peaks_xyc: Tensor, features: Tensor) -> Tensor:
        """Features under the soft union of the projected joints."""
        if not self.configuration.use_attention:
            return features
        size = features.shape[-1]
        with full_precision(features):
            scale, shift = fit_scale_and_shift(points_mm[..., :2], peaks_xyc)
            points_px = (scale * points_mm[..., :2] + shift) * (size / self.configuration.heatmap_px)
            attention = joint_attention(points_px, size)
        return features * attention.to(features.dtype)

    def _posed(self, side: Side, code: Tensor, betas: Tensor, vertices: bool, rest: bool) -> HandStage:
        layer: HandLayer = self.right_hand if side == "right" else self.left_hand
        with full_precision(code):
            code, betas = code.to(layer.v_template.dtype), betas.to(layer.v_template.dtype)
            rotations, rotvec = read_pose_code(code, layer, self.configuration.global_rotation)
            # "Not centred": the hand turns about its rest wrist, which stays where the model has it.
            rest_joints = layer.rest_joints(betas)
            if vertices:
                vertices_m, points_m = layer(rotations, betas, rest_joints[:, 0])
                vertices_mm = MILLIMETRES * vertices_m
            else:
                points_m, vertices_mm = layer.points(rotations, betas, rest_joints[:, 0]), None
        rest_joints_mm = MILLIMETRES * rest_joints if rest else None
        return HandStage(rotvec, betas, MILLIMETRES * points_m, vertices_mm, rest_joints_mm, rotations, code)


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """Geometry in millimetres needs more digits than a half-precision autocast leaves."""
    device = like.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)
