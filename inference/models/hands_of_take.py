"""The hand models that a take was made with: the shipped one, or the user's own. No torch: Blender asks, too."""

from __future__ import annotations

from pathlib import Path

from ..contract import ErrorCode, HandsError, Take
from ..hands.joints import Side
from ..hands.mano_file import MODEL_NAME as MANO
from ..hands.model import HandModel
from ..hands.open_hand import load_hand_models
from .hand_files import HandModelFolder, default_models_dir


def hand_models_of(take: Take, weights_dir: Path, models_dir: Path | None = None) -> dict[Side, HandModel]:
    """Right and left hand model for a take. A take holds rotations and shape values, never the model itself.

    Parameters
    ----------
    weights_dir : folder of the shipped files
    models_dir : folder of the user's own files; None: `default_models_dir`

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED; the sentence says that the take needs the model
    """
    if take.model_name != MANO:
        return load_hand_models(weights_dir)
    try:
        right, left = HandModelFolder(models_dir or default_models_dir()).hand_models()
    except HandsError as error:
        if error.code is not ErrorCode.MODEL_MISSING:
            raise
        raise HandsError(
            ErrorCode.MODEL_MISSING,
            f"This take was made with the hand model MANO. {error.message}",
            f"{error.hint} Or reconstruct again with the engine 'twohand', which brings its own hand.",
        ) from error
    return {"right": right, "left": left}
