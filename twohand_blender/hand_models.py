"""The hand models that takes are built with."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ..inference.contract import ErrorCode, HandsError
from ..inference.hands.joints import Side
from ..inference.hands.model import HandModel, HandModelError
from .locations import EXTENSION_FOLDER

_OPEN_HAND: Final = EXTENSION_FOLDER / "weights" / "open_hand.npz"


@lru_cache(maxsize=1)
def open_hand_models() -> dict[Side, HandModel]:
    """The shipped hand, right and left (its mirror image).

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED
    """
    hint = "Install the add-on again."
    if not _OPEN_HAND.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"The hand model '{_OPEN_HAND}' is missing.", hint)
    try:
        right = HandModel.load(_OPEN_HAND)
    except HandModelError as error:
        raise HandsError(ErrorCode.MODEL_DAMAGED, str(error), hint) from error
    return {"right": right, "left": right.mirrored()}
