"""Reading the authors' checkpoint: check every tensor, take the weights and the hand models out of it.

``torch.load`` runs with ``weights_only=True`` and memory-mapped: nothing in the file can run code, and the optimiser's
half of it is never read (reference/network.md, "Checkpoint file").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from ..hands.joints import SIDES, Side
from ..hands.mano_file import POSE_COMPONENTS, VERTEX_COUNT, mano_model
from ..hands.model import HandModelError
from ..hands.open_hand import load_hand_models
from .configuration import PAPER
from .intershape import InterShape

OLDEST_TORCH: Final = (2, 6)
"""Before this version ``weights_only=True`` could be got around (CVE-2025-32434)."""
_PREFIX: Final = "module."
_HAND_BUFFERS: Final = "mesh_reg.mano_layer."
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_REFUSED_NAME: Final = re.compile(r"GLOBAL ([\w.]+)")
_MISSING_BYTES: Final = re.compile(r"unexpected EOF, expected (\d+) more bytes")


class CheckpointError(ValueError):
    """The file is no checkpoint of the paper's network; the message says in what way, without the file's name."""


class ForeignCodeError(CheckpointError):
    """The file wants something called while it is read."""


class OtherNetworkError(CheckpointError):
    """The file holds tensors of another network."""


class TruncatedCheckpointError(CheckpointError):
    """A file of an old torch ends before its end; `missing_bytes` of it are known to be missing."""

    def __init__(self, missing_bytes: int) -> None:
        super().__init__(f"it ends too early, at least {missing_bytes:,} bytes are missing")
        self.missing_bytes = missing_bytes


class TensorKind(NamedTuple):
    """What a tensor must be."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class PaperCheckpoint:
    """The parts of the authors' checkpoint that are of use.

    Parameters
    ----------
    weights : network tensors by name, without ``module.`` and without the hand models; mapped from the file
    hand_arrays : the arguments of `mano_model` for each hand, checked; the left hand's shapedirs are right already
    epoch : the epoch that the file says it was saved at, -1 where it does not
    """

    weights: Mapping[str, Tensor]
    hand_arrays: Mapping[Side, Mapping[str, NDArray[Any]]]
    epoch: int


@lru_cache(maxsize=1)
def paper_tensors() -> Mapping[str, TensorKind]:
    """Name, shape and type of every tensor of the network in the `PAPER` configuration, from the network itself."""
    models = load_hand_models(_WEIGHTS_DIR)  # any hand will do: hand models are no part of a network's tensors
    with torch.device("meta"):
        network = InterShape(PAPER, (models["right"], models["left"]))
    return {name: TensorKind(tuple(tensor.shape), tensor.dtype) for name, tensor in network.state_dict().items()}


def check_paper_weights(weights: Mapping[str, Tensor]) -> None:
    """Whether these are the paper's network, by names, shapes and types; values are not read.

    Raises
    ------
    CheckpointError
        naming the first thing that is wrong
    """
    expected = paper_tensors()
    missing, unknown = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    if missing or unknown:
        parts = [
            f"{len(names)} of its tensors {verb} (first: {ascii(names[0][:100])[1:-1]})"
            for names, verb in ((missing, "are missing"), (unknown, "are unknown"))
            if names
        ]
        raise OtherNetworkError(f"it holds another network: {' and '.join(parts)}")
    for name, kind in expected.items():
        tensor = weights[name]
        if tuple(tensor.shape) != kind.shape:
            raise OtherNetworkError(f"{name} has shape {tuple(tensor.shape)}, expected {kind.shape}")
        if tensor.dtype != kind.dtype or tensor.layout != torch.strided or tensor.device.type != "cpu":
            found = f"{tensor.dtype}, {tensor.layout} on the device '{tensor.device}'"
            raise CheckpointError(f"{name} is of type {found}, expected {kind.dtype}")


def read_paper_checkpoint(path: Path) -> PaperCheckpoint:
    """Read ``snapshot_99.pth.tar``, with or without the optimiser's state, or its network alone.

    Raises
    ------
    CheckpointError
        naming what is missing, unexpected or not finite
    HandModelError
        where a hand model in it is damaged
    """
    tensors, epoch, is_flat = _network_tensors(_load(path))
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(_HAND_BUFFERS)}
    if is_flat and set(weights) != set(paper_tensors()):
        raise OtherNetworkError(
            f"it is a flat dictionary of {len(tensors)} tensors of another network, as the first release's model.pts "
            "is; this program reads the second release's snapshot_99.pth.tar"
        )
    check_paper_weights(weights)
    hand_arrays: dict[Side, Mapping[str, NDArray[Any]]] = {side: _hand_arrays(tensors, side) for side in SIDES}
    for name, tensor in weights.items():
        # A sum keeps whatever is not finite, and takes a tenth of the time; it may overflow on its own.
        if not bool(torch.isfinite(tensor.sum())) and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{name} holds values that are not finite")
    return PaperCheckpoint(weights, hand_arrays, epoch)


def _load(path: Path) -> object:
    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < OLDEST_TORCH:
        wanted = ".".join(map(str, OLDEST_TORCH))
        raise CheckpointError(f"reading it safely needs torch {wanted} or newer, here is {torch.__version__}")
    try:
        # Files from before torch 1.6 are no zip files and cannot be mapped.
        with path.open("rb") as file:
            mapped = file.read(2) == b"PK"
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except MemoryError:
        raise
    except Exception as error:  # a damaged or foreign file raises nearly anything
        text = str(error)
        if found := _REFUSED_NAME.search(text):
            raise ForeignCodeError(f"it asks for '{found[1]}'") from error
        if found := _MISSING_BYTES.search(text):
            raise TruncatedCheckpointError(int(found[1])) from error
        if isinstance(error, EOFError):
            raise TruncatedCheckpointError(1) from error
        raise CheckpointError(f"it is damaged ({type(error).__name__})") from error


def _network_tensors(content: object) -> tuple[dict[str, Tensor], int, bool]:
    """Tensors by name, epoch, and whether they lay there without the rest of a checkpoint."""
    if not isinstance(content, dict):
        raise OtherNetworkError(f"it holds a {type(content).__name__} instead of named tensors")
    network, epoch = content.get("network", content), content.get("epoch", -1)
    if not isinstance(network, dict) or not network:
        raise OtherNetworkError("its entry 'network' holds no tensors")
    tensors: dict[str, Tensor] = {}
    for name, value in network.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise OtherNetworkError("it holds something else than named tensors")
        tensors[name.removeprefix(_PREFIX)] = value.detach()  # parameters are as good as plain tensors
    return tensors, epoch if isinstance(epoch, int) else -1, network is content


def _hand_arrays(tensors: Mapping[str, Tensor], side: Side) -> dict[str, NDArray[Any]]:
    def buffer(name: str) -> NDArray[Any]:
        key = f"{_HAND_BUFFERS}{side[0]}.{name}"
        if key not in tensors:
            raise CheckpointError(f"it lacks the hand model's {key}")
        try:
            return tensors[key].numpy()
        except (TypeError, RuntimeError) as error:  # a type, layout or device that numpy has not
            raise CheckpointError(f"{key} is no plain array") from error

    posedirs = buffer("posedirs")
    if posedirs.shape != (POSE_COMPONENTS, VERTEX_COUNT * 3):
        raise HandModelError(f"The {side} hand's posedirs have shape {posedirs.shape}.")
    arrays = {
        "v_template": buffer("v_template"),
        "shapedirs": buffer("shapedirs"),
        "posedirs": posedirs.T.reshape(VERTEX_COUNT, 3, POSE_COMPONENTS),
        "joint_regressor": buffer("J_regressor"),
        "lbs_weights": buffer("lbs_weights"),
        "parents": buffer("parents"),
        "faces": buffer("faces_tensor"),
        "mean_rotvec": buffer("hand_mean"),
    }
    mano_model(side, **arrays)  # checks everything
    return arrays
