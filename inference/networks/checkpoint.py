"""Reading the authors' checkpoint: recognise it, check every tensor, take the weights and the hand models out of it.

``torch.load`` runs with ``weights_only=True`` and memory-mapped: nothing in the file can run code, and the optimiser's
half of it is never read (reference/network.md, "Checkpoint file").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ..hands.joints import SIDES, Side
from ..hands.mano_file import VERTEX_COUNT, mano_model
from ..hands.model import HandModel

_PREFIX: Final = "module."
_HAND_BUFFERS: Final = "mesh_reg.mano_layer."
_OLD_RELEASE_KEYS: Final = ("right_branch", "left_branch", "mesh_branch", "encoder")


class CheckpointError(ValueError):
    """The file is not a checkpoint of the paper's network; the message says in what way."""


@dataclass(frozen=True)
class PaperCheckpoint:
    """The parts of the authors' checkpoint that are of use.

    Parameters
    ----------
    weights : network tensors by name, without ``module.`` and without the hand models
    models : right and left hand model, rebuilt from the buffers
    epoch : the epoch that the file says it was saved at
    """

    weights: dict[str, Tensor]
    models: tuple[HandModel, HandModel]
    epoch: int


def read_paper_checkpoint(path: Path, expected_shapes: Mapping[str, tuple[int, ...]]) -> PaperCheckpoint:
    """Read ``snapshot_99.pth.tar``, with or without the optimiser's state.

    Parameters
    ----------
    path : the user's file
    expected_shapes : name and shape of every tensor of the network in the `PAPER` configuration

    Raises
    ------
    CheckpointError
        naming what is missing, unexpected or not finite
    """
    tensors, epoch = _network_tensors(path)
    hand_buffers = {name: tensor for name, tensor in tensors.items() if name.startswith(_HAND_BUFFERS)}
    weights = {name: tensor for name, tensor in tensors.items() if name not in hand_buffers}
    _check(path, weights, expected_shapes)
    right, left = (_hand_from_buffers(path, hand_buffers, side) for side in SIDES)
    return PaperCheckpoint(weights, (right, left), epoch)


def _network_tensors(path: Path) -> tuple[dict[str, Tensor], int]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a damaged or foreign file raises nearly anything
        if "weights_only" in str(error) or "Unsupported global" in str(error) or "GLOBAL" in str(error):
            raise CheckpointError(f"'{path.name}' is refused: it tries to load more than tensors.") from error
        raise CheckpointError(f"'{path.name}' cannot be read as a checkpoint ({type(error).__name__}).") from error
    if isinstance(content, dict) and isinstance(content.get("network"), dict):
        epoch = content.get("epoch", -1)
        named = content["network"]
    elif isinstance(content, dict) and content and all(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(
            f"'{path.name}' is a bare dictionary of tensors: the older release's model.pts, or another network. "
            "Only the second release's snapshot_99.pth.tar is supported."
        )
    else:
        raise CheckpointError(f"'{path.name}' is no checkpoint of the paper's network (it has no entry 'network').")
    tensors: dict[str, Tensor] = {}
    for name, value in named.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"'{path.name}' holds something else than named tensors in 'network'.")
        tensors[name.removeprefix(_PREFIX)] = value
    return tensors, int(epoch) if isinstance(epoch, int) else -1


def _check(path: Path, weights: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    missing = sorted(set(expected) - set(weights))
    unexpected = sorted(set(weights) - set(expected))
    if missing or unexpected:
        raise CheckpointError(
            f"'{path.name}' holds another network: {len(missing)} tensors are missing"
            f"{_first(missing)}, {len(unexpected)} are unknown{_first(unexpected)}."
        )
    for name, shape in expected.items():
        tensor = weights[name]
        if tuple(tensor.shape) != shape:
            raise CheckpointError(f"'{path.name}': {name} has shape {tuple(tensor.shape)}, expected {shape}.")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"'{path.name}': {name} holds values that are not finite; download it again.")


def _first(names: list[str]) -> str:
    return f" (first: {names[0]})" if names else ""


def _hand_from_buffers(path: Path, buffers: Mapping[str, Tensor], side: Side) -> HandModel:
    def buffer(name: str) -> np.ndarray[Any, Any]:
        key = f"{_HAND_BUFFERS}{side[0]}.{name}"
        if key not in buffers:
            raise CheckpointError(f"'{path.name}' lacks the hand model's {key}.")
        return buffers[key].numpy()

    posedirs = buffer("posedirs")
    if posedirs.shape != (135, VERTEX_COUNT * 3):
        raise CheckpointError(f"'{path.name}': the {side} hand's posedirs have shape {posedirs.shape}.")
    return mano_model(
        v_template=buffer("v_template"),
        shapedirs=buffer("shapedirs"),
        posedirs=posedirs.T.reshape(VERTEX_COUNT, 3, 135),
        joint_regressor=buffer("J_regressor"),
        lbs_weights=buffer("lbs_weights"),
        parents=buffer("parents"),
        faces=buffer("faces_tensor"),
        mean_rotvec=buffer("hand_mean"),
        side=side,
    )
