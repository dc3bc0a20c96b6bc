"""Loading the engine `intershape` with the paper's network and the user's own files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..detect.finder import HandFinder
from ..detect.nets import LANDMARK_NET_FILE, PALM_NET_FILE, expected_sha256
from ..hands.joints import Side
from ..hands.model import HandModel
from ..models.folder import PAPER_NAME, ModelFolder, default_models_dir
from ..runtime import cpu_threads, require
from .crop_answer import NetworkReader
from .intershape import InterShapeEngine

if TYPE_CHECKING:
    from .engine import EngineOptions


def load_intershape(options: EngineOptions) -> InterShapeEngine:
    """The engine with the paper's network.

    Raises
    ------
    HandsError
        RUNTIME_MISSING without torch; MODEL_MISSING or MODEL_DAMAGED for the network, MANO or the detector's nets
    """
    folder = ModelFolder(options.models_dir or default_models_dir())
    reader = load_paper_network(folder, options.threads)
    detector = HandFinder(options.weights_dir, cpu_threads(options.threads))
    sums = expected_sha256(options.weights_dir)
    settings: Mapping[str, Any] = {
        "network": reader.configuration.name,
        "weights": folder.open(PAPER_NAME).metadata.get("origin_sha256", ""),
        **{name: sums.get(name, "") for name in (PALM_NET_FILE, LANDMARK_NET_FILE)},
    }
    return InterShapeEngine(reader, detector, reader.models, settings)


def load_paper_network(folder: ModelFolder, threads: int = 0) -> NetworkReader:
    """The paper's network with the user's weights and MANO.

    Raises
    ------
    HandsError
        as `load_intershape`
    """
    require("torch")
    from ..networks.configuration import PAPER

    weights = folder.paper_weights()
    right, left = folder.hand_models()
    models: dict[Side, HandModel] = {"right": right, "left": left}
    return NetworkReader(PAPER, weights, models, threads=threads)
