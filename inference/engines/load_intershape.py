"""Loading the engine `intershape` with the paper's network and the user's own files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..detect.finder import HandFinder
from ..detect.nets import LANDMARK_NET_FILE, PALM_NET_FILE, expected_sha256
from ..device import Device, onnx_providers, torch_device
from ..models.folder import PAPER_NAME, ModelFolder, default_models_dir
from ..runtime import cpu_threads, require
from .crop_answer import NetworkReader
from .intershape import InterShapeEngine

if TYPE_CHECKING:
    from ..networks.intershape import InterShape
    from .engine import EngineOptions


def load_intershape(options: EngineOptions) -> InterShapeEngine:
    """The engine with the paper's network.

    Raises
    ------
    HandsError
        RUNTIME_MISSING without torch; MODEL_MISSING or MODEL_DAMAGED for the network, MANO or the detector's nets
    """
    folder = ModelFolder(options.models_dir or default_models_dir())
    reader = load_paper_network(folder, options.threads, options.device)
    # The detector is a small part of the work: without CUDA of its own it runs on the CPU, whatever was asked for.
    providers = onnx_providers("cpu" if options.device == "cpu" else "auto")
    detector = HandFinder(options.weights_dir, cpu_threads(options.threads), providers)
    sums = expected_sha256(options.weights_dir)
    settings: Mapping[str, Any] = {
        "network": reader.configuration.name,
        "weights": folder.open(PAPER_NAME).metadata.get("origin_sha256", ""),
        **{name: sums.get(name, "") for name in (PALM_NET_FILE, LANDMARK_NET_FILE)},
    }
    return InterShapeEngine(reader, detector, reader.models, settings)


def load_paper_network(folder: ModelFolder, threads: int = 0, device: Device = "auto") -> NetworkReader:
    """The paper's network, ready to read crops.

    Parameters
    ----------
    threads : of the CPU; 0 takes what the machine has, at most four

    Raises
    ------
    HandsError
        as `paper_network`
    """
    network = paper_network(folder, cpu_threads(threads), device)
    right, left = folder.hand_models()
    return NetworkReader(network, {"right": right, "left": left})


def paper_network(folder: ModelFolder, threads: int = 0, device: Device = "auto") -> InterShape:
    """The paper's network with the user's weights and MANO, in evaluation mode, on a GPU only where there is one.

    Parameters
    ----------
    threads : of the CPU; 0 leaves them as they are

    Raises
    ------
    HandsError
        RUNTIME_MISSING without torch; MODEL_MISSING or MODEL_DAMAGED
    """
    require("torch")
    import torch

    from ..networks.configuration import PAPER
    from ..networks.intershape import InterShape

    weights = folder.paper_weights()
    network = InterShape(PAPER, folder.hand_models())
    network.load_state_dict(weights, strict=True)
    if threads:
        torch.set_num_threads(threads)
    # Else convolutions on a GPU keep ten bits of every factor, and numbers differ from those on a CPU.
    torch.backends.cudnn.allow_tf32 = False
    return network.eval().to(torch_device(device))
