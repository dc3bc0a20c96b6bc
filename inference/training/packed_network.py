"""A trained stage of the open two-hand network, from a run or from the shipped file that holds both stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

from ..contract import ErrorCode, HandsError
from ..fit.placement import AnswerAxes
from ..networks.open_weights import MODELS_KEY, PackedFile, Stage, damaged, read_packed_file
from .configuration import configuration_from_json
from .run_folder import NETWORK_NAME, SavedNetwork, load_network_file
from .run_identity import ModelHashes, RunIdentity


def load_stage(path: Path, stage: Stage, models: ModelHashes) -> SavedNetwork:
    """A stage's weights, in single precision, and the run that they are of.

    Parameters
    ----------
    path : a run's folder or its ``network.safetensors``, or a packed file (``open_twohand.safetensors``)
    stage : the one that is wanted
    models : hashes of the hand models that it is wanted for

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED; USAGE where the weights are another network's, or were trained with other hand
        models
    """
    path = path / NETWORK_NAME if path.is_dir() else path
    saved = load_packed_network(path, stage) if is_packed(path) else load_network_file(path)
    trained = saved.identity.configuration.network
    if trained != stage:
        raise HandsError(
            ErrorCode.USAGE, f"'{path}' is no {stage}: it is of the kind '{trained}'.", f"Give a {stage}'s network."
        )
    if saved.identity.model_sha256 != models:
        raise HandsError(
            ErrorCode.USAGE,
            f"'{path}' was trained with other hand models than those in the folder of model files.",
            "Give the folder that belongs to it with --weights, or train anew.",
        )
    return saved


def is_packed(path: Path) -> bool:
    """Whether a file is one of both stages; it need not be there, or be whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return MODELS_KEY in (file.metadata() or {})
    except (SafetensorError, OSError):  # whoever reads it will tell
        return False


def load_packed_network(path: Path, stage: Stage) -> SavedNetwork:
    """One stage out of a packed file.

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED
    """
    packed = read_packed_file(path)
    try:
        return SavedNetwork(_identity_of(packed, stage), packed.weights_of(stage))
    except (HandsError, KeyError, ValueError, TypeError) as error:
        raise damaged(path, error) from error


def _identity_of(packed: PackedFile, stage: Stage) -> RunIdentity:
    origin = json.loads(packed.metadata[stage])
    axes = origin["axes"]
    if axes not in get_args(AnswerAxes):
        raise ValueError(f"axes {axes!r}")
    right, left = json.loads(packed.metadata[MODELS_KEY])
    return RunIdentity(
        configuration_from_json(origin["configuration"]), str(origin["data"]), axes, (str(right), str(left))
    )
