"""Loading the engine `twohand` with the shipped weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..hands.open_hand import load_hand_models
from ..runtime import cpu_threads, require
from .two_hands import TwoHandsEngine

if TYPE_CHECKING:
    from .engine import EngineOptions


def load_two_hands(options: EngineOptions) -> TwoHandsEngine:
    """The engine with both stages of the open two-hand network.

    Raises
    ------
    HandsError
        RUNTIME_MISSING without torch; MODEL_MISSING or MODEL_DAMAGED
    """
    require("torch", "safetensors")
    import torch

    from ..detect.nets import expected_sha256
    from ..networks.open_weights import OPEN_WEIGHTS_FILE, read_open_weights
    from .net_finder import NetFinder
    from .pair_reader import PairReader

    models = load_hand_models(options.weights_dir)
    networks = read_open_weights(options.weights_dir / OPEN_WEIGHTS_FILE, (models["right"], models["left"]))
    torch.set_num_threads(cpu_threads(options.threads))
    # Else convolutions on a GPU keep ten bits of every factor, and numbers differ from those on a CPU.
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings: Mapping[str, Any] = {
        "weights": expected_sha256(options.weights_dir).get(OPEN_WEIGHTS_FILE, ""),
    }
    finder = NetFinder(networks.finder.to(device), networks.finder_input_px)
    return TwoHandsEngine(PairReader(networks.pair, device), finder, models, settings)
