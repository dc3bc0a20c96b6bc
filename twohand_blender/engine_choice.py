"""Which engines and hand models can be had: what needs files of the user's says so where they are missing."""

from __future__ import annotations

from ..inference.contract import HandsError
from ..inference.hands.joints import SIDES
from ..inference.models.hand_files import MANO_NAMES, PAPER_NAME, HandModelFolder, default_models_dir


def engine_refusal(engine: str) -> str:
    """Why an engine (its identifier in `properties.ENGINE_ITEMS`) cannot be chosen, empty where it can."""
    if engine != "INTERSHAPE" or _is_there(PAPER_NAME):
        return ""
    return "InterShape needs its authors' network: import snapshot_99.pth.tar in the add-on's preferences"


def hand_model_refusal(hand_model: str) -> str:
    """Why a hand model cannot be chosen, empty where it can."""
    # The authors' network carries both hands of MANO.
    if hand_model != "MANO" or all(_is_there(MANO_NAMES[side]) for side in SIDES) or _is_there(PAPER_NAME):
        return ""
    return "MANO needs its files: import mano_v1_2.zip in the add-on's preferences"


def _is_there(name: str) -> bool:
    try:
        return HandModelFolder(default_models_dir()).entry_path(name).is_file()
    except (HandsError, OSError):
        return False
