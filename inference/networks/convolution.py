"""The one convolution unit that the compact configuration is built of: convolution, batch norm, activation."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["none", "relu", "relu6"]


class NormSettings(NamedTuple):
    """Of a batch norm: what is added to the variance, and how fast the running statistics follow."""

    epsilon: float = 1e-5
    momentum: float = 0.1


_USUAL_NORM = NormSettings()


class ConvolutionUnit(nn.Module):
    """Convolution without bias, batch norm, activation; padded as TensorFlow pads ("same", for even sizes).

    With stride 2 that is one pixel less before the picture than behind it: the pretrained backbone was trained so.

    Parameters
    ----------
    channels_in, channels_out : widths
    kernel, stride, groups : of the convolution; `groups` equal to `channels_in` makes it depthwise
    activation : what follows the batch norm
    norm : of the batch norm
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        activation: Activation = "relu",
        norm: NormSettings = _USUAL_NORM,
    ) -> None:
        super().__init__()
        self.activation: Activation = activation
        missing_px = max(kernel - stride, 0)
        before, behind = missing_px // 2, missing_px - missing_px // 2
        # (left, right, top, bottom), None where the convolution can pad by itself.
        self.uneven_padding = None if before == behind else (before, behind, before, behind)
        own_padding = before if self.uneven_padding is None else 0
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, own_padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(channels_out, norm.epsilon, norm.momentum)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in, H, W) to (B, channels_out, H / stride, W / stride)."""
        if self.uneven_padding is not None:
            features = functional.pad(features, self.uneven_padding)
        features = self.norm(self.conv(features))
        if self.activation == "relu":
            return functional.relu(features)
        return functional.relu6(features) if self.activation == "relu6" else features


def separable(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise unit: a light convolution."""
    return nn.Sequential(
        ConvolutionUnit(channels_in, channels_in, 3, stride, groups=channels_in, activation="none"),
        ConvolutionUnit(channels_in, channels_out),
    )


class InvertedResidual(nn.Module):
    """Widen, depthwise convolution, narrow; a shortcut where the shape stays (MobileNet v2's block, no squeeze).

    Parameters
    ----------
    channels_in, channels_out, kernel, stride : of the block
    expansion : how many times the inner width is the outer; 1 leaves the widening out
    norm : of the batch norms
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        expansion: int = 6,
        norm: NormSettings = _USUAL_NORM,
    ) -> None:
        super().__init__()
        inner = channels_in * expansion
        self.expand = ConvolutionUnit(channels_in, inner, activation="relu6", norm=norm) if expansion != 1 else None
        self.depthwise = ConvolutionUnit(inner, inner, kernel, stride, groups=inner, activation="relu6", norm=norm)
        self.project = ConvolutionUnit(inner, channels_out, activation="none", norm=norm)
        self.has_shortcut = stride == 1 and channels_in == channels_out

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in, H, W) to (B, channels_out, H / stride, W / stride)."""
        inner = features if self.expand is None else self.expand(features)
        inner = self.project(self.depthwise(inner))
        return features + inner if self.has_shortcut else inner


def start_near_zero(layer: nn.Conv2d | nn.Linear, deviation: float = 0.001) -> None:
    """Give a regressing layer small weights and no bias: training begins at "nothing seen" and "the mean pose"."""
    nn.init.normal_(layer.weight, std=deviation)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
