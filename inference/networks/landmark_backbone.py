"""The backbone of the pair network: MediaPipe's hand landmark net (Apache-2.0) in torch, so that it can go on learning.

It has seen real hands by the ten thousands, which no drawn picture replaces. Batch norms are folded into its
convolutions, as in the shipped file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from ..hands.joints import OPENPOSE_TO_MANO
from .mesh_net import full_precision
from .onnx_weights import take_onnx_weights

CROP_PX: Final = 224
FEATURE_CHANNELS: Final = (40, 112, 1152)
"""Widths of the features at an eighth, a sixteenth and a thirty-second of the crop's side."""
_POINT_NUMBERS: Final = 63


class _Block(NamedTuple):
    kernel: int
    stride: int
    inner: int
    channels: int


_STEM_CHANNELS: Final = 24
_FIRST_CHANNELS: Final = 16
_BLOCKS: Final = (
    _Block(3, 2, 64, 24),
    _Block(3, 1, 144, 24),
    _Block(5, 2, 144, 40),
    _Block(5, 1, 240, 40),
    _Block(3, 2, 240, 80),
    _Block(3, 1, 480, 80),
    _Block(3, 1, 480, 80),
    _Block(5, 1, 480, 112),
    _Block(5, 1, 672, 112),
    _Block(5, 1, 672, 112),
    _Block(5, 2, 672, 192),
    _Block(5, 1, 1152, 192),
    _Block(5, 1, 1152, 192),
    _Block(5, 1, 1152, 192),
)
_EIGHTH, _SIXTEENTH = 3, 9
"""The blocks after which features are read."""


class LandmarkAnswer(NamedTuple):
    """What the original net says of N crops.

    Parameters
    ----------
    points_px : (N, 21, 3) MANO order, then tips; x and y in pixels of the crop, the centre of its first pixel being
        (0, 0); z in pixels too, relative to the wrist
    presence_logit : (N,)
    right_logit : (N,)
    """

    points_px: Tensor
    presence_logit: Tensor
    right_logit: Tensor


class _Convolution(nn.Conv2d):
    """Padded as TensorFlow pads ("same", for even sizes); ReLU6 after it where `active`."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        missing = max(kernel - stride, 0)
        before, behind = missing // 2, missing - missing // 2
        super().__init__(
            channels_in, channels_out, kernel, stride, before if before == behind else 0, groups=groups, bias=True
        )
        self.uneven_padding = None if before == behind else (before, behind, before, behind)

    def forward(self, input: Tensor) -> Tensor:
        if self.uneven_padding is not None:
            input = functional.pad(input, self.uneven_padding)
        return super().forward(input)


class _Residual(nn.Module):
    def __init__(self, channels_in: int, block: _Block) -> None:
        super().__init__()
        self.expand = _Convolution(channels_in, block.inner)
        self.depthwise = _Convolution(block.inner, block.inner, block.kernel, block.stride, block.inner)
        self.project = _Convolution(block.inner, block.channels)
        self.has_shortcut = block.stride == 1 and channels_in == block.channels

    def forward(self, features: Tensor) -> Tensor:
        inner = functional.relu6(self.depthwise(functional.relu6(self.expand(features))))
        inner = self.project(inner)
        return features + inner if self.has_shortcut else inner


class LandmarkBackbone(nn.Module):
    """Crops to features and to the original net's own answer.

    Parameters
    ----------
    frozen_blocks : so many of the 14 first blocks, and what is before them, never learn: their gradients are not
        computed
    """

    def __init__(self, frozen_blocks: int = 0) -> None:
        super().__init__()
        self.stem = _Convolution(3, _STEM_CHANNELS, 3, 2)
        self.first_depthwise = _Convolution(_STEM_CHANNELS, _STEM_CHANNELS, 3, 1, _STEM_CHANNELS)
        self.first_project = _Convolution(_STEM_CHANNELS, _FIRST_CHANNELS)
        channels = [_FIRST_CHANNELS, *(block.channels for block in _BLOCKS)]
        self.blocks = nn.ModuleList(_Residual(width, block) for width, block in zip(channels, _BLOCKS, strict=False))
        self.last_expand = _Convolution(channels[-1], FEATURE_CHANNELS[-1])
        self.last_depthwise = _Convolution(FEATURE_CHANNELS[-1], FEATURE_CHANNELS[-1], 3, 1, FEATURE_CHANNELS[-1])
        self.handedness = nn.Linear(FEATURE_CHANNELS[-1], 1)
        self.presence = nn.Linear(FEATURE_CHANNELS[-1], 1)
        self.points = nn.Linear(FEATURE_CHANNELS[-1], _POINT_NUMBERS)
        if frozen_blocks:
            for module in (self.stem, self.first_depthwise, self.first_project, *self.blocks[:frozen_blocks]):
                module.requires_grad_(False)

    def forward(self, crops: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], LandmarkAnswer]:
        """Features of `FEATURE_CHANNELS` channels and the answer, from RGB crops (N, 3, 224, 224) in [0, 1]."""
        features = functional.relu6(self.first_depthwise(functional.relu6(self.stem(crops))))
        features = self.first_project(features)
        kept: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            features = block(features)
            if number in (_EIGHTH, _SIXTEENTH):
                kept.append(features)
        last = functional.relu6(self.last_depthwise(functional.relu6(self.last_expand(features))))
        pooled = last.mean(dim=(2, 3))
        with full_precision(pooled):
            pooled = pooled.float()
            points = self.points(pooled).unflatten(1, (21, 3))
            # The net counts from the corner of its input.
            points = points - points.new_tensor([0.5, 0.5, 0.0])
            answer = LandmarkAnswer(points, self.presence(pooled).squeeze(1), self.handedness(pooled).squeeze(1))
        return (kept[0], kept[1], last), answer

    def convolutions(self) -> list[_Convolution]:
        """In the order of computation."""
        return [module for module in self.modules() if isinstance(module, _Convolution)]


def load_landmark_weights(backbone: LandmarkBackbone, path: Path) -> None:
    """Take the weights of the shipped ``hand_landmark.onnx``; `backbone` is changed in place.

    Raises
    ------
    HandsError
        see `take_onnx_weights`
    """

    def take(nodes: Sequence[Any], stored: Mapping[str, Tensor]) -> None:
        convolutions = [node for node in nodes if node.op_type == "Conv"]
        for layer, node in zip(backbone.convolutions(), convolutions, strict=True):
            _copy(layer, stored[node.input[1]], stored[node.input[2]])
        products = [node for node in nodes if node.op_type == "Gemm"]
        # handedness, presence, points in the crop, shape in metres (which the pair network has from its hand model)
        for layer, node in zip((backbone.handedness, backbone.presence, backbone.points), products, strict=False):
            weight, bias = stored[node.input[1]], stored[node.input[2]]
            if layer is backbone.points:
                weight = weight.unflatten(0, (21, 3))[OPENPOSE_TO_MANO].flatten(0, 1)
                bias = bias.unflatten(0, (21, 3))[OPENPOSE_TO_MANO].flatten(0, 1)
            _copy(layer, weight, bias)

    take_onnx_weights(path, "the hand landmark net", take)


def _copy(layer: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor) -> None:
    if layer.weight.shape != weight.shape or layer.bias is None:
        raise ValueError(f"{tuple(weight.shape)} instead of {tuple(layer.weight.shape)}")
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
