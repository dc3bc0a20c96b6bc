"""A network that `train` wrote, ready to predict."""

from __future__ import annotations

from pathlib import Path

import torch

from ..contract import ErrorCode, HandsError
from ..hands.model import HandModel
from ..networks.intershape import InterShape
from .run_folder import load_network_file


def load_trained_network(path: Path, models: tuple[HandModel, HandModel], threads: int = 0) -> InterShape:
    """The averaged weights of a run, in evaluation mode, on the GPU where there is one.

    Parameters
    ----------
    path : a run's ``network.safetensors``
    models : right and left hand that it is to pose: those that it was trained with, for numbers that mean something
    threads : of the CPU; 0 leaves them as they are

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED
    """
    configuration, weights = load_network_file(path)
    network = InterShape(configuration.network_configuration(), models)
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"The weights in '{path}' do not fit the network that it names.",
            "It was written by another version of this program: train again.",
        ) from error
    if threads:
        torch.set_num_threads(threads)
    return network.eval().to("cuda" if torch.cuda.is_available() else "cpu")
