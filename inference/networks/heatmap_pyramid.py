"""What stands in for the mesh net's ResNet in the compact configuration: features that know the heat maps."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from .compact_heatmap_net import DECODER_CHANNELS
from .convolution import ConvolutionUnit, InvertedResidual
from .efficientnet_lite0 import FEATURE_CHANNELS
from .heatmaps import JOINTS_PER_HAND

PYRAMID_CHANNELS: Final = (128, 192, 384)
"""Widths of the features at an eighth, a sixteenth and a thirty-second of the picture's side."""


class HeatmapPyramid(nn.Module):
    """From fine to coarse, starting with the sampled heat maps, as the paper joins them to its ResNet's layer 3."""

    channels = PYRAMID_CHANNELS

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = PYRAMID_CHANNELS
        self.enter = ConvolutionUnit(DECODER_CHANNELS + 2 * JOINTS_PER_HAND, fine)
        self.layer2 = InvertedResidual(fine, fine, expansion=2)
        self.layer3 = _joining_layer(fine + FEATURE_CHANNELS[2], middle)
        self.layer4 = _joining_layer(middle + FEATURE_CHANNELS[3], coarse)
        self.descend3 = ConvolutionUnit(fine, fine, 3, 2, groups=fine, activation="none")
        self.descend4 = ConvolutionUnit(middle, middle, 3, 2, groups=middle, activation="none")

    def forward(self, features: tuple[Tensor, Tensor, Tensor], sampled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of layers 2, 3, 4, of `PYRAMID_CHANNELS` channels.

        Parameters
        ----------
        features : the decoder's at an eighth of the side, the backbone's at a sixteenth and at a thirty-second
        sampled : (B, 42, S/2, S/2) every second pixel of the heat maps, as large as the first of the features
        """
        layer2 = self.layer2(self.enter(torch.cat([features[0], sampled], dim=1)))
        layer3 = self.layer3(torch.cat([self.descend3(layer2), features[1]], dim=1))
        return layer2, layer3, self.layer4(torch.cat([self.descend4(layer3), features[2]], dim=1))


def _joining_layer(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        ConvolutionUnit(channels_in, channels_out), InvertedResidual(channels_out, channels_out, expansion=2)
    )
