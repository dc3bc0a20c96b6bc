"""Loading the engine `twohand` with the shipped weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..detect.landmark_net import LandmarkNet
from ..detect.nets import LANDMARK_NET_FILE, OPEN_FINDER_FILE, OPEN_PAIR_FILE, OPEN_WEIGHTS_FILE, expected_sha256
from ..device import onnx_providers
from ..hands.open_hand import load_hand_models
from ..runtime import cpu_threads
from .open_finder import OpenFinder
from .open_proposer import OpenProposer
from .pair_reader import PairReader
from .second_opinion import SecondOpinion
from .two_hands import TwoHandsEngine

if TYPE_CHECKING:
    from .engine import EngineOptions


def load_two_hands(options: EngineOptions) -> TwoHandsEngine:
    """The engine with both stages of the open two-hand network.

    Raises
    ------
    HandsError
        MODEL_MISSING, MODEL_DAMAGED or RUNTIME_MISSING
    """
    threads, providers = cpu_threads(options.threads), onnx_providers(options.device)
    sums = expected_sha256(options.weights_dir)
    files = (OPEN_WEIGHTS_FILE, OPEN_FINDER_FILE, OPEN_PAIR_FILE, LANDMARK_NET_FILE)
    settings: Mapping[str, Any] = {name: sums.get(name, "") for name in files}
    reader = PairReader(options.weights_dir, threads, providers)
    landmarks = LandmarkNet(options.weights_dir, threads, providers)
    proposer = OpenProposer(OpenFinder(options.weights_dir, threads, providers), reader, landmarks)
    models = load_hand_models(options.weights_dir)
    return TwoHandsEngine(reader, proposer, models, settings, SecondOpinion(landmarks, models))
