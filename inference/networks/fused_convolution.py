"""A convolution with everything around it in one step, for running a trained network."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import fusion

from .convolution import Activation

_ONEDNN_ACTIVATION: Final[dict[Activation, tuple[str, list[float]]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
}


def onednn_is_there() -> bool:
    """Whether this torch has oneDNN and the operators that run it on weights in its own layout."""
    names = ("_convolution_pointwise", "_convolution_transpose_pointwise", "_reorder_convolution_transpose_weight")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in names)


class FusedConvolution(nn.Module):
    """A convolution, plain or transposed, with its batch norm folded in and the activation that follows.

    Parameters
    ----------
    convolution : the trained one, without or with bias
    norm : its batch norm, in evaluation mode; anything else folds nothing
    activation : what follows
    uneven_padding : (left, right, top, bottom) added before, where the convolution cannot pad so by itself
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        convolution: nn.Conv2d | nn.ConvTranspose2d,
        norm: nn.Module | None = None,
        activation: Activation = "none",
        uneven_padding: tuple[int, int, int, int] | None = None,
    ) -> None:
        super().__init__()
        self.is_transposed = isinstance(convolution, nn.ConvTranspose2d)
        if isinstance(norm, nn.BatchNorm2d):
            convolution = fusion.fuse_conv_bn_eval(convolution, norm, transpose=self.is_transposed)
        self.register_buffer("weight", convolution.weight.detach())
        self.register_buffer("bias", None if convolution.bias is None else convolution.bias.detach())
        self.activation: Activation = activation
        self.uneven_padding = uneven_padding
        self.padding, self.stride = _pair(convolution.padding), _pair(convolution.stride)
        self.groups = convolution.groups
        self._packed: Tensor | None = None

    def forward(self, features: Tensor, added: Tensor | None = None) -> Tensor:
        """(B, C, H, W) to (B, C', H', W'); `added` (B, C', H', W') is summed in before the activation."""
        if self.uneven_padding is not None:
            features = functional.pad(features, self.uneven_padding)
        if self._packed is not None:
            return self._run_packed(features, self._packed, added)
        run = functional.conv_transpose2d if self.is_transposed else functional.conv2d
        result = run(features, self.weight, self.bias, self.stride, self.padding, groups=self.groups)
        if added is not None:
            result = result + added
        if self.activation == "relu":
            return functional.relu(result, inplace=True)
        return functional.relu6(result, inplace=True) if self.activation == "relu6" else result

    def pack(self, input_shape: torch.Size) -> None:
        """Lay the weights out once as oneDNN wants them for inputs of this shape, instead of at every call.

        Other shapes still work. The module stays on the CPU from then on and has no weights to save any more.
        """
        if self.uneven_padding is not None:
            left, right, top, bottom = self.uneven_padding
            input_shape = torch.Size([*input_shape[:2], input_shape[2] + top + bottom, input_shape[3] + left + right])
        if self.is_transposed:
            self._packed = torch.ops.mkldnn._reorder_convolution_transpose_weight(
                self.weight.contiguous(), self.padding, (0, 0), self.stride, (1, 1), self.groups, list(input_shape)
            )
        else:
            self._packed = torch.ops.aten.mkldnn_reorder_conv2d_weight(
                self.weight.contiguous().to_mkldnn(), self.padding, self.stride, (1, 1), self.groups, list(input_shape)
            )
        self.weight = self.weight.new_empty(0)

    def _run_packed(self, features: Tensor, weight: Tensor, added: Tensor | None) -> Tensor:
        name, limits = _ONEDNN_ACTIVATION[self.activation]
        tail = (self.stride, (1, 1), self.groups)
        if added is not None:
            after = None if name == "none" else name
            operands = (features, added, weight, self.bias, self.padding)
            return torch.ops.mkldnn._convolution_pointwise.binary(*operands, *tail, "add", 1.0, after, limits, None)
        if self.is_transposed:
            operands = (features, weight, self.bias, self.padding, (0, 0))
            return torch.ops.mkldnn._convolution_transpose_pointwise(*operands, *tail, name, limits, None)
        operands = (features, weight, self.bias, self.padding)
        return torch.ops.mkldnn._convolution_pointwise(*operands, *tail, name, limits, None)


def _pair(value: str | tuple[int, ...]) -> tuple[int, int]:
    assert not isinstance(value, str)  # noqa: S101 - no convolution here is padded by name
    return value[0], value[1]


class FusedBottleneck(nn.Module):
    """Three fused convolutions and a shortcut: `Bottleneck`, or `StageFeatures` where `averages` is set.

    Parameters
    ----------
    convolutions : the three, the last with the ReLU that follows the sum
    shortcut : a convolution, or None for the input itself
    averages : return the spatial mean
    """

    def __init__(
        self,
        convolutions: tuple[FusedConvolution, FusedConvolution, FusedConvolution],
        shortcut: FusedConvolution | None,
        averages: bool,
    ) -> None:
        super().__init__()
        self.first, self.second, self.third = convolutions
        self.shortcut = shortcut
        self.averages = averages

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W'), or to (B, C') where it averages."""
        shortcut = features if self.shortcut is None else self.shortcut(features)
        result = self.third(self.second(self.first(features)), shortcut)
        return result.mean(dim=(2, 3)) if self.averages else result
