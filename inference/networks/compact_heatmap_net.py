"""The heat-map net of the compact configuration: 2.5-D heat maps from the features of the shared backbone."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from .convolution import ConvolutionUnit, separable, start_near_zero
from .efficientnet_lite0 import FEATURE_CHANNELS
from .heatmap_net import HeatmapOutput
from .heatmaps import JOINTS_PER_HAND

DECODER_CHANNELS: Final = 96
_CONTEXT_CHANNELS: Final = 128
_LEAST_WEIGHT: Final = 1e-6


class HandHead(nn.Module):
    """One hand's 21 maps and 21 depth maps; the two heads share nothing, as in the paper."""

    def __init__(self) -> None:
        super().__init__()
        self.separable = separable(DECODER_CHANNELS, DECODER_CHANNELS)
        self.maps = nn.Conv2d(DECODER_CHANNELS, JOINTS_PER_HAND, 1)
        self.depths = nn.Conv2d(DECODER_CHANNELS, JOINTS_PER_HAND, 1)
        for layer in (self.maps, self.depths):
            start_near_zero(layer)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Decoded features (B, C, S, S) to maps and depth maps, (B, 21, S, S) each."""
        own = self.separable(features)
        return self.maps(own), self.depths(own)


class CompactHeatmapNet(nn.Module):
    """From the backbone's four features, coarse to fine, to both hands' maps at a quarter of the picture's side.

    The maps are trained towards a Gaussian of height 1. A joint's depth is that of the pixels where its map is high,
    relative to its own hand's middle MCP joint, in palm lengths: scale and distance need not be known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(ConvolutionUnit(count, DECODER_CHANNELS) for count in FEATURE_CHANNELS)
        # The whole picture's features tell the decoder which side is which; a hand alone does not always say.
        self.context = nn.Sequential(
            nn.Linear(FEATURE_CHANNELS[-1], _CONTEXT_CHANNELS),
            nn.ReLU(),
            nn.Linear(_CONTEXT_CHANNELS, DECODER_CHANNELS),
        )
        self.smooth = nn.ModuleList(separable(DECODER_CHANNELS, DECODER_CHANNELS) for _ in FEATURE_CHANNELS)
        self.right_head, self.left_head = HandHead(), HandHead()
        self.hand_fc = nn.Sequential(
            nn.Linear(FEATURE_CHANNELS[-1], _CONTEXT_CHANNELS), nn.ReLU(), nn.Linear(_CONTEXT_CHANNELS, 2)
        )

    def forward(self, features: tuple[Tensor, ...]) -> tuple[HeatmapOutput, tuple[Tensor, ...]]:
        """Heat maps, and the decoder's features (B, 96, size, size) at a quarter to a 32nd of the picture's side."""
        pooled = features[-1].mean(dim=(2, 3))
        laterals = [lateral(feature) for lateral, feature in zip(self.lateral, features, strict=True)]
        level = laterals[-1] + self.context(pooled)[:, :, None, None]
        levels = [self.smooth[-1](level)]
        for lateral, smooth in zip(laterals[-2::-1], list(self.smooth)[-2::-1], strict=True):
            finer = functional.interpolate(levels[-1], scale_factor=2.0, mode="nearest")
            levels.append(smooth(finer + lateral))
        heads = [head(levels[-1]) for head in (self.right_head, self.left_head)]
        maps = torch.cat([head[0] for head in heads], dim=1)
        depth = read_depths(maps, torch.cat([head[1] for head in heads], dim=1))
        logits = self.hand_fc(pooled)
        return HeatmapOutput(maps.unsqueeze(2), None, logits.sigmoid(), logits, depth), tuple(levels[::-1])


def read_depths(maps: Tensor, depth_maps: Tensor) -> Tensor:
    """(B, J) mean of each joint's depth map where its heat map (both (B, J, S, S)) is high.

    The weight is the map's positive part squared, without gradient: depth is learned by the depth maps alone.
    """
    weight = functional.relu(maps.detach()).square() + _LEAST_WEIGHT
    return (weight * depth_maps).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))
