"""The shipped weights of the open two-hand network: both stages in one safetensors file, with their settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..contract import ErrorCode, HandsError
from ..hands.model import HandModel
from .configuration import NetworkConfiguration
from .finder_net import FinderNet
from .pair_net import PairNet

_FINDER, _PAIR = "finder.", "pair."
_CONFIGURATION, _INPUT, _MODELS = "configuration", "finder_input_px", "hand_models_sha256"


class OpenNetworks(NamedTuple):
    """Both stages.

    Parameters
    ----------
    finder : stage one
    finder_input_px : side of what it sees
    pair : stage two
    """

    finder: FinderNet
    finder_input_px: int
    pair: PairNet


def write_open_weights(
    path: Path, networks: OpenNetworks, models: tuple[HandModel, HandModel], card: Mapping[str, str]
) -> None:
    """Write both networks in half precision; `card` (where the weights come from) goes into the metadata too.

    Raises
    ------
    ValueError
        where a weight is too large for half precision, or no number
    """
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for prefix, network in ((_FINDER, networks.finder), (_PAIR, networks.pair)):
        for name, tensor in network.state_dict().items():
            stored = tensor.half() if tensor.is_floating_point() else tensor
            if not bool(torch.isfinite(stored).all()):
                raise ValueError(f"{prefix}{name} does not fit into half precision.")
            tensors[prefix + name] = stored.contiguous()
    metadata = {
        **card,
        _CONFIGURATION: json.dumps(asdict(networks.pair.configuration)),
        _INPUT: str(networks.finder_input_px),
        _MODELS: json.dumps([model.sha256 for model in models]),
    }
    save_file(tensors, path, metadata)


def read_open_weights(path: Path, models: tuple[HandModel, HandModel]) -> OpenNetworks:
    """Both networks in single precision, in evaluation mode.

    Parameters
    ----------
    models : right and left hand; those that the weights were trained with

    Raises
    ------
    HandsError
        MODEL_MISSING; MODEL_DAMAGED, also where the weights belong to other hand models
    """
    from safetensors import safe_open

    if not path.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"The model file '{path}' is missing.", "Install the program again.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        configuration = NetworkConfiguration(**json.loads(metadata[_CONFIGURATION]))
        same_models = json.loads(metadata[_MODELS]) == [model.sha256 for model in models]
        finder, pair = FinderNet(), PairNet(configuration, models)
        _load(finder, tensors, _FINDER)
        _load(pair, tensors, _PAIR)
        input_px = int(metadata[_INPUT])
    except Exception as error:  # a damaged or foreign file raises nearly anything
        raise HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"The model file '{path}' cannot be used ({type(error).__name__}).",
            "Install the program again; its 'weights' folder must be complete.",
        ) from error
    if not same_models:
        raise HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"The model file '{path}' belongs to other hand models than those beside it.",
            "Install the program again; its 'weights' folder must be of one version.",
        )
    return OpenNetworks(finder.eval(), input_px, pair.eval())


def _load(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    network.load_state_dict(
        {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in own.items()}
    )
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in its stub
