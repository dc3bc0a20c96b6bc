"""The shape of the hands from another take of the same person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .contract import ErrorCode, HandsError, read_take
from .fit.clip_shape import ClipShape
from .hands.joints import SIDES, Side
from .hands.model import HandModel


def shape_of_take(path: Path, models: Mapping[Side, HandModel]) -> ClipShape:
    """The betas of a take; a hand that it never shows has the other one's.

    Parameters
    ----------
    models : the hand models that the betas are to be used with

    Raises
    ------
    HandsError
        as `contract.read_take`; USAGE where the take speaks of other hand models, in which the same betas mean another
        shape
    """
    take = read_take(path)
    if take.model_sha256 != tuple(models[side].sha256 for side in SIDES):
        raise HandsError(
            ErrorCode.USAGE,
            f"The take '{path.name}' was made with the hand model '{take.model_name}', not with this engine's.",
            "Choose a take that was made with the same engine and hand model.",
        )
    shown = np.flatnonzero(take.present.any(axis=1))
    betas = take.betas[[index if index in shown else 1 - index for index in range(len(SIDES))]]
    return ClipShape(fixed=betas.astype(np.float64))
