"""The shipped weights of the open two-hand network: both stages in one safetensors file, with their settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..contract import ErrorCode, HandsError
from ..hands.model import HandModel
from .configuration import NetworkConfiguration
from .finder_net import FinderNet
from .pair_net import PairNet

Stage = Literal["finder", "pair"]
"""The metadata say under this name what a stage was trained on; its tensors' names begin with it and a point."""
STAGES: Final[tuple[Stage, Stage]] = ("finder", "pair")
MODELS_KEY: Final = "hand_models_sha256"
"""Of the metadata: hashes of the right and the left hand model, in JSON."""
_CONFIGURATION, _INPUT = "configuration", "finder_input_px"


class PackedFile(NamedTuple):
    """All that is in the file, as it is stored."""

    metadata: dict[str, str]
    tensors: dict[str, Tensor]

    def weights_of(self, stage: Stage) -> dict[str, Tensor]:
        """A stage's state dict, in single precision."""
        prefix = f"{stage}."
        own = {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}
        return {name: value.float() if value.is_floating_point() else value for name, value in own.items()}


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
    for stage in STAGES:
        network: nn.Module = getattr(networks, stage)
        for name, tensor in network.state_dict().items():
            stored = tensor.half() if tensor.is_floating_point() else tensor
            if not bool(torch.isfinite(stored).all()):
                raise ValueError(f"{stage}.{name} does not fit into half precision.")
            tensors[f"{stage}.{name}"] = stored.contiguous()
    metadata = {
        **card,
        _CONFIGURATION: json.dumps(asdict(networks.pair.configuration)),
        _INPUT: str(networks.finder_input_px),
        MODELS_KEY: json.dumps([model.sha256 for model in models]),
    }
    save_file(tensors, path, metadata)


def read_packed_file(path: Path) -> PackedFile:
    """What a file holds, whatever it is.

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED
    """
    from safetensors import safe_open

    if not path.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"The model file '{path}' is missing.", "Install the program again.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            return PackedFile(metadata, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - no dict
    except Exception as error:  # a damaged or foreign file raises nearly anything
        raise damaged(path, error) from error


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
    packed = read_packed_file(path)
    try:
        configuration = NetworkConfiguration(**json.loads(packed.metadata[_CONFIGURATION]))
        same_models = json.loads(packed.metadata[MODELS_KEY]) == [model.sha256 for model in models]
        finder, pair = FinderNet(), PairNet(configuration, models)
        _load(finder, packed.weights_of("finder"))
        _load(pair, packed.weights_of("pair"))
        input_px = int(packed.metadata[_INPUT])
    except Exception as error:  # a damaged or foreign file raises nearly anything
        raise damaged(path, error) from error
    if not same_models:
        raise HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"The model file '{path}' belongs to other hand models than those beside it.",
            "Install the program again; its 'weights' folder must be of one version.",
        )
    return OpenNetworks(finder.eval(), input_px, pair.eval())


def damaged(path: Path, error: Exception) -> HandsError:
    """What is told of a file that is not what `write_open_weights` writes; `error` says why."""
    return HandsError(
        ErrorCode.MODEL_DAMAGED,
        f"The model file '{path}' cannot be used ({type(error).__name__}).",
        "Install the program again; its 'weights' folder must be complete.",
    )


def _load(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    network.load_state_dict(weights)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in its stub
