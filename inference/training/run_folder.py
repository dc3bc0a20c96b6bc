"""What a training run leaves on disk: a checkpoint to go on from, the network for use, and a log.

``checkpoint.pt`` (read with ``weights_only``), ``network.safetensors`` (the averaged weights, with what the run is as
metadata), ``log.jsonl``, TensorBoard's events, and ``bad_batch.pt`` where training broke.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import torch
from torch import Tensor

from ..contract import ErrorCode, HandsError, output_error
from ..fit.placement import AnswerAxes
from .batch import StepBatch
from .configuration import configuration_from_json
from .run_identity import RunIdentity

CHECKPOINT_NAME: Final = "checkpoint.pt"
NETWORK_NAME: Final = "network.safetensors"
_FORMAT: Final = 2
"""1 did not say in which axes and of which hand models the run was."""


@dataclass(frozen=True)
class SavedRun:
    """A run as it was after `step` optimiser steps."""

    identity: RunIdentity
    step: int
    network: dict[str, Tensor]
    averaged: dict[str, Tensor]
    optimiser: dict[str, Any]


@dataclass(frozen=True)
class SavedNetwork:
    """The averaged weights of a run, and what it was."""

    identity: RunIdentity
    weights: dict[str, Tensor]


class RunFolder:
    """See the module.

    Parameters
    ----------
    path : made where it is missing

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(path, error) from error

    @property
    def checkpoint(self) -> Path:
        """The file that a run goes on from."""
        return self.path / CHECKPOINT_NAME

    @property
    def network(self) -> Path:
        """The file for use."""
        return self.path / NETWORK_NAME

    def save(self, run: SavedRun) -> None:
        """Write checkpoint and network; a run that is killed meanwhile keeps its last ones."""
        content = {
            "format": _FORMAT,
            **_as_texts(run.identity),
            "step": run.step,
            "network": run.network,
            "averaged": run.averaged,
            "optimiser": run.optimiser,
        }
        self._replace(self.checkpoint, lambda path: torch.save(content, path))
        self._replace(self.network, lambda path: save_network(path, run))
        # Its writer keeps it from everyone else.
        self.network.chmod(self.checkpoint.stat().st_mode)

    def load(self) -> SavedRun | None:
        """The run so far; None where there is none.

        Raises
        ------
        HandsError
            MODEL_DAMAGED
        """
        if not self.checkpoint.is_file():
            return None
        try:
            content = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            if content["format"] != _FORMAT:
                raise _other_version(self.checkpoint)
            return SavedRun(
                _from_texts(content),
                int(content["step"]),
                content["network"],
                content["averaged"],
                content["optimiser"],
            )
        except HandsError as error:
            if error.code is ErrorCode.MODEL_DAMAGED:
                raise
            raise _other_version(self.checkpoint) from error  # its configuration has keys that this one lacks
        except Exception as error:  # a damaged file raises nearly anything
            raise self.damaged(error) from error

    def damaged(self, error: Exception) -> HandsError:
        """What is told of a checkpoint that cannot be gone on from; `error` says why."""
        return HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"'{self.checkpoint}' is not a whole training checkpoint of this run ({type(error).__name__}).",
            "Start a new run in another folder, from this one's network.safetensors with --first-weights if you like.",
        )

    def save_bad_batch(self, parts: Sequence[StepBatch], rank: int = 0) -> Path:
        """Keep what broke training in the process of that rank: a list of the tensors of every part of the step."""
        path = self.path / (f"bad_batch_{rank}.pt" if rank else "bad_batch.pt")
        tensors = [{name: tensor.cpu() for name, tensor in part.named_tensors().items()} for part in parts]
        self._replace(path, lambda part: torch.save(tensors, part))
        return path

    def log(self, entry: Mapping[str, float]) -> None:
        """Add a line to the log."""
        path = self.path / "log.jsonl"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(dict(entry)) + "\n")
        except OSError as error:
            raise output_error(path, error) from error

    def _replace(self, path: Path, write: Callable[[Path], None]) -> None:
        # Always of the same name, unlike `contract.replacing`: of runs that are killed no more than one is left behind.
        part = path.with_name(path.name + ".part")
        try:
            write(part)
            with part.open("r+b") as file:  # or a machine that goes down may know the new name and not the content
                os.fsync(file.fileno())
            part.replace(path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            with suppress(OSError):  # the first error is the one to tell
                part.unlink(missing_ok=True)
            cause = error if isinstance(error, OSError) else OSError(str(error))
            raise output_error(path, cause) from error


def save_network(path: Path, run: SavedRun) -> None:
    """Write the averaged weights with what is needed to build the network."""
    from safetensors.torch import save_file

    metadata = {**_as_texts(run.identity), "step": str(run.step)}
    save_file({name: tensor.contiguous() for name, tensor in run.averaged.items()}, path, metadata)


def load_network_file(path: Path) -> SavedNetwork:
    """What `save_network` wrote.

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED
    """
    from safetensors import safe_open

    if not path.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"There is no network '{path}'.", "Give a run's network.safetensors.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except Exception as error:  # a damaged or foreign file raises nearly anything
        raise _no_network(path) from error
    if "configuration" not in metadata:
        raise _no_network(path)
    try:
        return SavedNetwork(_from_texts(metadata), weights)
    except (HandsError, KeyError, ValueError, TypeError) as error:
        raise _other_version(path) from error


def _no_network(path: Path) -> HandsError:
    return HandsError(
        ErrorCode.MODEL_DAMAGED, f"'{path}' is not a network that `train` wrote.", "Give network.safetensors."
    )


def _other_version(path: Path) -> HandsError:
    return HandsError(
        ErrorCode.MODEL_DAMAGED, f"'{path}' was written by another version of this program.", "Train again."
    )


def _as_texts(identity: RunIdentity) -> dict[str, str]:
    """All that metadata can hold."""
    return {
        "configuration": identity.configuration.to_json(),
        "data": identity.data,
        "axes": identity.axes,
        "model_sha256": json.dumps(identity.model_sha256),
        "processes": str(identity.processes),
    }


def _from_texts(texts: Mapping[str, Any]) -> RunIdentity:
    """Undoes `_as_texts`; raises nearly anything for other texts."""
    axes = texts["axes"]
    if axes not in get_args(AnswerAxes):
        raise ValueError(f"axes {axes!r}")
    right, left = json.loads(texts["model_sha256"])
    return RunIdentity(
        configuration_from_json(texts["configuration"]),
        str(texts["data"]),
        axes,
        (str(right), str(left)),
        int(texts["processes"]),
    )
