"""The shipped hand: read by the worker and by Blender's side alike."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from ..contract import ErrorCode, HandsError
from .joints import Side
from .model import HandModel, HandModelError

OPEN_HAND_FILE: Final = "open_hand.npz"
_REINSTALL: Final = "Install the program again; its 'weights' folder must be complete."


@lru_cache(maxsize=2)
def load_hand_models(weights_dir: Path) -> dict[Side, HandModel]:
    """The open hand, right and left (its mirror image).

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED
    """
    path = weights_dir / OPEN_HAND_FILE
    if not path.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"The hand model '{path}' is missing.", _REINSTALL)
    try:
        right = HandModel.load(path)
    except HandModelError as error:
        raise HandsError(ErrorCode.MODEL_DAMAGED, str(error), _REINSTALL) from error
    return {"right": right, "left": right.mirrored()}
