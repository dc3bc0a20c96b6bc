"""The folder of the user's own model files: which lie there, and the hand models and weights out of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError, output_error
from ..hands.joints import SIDES, Side
from ..hands.mano_file import mano_model, with_left_shapedirs_fixed
from ..hands.model import HandModel, HandModelError
from .tensor_file import TensorFile, TensorFileError, open_tensor_file

if TYPE_CHECKING:
    from torch import Tensor

FOLDER_VARIABLE: Final = "TWOHAND_MODELS"
"""Environment variable that names the model folder."""
FORMAT_VERSION: Final = "1"
"""Metadata ``format_version`` of the files here; raised when an older program would misunderstand them."""
MANO_NAMES: Final[Mapping[Side, str]] = {"right": "mano_right", "left": "mano_left"}
PAPER_NAME: Final = "intershape"
ENTRY_NAMES: Final = (*MANO_NAMES.values(), PAPER_NAME)
"""Every file that this folder knows, by its name without ``.safetensors``."""
HAND_PREFIX: Final = "hand_models."
"""In the paper's file: tensors of the hand models that came inside the checkpoint, ``hand_models.right.v_template``."""

IMPORT_MANO: Final = (
    "Get mano_v1_2.zip from https://mano.is.tue.mpg.de and run `python -m inference models import mano_v1_2.zip`."
)
IMPORT_PAPER: Final = (
    "Get snapshot_99.pth.tar from https://github.com/iscas3dv/Two-Hand-Shape-Pose_v2 and run "
    "`python -m inference models import snapshot_99.pth.tar`."
)


def default_models_dir() -> Path:
    """Where the user's model files are: `TWOHAND_MODELS`, else a folder of the user's own data on this platform."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        data_home = os.environ.get("XDG_DATA_HOME", "")
        # The standard says that a relative path there is to be passed over.
        base = Path(data_home) if Path(data_home).is_absolute() else Path.home() / ".local" / "share"
    return base / "twohand" / "models"


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


class ModelFolder:
    """The user's model files.

    Parameters
    ----------
    path : the folder; it need not exist
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entry_path(self, name: str) -> Path:
        """Where a file of this folder lies."""
        return self.path / f"{name}.safetensors"

    def entries(self) -> list[ModelEntry]:
        """Every file of ours that is there."""
        found = (self._entry(name) for name in ENTRY_NAMES)
        return [entry for entry in found if entry is not None]

    def hand_models(self) -> tuple[HandModel, HandModel]:
        """MANO, right and left: from the pickles, or failing those from the authors' checkpoint.

        The official left file's shapedirs are corrected here, by comparison with the right hand's
        (`mano_file.with_left_shapedirs_fixed`): what lies on disk is what the user brought, so that nothing can be
        corrected twice, in whatever order the hands came.

        Raises
        ------
        HandsError
            MODEL_MISSING or MODEL_DAMAGED
        """
        there = [side for side in SIDES if self.entry_path(MANO_NAMES[side]).is_file()]
        if len(there) == len(SIDES):
            right, left = (self._hand(self._open(MANO_NAMES[side]), "", side) for side in SIDES)
        elif self.entry_path(PAPER_NAME).is_file():
            file = self._open(PAPER_NAME)
            right, left = (self._hand(file, f"{HAND_PREFIX}{side}.", side) for side in SIDES)
        elif there:
            lacking = "left" if there == ["right"] else "right"
            raise HandsError(
                ErrorCode.MODEL_MISSING,
                f"The {lacking} hand of MANO is missing from '{self.path}'; only the {there[0]} one is there.",
                f"Run `python -m inference models import MANO_{lacking.upper()}.pkl`.",
            )
        else:
            raise HandsError(
                ErrorCode.MODEL_MISSING, f"The hand model MANO is missing from '{self.path}'.", IMPORT_MANO
            )
        return right, with_left_shapedirs_fixed(left, right)

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

        file = self._open(PAPER_NAME)
        arrays = {name: array for name, array in file.mapped().items() if not name.startswith(HAND_PREFIX)}
        weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
        try:
            check_paper_weights(weights)
        except CheckpointError as error:
            raise self._damaged(PAPER_NAME, str(error)) from error
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
            return ModelEntry(name, path, byte_count, self._open(name).metadata)
        except HandsError as error:
            return ModelEntry(name, path, byte_count, {}, error.message)

    def _open(self, name: str) -> TensorFile:
        try:
            file = open_tensor_file(self.entry_path(name))
        except TensorFileError as error:
            raise self._damaged(name, str(error)) from error
        except OSError as error:
            raise self._damaged(name, f"it cannot be read, {error.strerror or error}") from error
        if file.metadata.get("name") != name or file.metadata.get("format_version") != FORMAT_VERSION:
            raise self._damaged(name, "it was written by another program or version")
        return file

    def _hand(self, file: TensorFile, prefix: str, side: Side) -> HandModel:
        arrays: dict[str, NDArray[Any]] = {
            name.removeprefix(prefix): array for name, array in file.mapped().items() if name.startswith(prefix)
        }
        try:
            return mano_model(side, **arrays)
        except (TypeError, HandModelError) as error:  # TypeError: an array too many or too few
            raise self._damaged(file.path.stem, str(error)) from error

    def _damaged(self, name: str, detail: str) -> HandsError:
        return HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"'{self.entry_path(name)}' is damaged ({detail}).",
            "Import the original file again with `python -m inference models import FILE`.",
        )
