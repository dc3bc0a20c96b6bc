"""The hand models among the user's own files. No torch: Blender reads them, too."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..hands.joints import SIDES, Side
from ..hands.mano_file import mano_model, with_left_shapedirs_fixed
from ..hands.model import HandModel, HandModelError
from .tensor_file import TensorFile, TensorFileError, open_tensor_file

FOLDER_VARIABLE: Final = "TWOHAND_MODELS"
"""Environment variable that names the model folder."""
FORMAT_VERSION: Final = "1"
"""Metadata ``format_version`` of the files here; raised when an older program would misunderstand them."""
MANO_NAMES: Final[Mapping[Side, str]] = {"right": "mano_right", "left": "mano_left"}
PAPER_NAME: Final = "intershape"
HAND_PREFIX: Final = "hand_models."
"""In the paper's file: tensors of the hand models that came inside the checkpoint, ``hand_models.right.v_template``."""

IMPORT_MANO: Final = (
    "Get mano_v1_2.zip from https://mano.is.tue.mpg.de and run `python -m inference models import mano_v1_2.zip`."
)


def default_models_dir() -> Path:
    """Where the user's model files are: `TWOHAND_MODELS`, else a folder of the user's own data on this platform.

    Raises
    ------
    HandsError
        MODEL_MISSING where the platform does not know the user's home
    """
    try:
        if given := os.environ.get(FOLDER_VARIABLE):
            return Path(given).expanduser()
        return _user_data_dir() / "twohand" / "models"
    except RuntimeError as error:
        raise HandsError(
            ErrorCode.MODEL_MISSING,
            "The folder of your model files is unknown, because your home folder is.",
            f"Name it with --models or in the variable {FOLDER_VARIABLE}.",
        ) from error


def _user_data_dir() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    data_home = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The standard says that a relative path there is to be passed over.
    return data_home if data_home.is_absolute() else Path.home() / ".local" / "share"


class HandModelFolder:
    """The user's hand models.

    Parameters
    ----------
    path : the folder; it need not exist
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entry_path(self, name: str) -> Path:
        """Where a file of this folder lies."""
        return self.path / f"{name}.safetensors"

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
            right, left = (self._hand(self.open(MANO_NAMES[side]), "", side) for side in SIDES)
        elif self.entry_path(PAPER_NAME).is_file():
            file = self.open(PAPER_NAME)
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

    def open(self, name: str) -> TensorFile:
        """One file of this folder; MODEL_DAMAGED where it is not as this program wrote it."""
        try:
            file = open_tensor_file(self.entry_path(name))
        except TensorFileError as error:
            raise self.damaged(name, str(error)) from error
        except OSError as error:
            raise self.damaged(name, f"it cannot be read, {error.strerror or error}") from error
        if file.metadata.get("name") != name or file.metadata.get("format_version") != FORMAT_VERSION:
            raise self.damaged(name, "it was written by another program or version")
        return file

    def _hand(self, file: TensorFile, prefix: str, side: Side) -> HandModel:
        arrays: dict[str, NDArray[Any]] = {
            name.removeprefix(prefix): array for name, array in file.mapped().items() if name.startswith(prefix)
        }
        try:
            return mano_model(side, **arrays)
        except (TypeError, HandModelError) as error:  # TypeError: an array too many or too few
            raise self.damaged(file.path.stem, str(error)) from error

    def damaged(self, name: str, detail: str) -> HandsError:
        """The typed error for a file of this folder."""
        return HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"'{self.entry_path(name)}' is damaged ({detail}).",
            "Import the original file again with `python -m inference models import FILE`.",
        )
