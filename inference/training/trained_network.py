"""A network that `train` wrote, ready to predict."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import torch

from ..contract import ErrorCode, HandsError
from ..fit.placement import AnswerAxes
from ..hands.model import HandModel
from ..networks.intershape import InterShape
from .run_folder import load_network_file
from .run_identity import hashes_of

_INTERSHAPE: Final = ("paper", "compact")


class TrainedNetwork(NamedTuple):
    """A network, and the axes that it answers in."""

    network: InterShape
    axes: AnswerAxes


def load_trained_network(path: Path, models: tuple[HandModel, HandModel], threads: int = 0) -> TrainedNetwork:
    """The averaged weights of a run, in evaluation mode, on the GPU where there is one.

    Parameters
    ----------
    path : a run's ``network.safetensors``
    models : right and left hand that it is to pose: those that it was trained with, or its numbers mean nothing
    threads : of the CPU; 0 leaves them as they are

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED; USAGE where the models are others, or the network is no `InterShape`
    """
    saved = load_network_file(path)
    identity = saved.identity
    if identity.configuration.network not in _INTERSHAPE:
        raise HandsError(
            ErrorCode.USAGE,
            f"'{path}' is a network of the kind '{identity.configuration.network}', which cannot be tested like this.",
            f"Give a network of the kinds: {', '.join(_INTERSHAPE)}.",
        )
    if identity.configuration.train == "heatmaps":
        raise HandsError(
            ErrorCode.USAGE,
            f"'{path}' was trained for heat maps alone: its meshes have not begun to learn.",
            "Train the mesh net from it first: --config paper --first-weights FILE.",
        )
    if identity.model_sha256 != hashes_of(models):
        raise HandsError(
            ErrorCode.USAGE,
            f"'{path}' was trained with other hand models than those that the data to be tested on are made with.",
            f"It was trained on: {identity.data}. Test it on data of the same hand models.",
        )
    network = InterShape(identity.configuration.network_configuration(), models)
    try:
        network.load_state_dict(saved.weights, strict=True)
    except RuntimeError as error:
        raise HandsError(
            ErrorCode.MODEL_DAMAGED,
            f"The weights in '{path}' do not fit the network that it names.",
            "It was written by another version of this program: train again.",
        ) from error
    if threads:
        torch.set_num_threads(threads)
    return TrainedNetwork(network.eval().to("cuda" if torch.cuda.is_available() else "cpu"), identity.axes)
