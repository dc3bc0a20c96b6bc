"""The mesh net: pose and shape of both hands from features under attention, refined in context, stage by stage."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from ..hands.torch_layer import HandLayer
from .configuration import NetworkConfiguration
from .heatmaps import JOINTS_PER_HAND, HeatmapSummary
from .pose_attention import attention_on_features, fit_scale_and_shift, joint_attention
from .resnet import STAGE_CHANNELS, ResNet50

POSE_SIZE, SHAPE_SIZE, TRANSFORM_SIZE = 48, 10, 4
MILLIMETRES = 1000.0
_FEATURES = STAGE_CHANNELS[-1]
_CONTEXT = 2 * (POSE_SIZE + SHAPE_SIZE) + TRANSFORM_SIZE


class HandStage(NamedTuple):
    """One hand after one stage, B pictures.

    Parameters
    ----------
    pose_rotvec : (B, 48) global rotation, then the finger joints relative to the model's mean pose, radians
    betas : (B, 10)
    points_mm : (B, 21, 3) joints and tips, millimetres, about the model's own origin
    vertices_mm : (B, V, 3), or None where they were not asked for
    rest_joints_mm : (B, 16, 3) joints of the shaped hand before posing, or None
    """

    pose_rotvec: Tensor
    betas: Tensor
    points_mm: Tensor
    vertices_mm: Tensor | None
    rest_joints_mm: Tensor | None


class MeshOutput(NamedTuple):
    """All stages of the right hand, of the left hand, and the transform between them (B, 4): see `hand_transform`."""

    right: list[HandStage]
    left: list[HandStage]
    trans: Tensor


class ManoBranch(nn.Module):
    """Four hidden layers to a pose (48) and a shape (10)."""

    def __init__(self, channels_in: int, width: int = 512) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for entering in (channels_in, width, width, width):
            layers += [nn.Linear(entering, width), nn.ReLU(inplace=True)]
        self.base_layer = nn.Sequential(*layers)
        self.pose_reg = nn.Linear(width, POSE_SIZE)
        self.shape_reg = nn.Sequential(nn.Linear(width, SHAPE_SIZE))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels_in) to pose (B, 48) and betas (B, 10)."""
        hidden = self.base_layer(features)
        return self.pose_reg(hidden), self.shape_reg(hidden)


class TransformBranch(nn.Module):
    """The left hand relative to the right, from the whole picture's features."""

    def __init__(self, channels_in: int) -> None:
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(channels_in, channels_in // 2), nn.ReLU(inplace=True))
        self.final_layer = nn.Linear(channels_in // 2, TRANSFORM_SIZE)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in) to (B, 4)."""
        return self.final_layer(self.decoder(features))


class StageFeatures(nn.Module):
    """A bottleneck without batch norm that brings one layer's attended features to 2048 channels of 8x8."""

    def __init__(self, channels_in: int, stride: int) -> None:
        super().__init__()
        width = channels_in // 2
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(width, _FEATURES, 1, bias=False)
        self.downsample = nn.Conv2d(channels_in, _FEATURES, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in, H, W) to the spatial mean (B, 2048)."""
        inner = functional.relu(self.conv1(features))
        inner = functional.relu(self.conv2(inner))
        return functional.relu(self.conv3(inner) + self.downsample(features)).mean(dim=(2, 3))


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
        sampled_channels = 2 * JOINTS_PER_HAND * configuration.heatmap_depth // 4
        self.base_net = ResNet50(blocks_normalised=False, layer3_extra_channels=sampled_channels)
        self.right_hand, self.left_hand = HandLayer(models[0]), HandLayer(models[1])
        self.left_mano_branch, self.right_mano_branch = ManoBranch(_FEATURES), ManoBranch(_FEATURES)
        self.trans_branch = TransformBranch(_FEATURES)
        # The stages read layer 4, layer 3, layer 2: from coarse to fine.
        channels = STAGE_CHANNELS[:0:-1][: configuration.cascade_stages]
        for side in ("left", "right"):
            branches = [ManoBranch(_FEATURES + _CONTEXT) for _ in channels]
            setattr(self, f"cascaded_{side}_mano_branch_list", nn.ModuleList(branches))
            extractors = [StageFeatures(count, 2**stage) for stage, count in enumerate(channels)]
            setattr(self, f"cascaded_{side}_feature_extractor_list", nn.ModuleList(extractors))

    def forward(self, picture: Tensor, heatmaps: HeatmapSummary, every_stage: bool = True) -> MeshOutput:
        """Both hands.

        Parameters
        ----------
        picture : (B, 3, 256, 256) normalised by ImageNet's mean and deviation
        heatmaps : what the heat-map net saw
        every_stage : vertices and rest joints of every stage (training); else vertices of the last alone
        """
        layer2, layer3, layer4 = self.base_net(picture, (heatmaps.sampled,))
        trans = self.trans_branch(layer4.mean(dim=(2, 3)))
        attention = heatmaps.attention.unbind(1) if self.configuration.use_attention else (None, None)
        only_stage = self.configuration.cascade_stages == 0
        hands: dict[Side, list[HandStage]] = {
            side: [self._first_stage(side, layer4, seen, every_stage or only_stage, every_stage)]
            for side, seen in zip(SIDES, attention, strict=True)
        }
        peaks = dict(zip(SIDES, heatmaps.peaks_xyc.split(JOINTS_PER_HAND, dim=1), strict=True))
        for stage in range(self.configuration.cascade_stages):
            features = (layer4, layer3, layer2)[stage]
            last = stage == self.configuration.cascade_stages - 1
            refined: dict[Side, HandStage] = {}
            for side, other in zip(SIDES, SIDES[::-1], strict=True):
                own, theirs = hands[side][-1], hands[other][-1]
                seen = self._attended(own.points_mm, peaks[side], features)
                extractor = self.get_submodule(f"cascaded_{side}_feature_extractor_list.{stage}")
                branch = self.get_submodule(f"cascaded_{side}_mano_branch_list.{stage}")
                context = [theirs.betas, theirs.pose_rotvec, own.betas, own.pose_rotvec, extractor(seen), trans]
                pose, betas = branch(torch.cat(context, dim=1))
                refined[side] = self._posed(side, pose, betas, every_stage or last, every_stage)
            for side, result in refined.items():
                hands[side].append(result)
        return MeshOutput(hands["right"], hands["left"], trans)

    def _first_stage(
        self, side: Side, layer4: Tensor, attention: Tensor | None, vertices: bool, rest: bool
    ) -> HandStage:
        seen = layer4 if attention is None else layer4 * attention_on_features(attention, layer4.shape[-1])
        pose, betas = self.get_submodule(f"{side}_mano_branch")(seen.mean(dim=(2, 3)))
        return self._posed(side, pose, betas, vertices, rest)

    def _attended(self, points_mm: Tensor, peaks_xyc: Tensor, features: Tensor) -> Tensor:
        """Features under the soft union of the projected joints."""
        if not self.configuration.use_attention:
            return features
        size = features.shape[-1]
        scale, shift = fit_scale_and_shift(points_mm[..., :2], peaks_xyc)
        points_px = (scale * points_mm[..., :2] + shift) * (size / self.configuration.heatmap_px)
        return features * joint_attention(points_px, size)

    def _posed(self, side: Side, pose: Tensor, betas: Tensor, vertices: bool, rest: bool) -> HandStage:
        layer: HandLayer = self.right_hand if side == "right" else self.left_hand
        rotations = layer.rotations_from_rotvec(pose.unflatten(1, (16, 3)), "mean")
        # "Not centred": the hand turns about its rest wrist, which stays where the model has it.
        _, rest_joints = layer.shaped_rest(betas)
        posed = layer(rotations, betas, rest_joints[:, 0])
        return HandStage(
            pose,
            betas,
            MILLIMETRES * posed.points_m,
            MILLIMETRES * posed.vertices_m if vertices else None,
            MILLIMETRES * rest_joints if rest else None,
        )
