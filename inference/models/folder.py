"""The folder of the user's own model files: which lie there, and the hand models and weights out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..contract import ErrorCode, HandsError, output_error
from .hand_files import (
    FORMAT_VERSION,
    HAND_PREFIX,
    IMPORT_MANO,
    MANO_NAMES,
    PAPER_NAME,
    HandModelFolder,
    default_models_dir,
)

__all__ = [  # what importing and overview ask of this folder, wherever it is defined
    "ENTRY_NAMES",
    "FORMAT_VERSION",
    "HAND_PREFIX",
    "IMPORT_MANO",
    "IMPORT_PAPER",
    "MANO_NAMES",
    "PAPER_NAME",
    "ModelEntry",
    "ModelFolder",
    "default_models_dir",
]

if TYPE_CHECKING:
    from torch import Tensor

ENTRY_NAMES: Final = (*MANO_NAMES.values(), PAPER_NAME)
"""Every file that this folder knows, by its name without ``.safetensors``."""
IMPORT_PAPER: Final = (
    "Get snapshot_99.pth.tar from https://github.com/iscas3dv/Two-Hand-Shape-Pose_v2 and run "
    "`python -m inference models import snapshot_99.pth.tar`."
)


@dataclass(frozen=True)
class ModelEntry:
    """One file of the folder, whole or damaged.

    Parameters
    ----------
    name : one of `ENTRY_NAMES`
    path : the file
    byte_count : its size
    metadata : what was recorded when it was imported; empty where it cannot be read
    problem : what is wrong with it, in a few words; empty where it is whole
    """

    name: str
    path: Path
    byte_count: int
    metadata: Mapping[str, str]
    problem: str = ""


class ModelFolder(HandModelFolder):
    """All of the user's model files."""

    def entries(self) -> list[ModelEntry]:
        """Every file of ours that is there."""
        found = (self._entry(name) for name in ENTRY_NAMES)
        return [entry for entry in found if entry is not None]

    def paper_weights(self) -> Mapping[str, Tensor]:
        """The network's tensors by name (without ``module.``), mapped from disk; `PAPER` loads them strictly.

        Raises
        ------
        HandsError
            MODEL_MISSING, MODEL_DAMAGED, or RUNTIME_MISSING where torch is
        """
        from ..runtime import require

        if not self.entry_path(PAPER_NAME).is_file():
            raise HandsError(
                ErrorCode.MODEL_MISSING, f"The paper's network is missing from '{self.path}'.", IMPORT_PAPER
            )
        require("torch")
        import torch

        from ..networks.checkpoint import CheckpointError, check_paper_weights

        file = self.open(PAPER_NAME)
        arrays = {name: array for name, array in file.mapped().items() if not name.startswith(HAND_PREFIX)}
        weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
        try:
            check_paper_weights(weights)
        except CheckpointError as error:
            raise self.damaged(PAPER_NAME, str(error)) from error
        return weights

    def remove(self, name: str) -> Path:
        """Remove one file of ours; the path that it had.

        Raises
        ------
        HandsError
            USAGE for a name that is none of ours, MODEL_MISSING where it is not there, OUTPUT_NOT_WRITABLE
        """
        if name not in ENTRY_NAMES:
            raise HandsError(
                ErrorCode.USAGE, f"There is no model named '{name}'.", f"The names are {', '.join(ENTRY_NAMES)}."
            )
        path = self.entry_path(name)
        try:
            path.unlink()
        except FileNotFoundError as error:
            raise HandsError(
                ErrorCode.MODEL_MISSING, f"'{name}' is not in '{self.path}'.", "`models list` shows what is there."
            ) from error
        except OSError as error:
            raise output_error(path, error) from error
        return path

    def _entry(self, name: str) -> ModelEntry | None:
        path = self.entry_path(name)
        try:
            byte_count = path.stat().st_size
        except OSError:
            return None
        try:
            return ModelEntry(name, path, byte_count, self.open(name).metadata)
        except HandsError as error:
            return ModelEntry(name, path, byte_count, {}, error.message)
