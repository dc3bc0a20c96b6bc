"""ResNet-50 (He et al., 2016) in the two variants that the paper's network uses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STAGE_CHANNELS = (256, 512, 1024, 2048)
_STAGE_BLOCKS = (3, 4, 6, 3)


class Bottleneck(nn.Module):
    """1x1, 3x3 (strided), 1x1 convolutions around a shortcut; with or without batch norm on the three convolutions."""

    def __init__(self, channels_in: int, width: int, channels_out: int, stride: int, normalised: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        norm = nn.BatchNorm2d if normalised else _identity
        self.bn1, self.bn2, self.bn3 = norm(width), norm(width), norm(channels_out)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels_out:
            shortcut = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels_out))

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in, H, W) to (B, channels_out, H / stride, W / stride)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        inner = functional.relu(self.bn1(self.conv1(features)))
        inner = functional.relu(self.bn2(self.conv2(inner)))
        return functional.relu(self.bn3(self.conv3(inner)) + shortcut)


def _identity(_: int) -> nn.Module:
    return nn.Identity()


class ResNet50(nn.Module):
    """The backbone without its classifier.

    Parameters
    ----------
    blocks_normalised : batch norm inside the bottlenecks (the mesh net has it only in the stem and the shortcuts)
    layer3_extra_channels : channels joined to layer 3's input (the mesh net's sampled heat maps)
    """

    channels = STAGE_CHANNELS[1:]

    def __init__(self, blocks_normalised: bool, layer3_extra_channels: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels_in = 64
        for index, (blocks, channels) in enumerate(zip(_STAGE_BLOCKS, STAGE_CHANNELS, strict=True)):
            extra = layer3_extra_channels if index == 2 else 0
            layer: list[nn.Module] = []
            for block in range(blocks):
                stride = 2 if block == 0 and index > 0 else 1
                entering = channels_in + extra if block == 0 else channels
                layer.append(Bottleneck(entering, channels // 4, channels, stride, blocks_normalised))
            setattr(self, f"layer{index + 1}", nn.Sequential(*layer))
            channels_in = channels

    def forward(self, picture: Tensor, layer3_extra: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Features of layers 2, 3, 4: (B, 512, H/8, W/8), (B, 1024, H/16, W/16), (B, 2048, H/32, W/32).

        `layer3_extra` (B, layer3_extra_channels, H/8, W/8) is joined to the input of layer 3.
        """
        stem = functional.max_pool2d(functional.relu(self.bn1(self.conv1(picture))), 3, 2, 1)
        layer2 = self.get_submodule("layer2")(self.get_submodule("layer1")(stem))
        layer3 = self.get_submodule("layer3")(
            layer2 if layer3_extra is None else torch.cat([layer2, layer3_extra], dim=1)
        )
        return layer2, layer3, self.get_submodule("layer4")(layer3)
