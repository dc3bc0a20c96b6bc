"""What a network's weights are before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from ..contract import ErrorCode, HandsError
from ..networks.configuration import NetworkConfiguration
from ..networks.efficientnet_lite0 import find_imagenet_weights, load_imagenet_weights
from ..networks.intershape import InterShape
from ..networks.open_weights import Stage
from ..networks.resnet import ResNet50
from .packed_network import load_stage
from .run_folder import load_network_file
from .run_identity import ModelHashes

_WEIGHT_DEVIATION: Final = 0.01
_DECONVOLUTION_DEVIATION: Final = 0.001
_COUNTED: Final = "num_batches_tracked"
_WIDER_IN_OURS: Final = "layer3.0.conv1.weight", "layer3.0.downsample.0.weight"


def begin_as_the_paper(network: InterShape) -> None:
    """Normal weights of 0.01, of deconvolutions 0.001, biases 0 (reference/network.md, "Training")."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
            is_deconvolution = isinstance(module, nn.ConvTranspose2d)
            nn.init.normal_(module.weight, std=_DECONVOLUTION_DEVIATION if is_deconvolution else _WEIGHT_DEVIATION)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def require_imagenet(configuration: NetworkConfiguration, path: Path | None) -> None:
    """Whether there is a file for `take_imagenet`; the parameters are its own.

    Raises
    ------
    HandsError
        MODEL_MISSING
    """
    if path is not None and not path.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"There is no file '{path}'.", "Check what --imagenet says.")
    if path is None and configuration.backbone == "efficientnet_lite0":
        find_imagenet_weights()
    elif path is None:
        raise HandsError(
            ErrorCode.MODEL_MISSING,
            "The paper's network starts from ImageNet weights of ResNet-50, which no package here holds.",
            "Give torchvision's resnet50 file with --imagenet, or --first-weights random.",
        )


def take_imagenet(network: InterShape, path: Path | None) -> None:
    """Backbone weights of a classifier.

    Parameters
    ----------
    network : changed in place
    path : for the compact network the registry package's file (None: the installed package); for the paper's a
        torchvision ResNet-50 state dict, which both of its backbones take, as far as they have the tensors

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED
    """
    require_imagenet(network.configuration, path)
    if path is None or network.configuration.backbone == "efficientnet_lite0":
        load_imagenet_weights(network.backbone, path)
        return
    theirs = _read_resnet50(path)
    for backbone in (network.mesh_reg.base_net, network.heatmap_predictor.get_submodule("backbone_net.resnet")):
        own = backbone.state_dict()
        for name, value in own.items():
            if name not in theirs:
                continue
            if name in _WIDER_IN_OURS and value.shape[1] > theirs[name].shape[1]:
                # The channels of the heat maps come behind the picture's; those are new.
                value[:, : theirs[name].shape[1]] = theirs[name]
            else:
                value.copy_(theirs[name])


def _read_resnet50(path: Path) -> dict[str, Tensor]:
    """Tensors by name, without the classifier's: all of ResNet-50's and no others, as other ResNets have."""
    try:
        content: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        theirs = {name: value for name, value in content.items() if not name.startswith("fc.")}
        # Older files do not count the batches that the norms have seen.
        shapes = {name: value.shape for name, value in theirs.items() if not name.endswith(_COUNTED)}
    except Exception as error:  # a damaged or foreign file raises nearly anything
        raise _no_resnet50(path) from error
    with torch.device("meta"):
        expected = ResNet50(blocks_normalised=True).state_dict()
    if shapes != {name: value.shape for name, value in expected.items() if not name.endswith(_COUNTED)}:
        raise _no_resnet50(path)
    return theirs


def _no_resnet50(path: Path) -> HandsError:
    return HandsError(
        ErrorCode.MODEL_DAMAGED,
        f"'{path}' does not hold ResNet-50's weights.",
        "Give torchvision's resnet50 file, as it was downloaded.",
    )


def take_trained(network: nn.Module, path: Path, *, keep_backbone: bool = False) -> None:
    """Take over every tensor of an earlier run's network that has the same name and shape here.

    Parameters
    ----------
    keep_backbone : of a run that trained heat maps alone take these alone: its mesh net, as it began, must not replace
        the ImageNet weights that were given here

    Raises
    ------
    HandsError
        MODEL_MISSING, MODEL_DAMAGED; USAGE where nothing fits
    """
    saved = load_network_file(path)
    theirs = saved.weights
    if keep_backbone and saved.identity.configuration.train == "heatmaps":
        theirs = {name: value for name, value in theirs.items() if name.startswith("heatmap_predictor.")}
    _copy_fitting(network, theirs, path)


def take_stage(
    network: nn.Module, path: Path, stage: Stage, models: ModelHashes, *, backbone_alone: bool = False
) -> None:
    """Take over what fits of a trained finder or pair network, as `take_trained` does.

    Parameters
    ----------
    path, stage, models : see `load_stage`
    backbone_alone : nothing but the backbone is taken

    Raises
    ------
    HandsError
        see `load_stage`; USAGE where nothing fits
    """
    theirs = load_stage(path, stage, models).weights
    if backbone_alone:
        theirs = {name: value for name, value in theirs.items() if name.startswith("backbone.")}
    _copy_fitting(network, theirs, path)


def _copy_fitting(network: nn.Module, theirs: Mapping[str, Tensor], path: Path) -> None:
    own = network.state_dict()
    fitting = [name for name, value in theirs.items() if name in own and own[name].shape == value.shape]
    if not fitting:
        raise HandsError(ErrorCode.USAGE, f"Nothing of '{path}' fits this network.", "Is it another configuration?")
    for name in fitting:
        own[name].copy_(theirs[name])
