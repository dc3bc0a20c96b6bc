"""The heat-map net: a ResNet-50 and a deconvolution head a hand (InterNet's, in MANO joint order)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .heatmaps import JOINTS_PER_HAND, HeatmapSummary, summarise_features
from .resnet import STAGE_CHANNELS, ResNet50

HEAD_CHANNELS = 256
ROOT_DEPTH_BINS = 64


class HeatmapOutput(NamedTuple):
    """Of a batch of B pictures, right hand first.

    Parameters
    ----------
    volumes : (B, 42, D, S, S) joint volumes, trained towards a Gaussian: 255 times, or once where D is 1
    root_depth_bin : (B, 1) depth of the left wrist relative to the right, in bins (unused by the mesh net); None in
        the compact configuration
    hand_presence : (B, 2) from 0 to 1
    presence_logits : (B, 2) the same before the sigmoid, for a loss
    joint_depth : (B, 42) depth relative to the own hand's middle MCP joint, in palm lengths, where D is 1; else None
    """

    volumes: Tensor
    root_depth_bin: Tensor | None
    hand_presence: Tensor
    presence_logits: Tensor
    joint_depth: Tensor | None = None


class _Backbone(nn.Module):
    """Holds the ResNet under the checkpoint's name."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet50(blocks_normalised=True)


def _deconvolution_head(channels_in: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for entering in (channels_in, HEAD_CHANNELS, HEAD_CHANNELS):
        layers += [
            nn.ConvTranspose2d(entering, HEAD_CHANNELS, 4, 2, 1, bias=False),
            nn.BatchNorm2d(HEAD_CHANNELS),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class PoseHeads(nn.Module):
    """From backbone features (B, 2048, 8, 8) to volumes, root depth and presence; head 1 is the right hand's."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.depth = depth
        channels = STAGE_CHANNELS[-1]
        self.joint_deconv_1 = _deconvolution_head(channels)
        self.joint_conv_1 = nn.Sequential(nn.Conv2d(HEAD_CHANNELS, JOINTS_PER_HAND * depth, 1))
        self.joint_deconv_2 = _deconvolution_head(channels)
        self.joint_conv_2 = nn.Sequential(nn.Conv2d(HEAD_CHANNELS, JOINTS_PER_HAND * depth, 1))
        self.root_fc = _two_layers(channels, ROOT_DEPTH_BINS)
        self.hand_fc = _two_layers(channels, 2)

    def forward(self, features: Tensor) -> HeatmapOutput:
        """Everything, volumes included: what training supervises."""
        right = self.joint_conv_1(self.joint_deconv_1(features))
        left = self.joint_conv_2(self.joint_deconv_2(features))
        volumes = torch.cat([right, left], dim=1).unflatten(1, (2 * JOINTS_PER_HAND, self.depth))
        pooled = features.mean(dim=(2, 3))
        weights = self.root_fc(pooled).softmax(dim=1)
        bins = torch.arange(ROOT_DEPTH_BINS, dtype=weights.dtype, device=weights.device)
        root_depth = (weights * bins).sum(dim=1, keepdim=True)
        logits = self.hand_fc(pooled)
        return HeatmapOutput(volumes, root_depth, logits.sigmoid(), logits)

    def summarise(self, features: Tensor) -> tuple[HeatmapSummary, Tensor]:
        """Summary and hand presence only: what the mesh net and the user read."""
        convolutions = [self.get_submodule(f"joint_conv_{head}.0") for head in (1, 2)]
        weights = [module.get_parameter("weight").flatten(1) for module in convolutions]
        biases = [module.get_parameter("bias") for module in convolutions]
        summary = summarise_features(
            (self.joint_deconv_1(features), self.joint_deconv_2(features)),
            (weights[0], weights[1]),
            (biases[0], biases[1]),
            self.depth,
        )
        return summary, self.hand_fc(features.mean(dim=(2, 3))).sigmoid()


def _two_layers(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(channels_in, 512), nn.ReLU(inplace=True), nn.Linear(512, channels_out))


class HeatmapNet(nn.Module):
    """Raw pictures (B, 3, 256, 256) in [0, 1] to joint heat maps of both hands."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.backbone_net = _Backbone()
        self.pose_net = PoseHeads(depth)

    def forward(self, picture: Tensor) -> HeatmapOutput:
        """Everything, volumes included."""
        return self.pose_net(self.backbone_net.resnet(picture)[2])

    def summarise(self, picture: Tensor) -> tuple[HeatmapSummary, Tensor]:
        """Summary (see `HeatmapSummary`) and hand presence (B, 2)."""
        return self.pose_net.summarise(self.backbone_net.resnet(picture)[2])
