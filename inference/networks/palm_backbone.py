"""The backbone of stage one: MediaPipe's palm detector (Apache-2.0) in torch, so that it can go on learning.

It has seen real hands by the ten thousands, of every size and turn, which no drawn picture replaces. Its features
already say where palms are and which knuckle is the index finger's. Batch norms are folded into its convolutions, as
in the shipped file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from .onnx_weights import take_onnx_weights

FEATURE_CHANNELS: Final = (128, 256)
"""Widths of the features at an eighth and a sixteenth of the picture's side."""
_STAGE_CHANNELS: Final = (32, 64, 128, 256, 256)
_BLOCKS_A_STAGE: Final = 4
_BLOCKS_AFTER_JOINING: Final = 2
_KERNEL: Final = 5
_PICTURES_AT_ONCE: Final = 4
"""Of stages that do not learn: their activations then stay in the processor's cache, in half the time."""


class PalmBlock(nn.Module):
    """Depthwise and pointwise convolution, added to what they are given, then PReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        padding = _KERNEL // 2 if stride == 1 else 0
        self.depthwise = nn.Conv2d(channels_in, channels_in, _KERNEL, stride, padding, groups=channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)
        self.activation = nn.PReLU(channels_out)
        self.stride, self.added = stride, channels_out - channels_in

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in, H, W) to (B, channels_out, H / stride, W / stride)."""
        shortcut, padded = features, features
        if self.stride == 2:
            shortcut, padded = functional.max_pool2d(features, 2), functional.pad(features, (1, 2, 1, 2))
        if self.added:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.added))
        return self.activation(shortcut + self.pointwise(self.depthwise(padded)))


class _Joining(nn.Module):
    """Coarse features, doubled in size, added to fine ones."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(coarse, fine, 1)
        self.activation = nn.PReLU(fine)
        self.blocks = nn.Sequential(*(PalmBlock(fine, fine) for _ in range(_BLOCKS_AFTER_JOINING)))

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(B, coarse, H, W) and (B, fine, 2 H, 2 W) to (B, fine, 2 H, 2 W)."""
        larger = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.blocks(fine + self.activation(self.pointwise(larger)))


class PalmBackbone(nn.Module):
    """Pictures to features.

    Attributes
    ----------
    frozen_stages : see `freeze`
    """

    def __init__(self) -> None:
        super().__init__()
        self.frozen_stages = 0
        self.stem = nn.Conv2d(3, _STAGE_CHANNELS[0], _KERNEL, 2)
        self.stem_activation = nn.PReLU(_STAGE_CHANNELS[0])
        stages: list[nn.Module] = []
        before = 0
        for channels in _STAGE_CHANNELS:
            first = [PalmBlock(before, channels, 2)] if before else []
            stages.append(nn.Sequential(*first, *(PalmBlock(channels, channels) for _ in range(_BLOCKS_A_STAGE))))
            before = channels
        self.stages = nn.ModuleList(stages)
        eighth, sixteenth = FEATURE_CHANNELS
        self.join_sixteenth = _Joining(_STAGE_CHANNELS[4], sixteenth)
        self.join_eighth = _Joining(sixteenth, eighth)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """RGB from 0 to 1 (B, 3, S, S), S a multiple of 32, to features of `FEATURE_CHANNELS` channels."""
        eighth = self._run(self._begin(picture), self.frozen_stages, 3)
        sixteenth = self._run(eighth, 3, 4)
        coarse = self.join_sixteenth(self._run(sixteenth, 4, 5), sixteenth)
        return self.join_eighth(coarse, eighth), coarse

    def freeze(self, stages: int) -> None:
        """Train so many stages (0 to 3) from the picture on, and what is before them, no longer."""
        self.frozen_stages = stages
        if stages:
            for module in (self.stem, self.stem_activation, *self.stages[:stages]):
                module.requires_grad_(False)

    def _begin(self, picture: Tensor) -> Tensor:
        if self.frozen_stages == 0:
            return self._stem(picture)
        at_once = _PICTURES_AT_ONCE if picture.device.type == "cpu" else len(picture)
        with torch.no_grad():
            return torch.cat([self._run(self._stem(part), 0, self.frozen_stages) for part in picture.split(at_once)])

    def _stem(self, picture: Tensor) -> Tensor:
        return self.stem_activation(self.stem(functional.pad(picture, (1, 2, 1, 2))))

    def _run(self, features: Tensor, first: int, last: int) -> Tensor:
        for stage in self.stages[first:last]:
            features = stage(features)
        return features


def load_palm_weights(backbone: PalmBackbone, path: Path) -> None:
    """Take the weights of the shipped ``palm_detection.onnx``; `backbone` is changed in place.

    Raises
    ------
    HandsError
        see `take_onnx_weights`
    """

    def take(nodes: Sequence[Any], stored: Mapping[str, Tensor]) -> None:
        answers = {node.input[0] for node in nodes if node.op_type == "Transpose"}
        found = [
            [stored[name] for name in node.input[1:]]
            for kind in ("Conv", "PRelu")
            for node in nodes
            if node.op_type == kind and node.output[0] not in answers
        ]
        modules = list(backbone.modules())
        own = [[m.weight, m.bias] for m in modules if isinstance(m, nn.Conv2d)]
        own += [[m.weight] for m in modules if isinstance(m, nn.PReLU)]
        for layer, values in zip(own, found, strict=True):
            for parameter, value in zip(layer, values, strict=True):
                if parameter is None or parameter.numel() != value.numel():
                    raise ValueError(f"{tuple(value.shape)} does not fit")
                parameter.copy_(value.reshape(parameter.shape))

    take_onnx_weights(path, "the palm detector", take)
