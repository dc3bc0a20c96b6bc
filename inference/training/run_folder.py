"""What a training run leaves on disk: a checkpoint to go on from, the network for use, and a log.

``checkpoint.pt`` (read with ``weights_only``), ``network.safetensors`` (the averaged weights, with the configuration
as metadata), ``log.jsonl``, TensorBoard's events, and ``bad_batch.pt`` where training broke.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from ..contract import ErrorCode, HandsError, output_error
from .batch import TrainingBatch
from .configuration import TrainingConfiguration, configuration_from_json

_FORMAT: Final = 1
_CONFIGURATION: Final = "configuration"


@dataclass(frozen=True)
class SavedRun:
    """A run as it was after `step` optimiser steps; `processes` shared the samples among them."""

    configuration: TrainingConfiguration
    step: int
    data: str
    network: dict[str, Tensor]
    averaged: dict[str, Tensor]
    optimiser: dict[str, Any]
    processes: int = 1


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
        return self.path / "checkpoint.pt"

    @property
    def network(self) -> Path:
        """The file for use."""
        return self.path / "network.safetensors"

    def save(self, run: SavedRun) -> None:
        """Write checkpoint and network; a run that is killed meanwhile keeps its last ones."""
        content = {
            "format": _FORMAT,
            _CONFIGURATION: run.configuration.to_json(),
            "step": run.step,
            "data": run.data,
            "network": run.network,
            "averaged": run.averaged,
            "optimiser": run.optimiser,
            "processes": run.processes,
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
                raise ValueError(f"format {content['format']}")
            return SavedRun(
                configuration_from_json(content[_CONFIGURATION]),
                int(content["step"]),
                str(content["data"]),
                content["network"],
                content["averaged"],
                content["optimiser"],
                int(content["processes"]),
            )
        except HandsError:
            raise
        except Exception as error:  # a damaged file raises nearly anything
            raise HandsError(
                ErrorCode.MODEL_DAMAGED,
                f"'{self.checkpoint}' is not a training checkpoint of this program ({type(error).__name__}).",
                "Start a new run in another folder.",
            ) from error

    def save_bad_batch(self, batch: TrainingBatch, rank: int = 0) -> Path:
        """Keep the batch that broke training in the process of that rank."""
        path = self.path / (f"bad_batch_{rank}.pt" if rank else "bad_batch.pt")
        tensors = {name: tensor.cpu() for name, tensor in batch.named_tensors().items()}
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
        part = path.with_name(path.name + ".part")
        try:
            write(part)
            part.replace(path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            part.unlink(missing_ok=True)
            cause = error if isinstance(error, OSError) else OSError(str(error))
            raise output_error(path, cause) from error


def save_network(path: Path, run: SavedRun) -> None:
    """Write the averaged weights with what is needed to build the network."""
    from safetensors.torch import save_file

    metadata = {_CONFIGURATION: run.configuration.to_json(), "step": str(run.step), "data": run.data}
    save_file({name: tensor.contiguous() for name, tensor in run.averaged.items()}, path, metadata)


def load_network_file(path: Path) -> tuple[TrainingConfiguration, dict[str, Tensor]]:
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
            configuration = configuration_from_json((file.metadata() or {})[_CONFIGURATION])
            return configuration, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except Exception as error:  # a damaged or foreign file raises nearly anything
        raise HandsError(
            ErrorCode.MODEL_DAMAGED, f"'{path}' is not a network that `train` wrote.", "Give network.safetensors."
        ) from error
