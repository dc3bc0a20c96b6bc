"""``--models DIR``: the same on every command that uses the user's own model files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models import ModelFolder


def add_models_option(parser: argparse._ActionsContainer) -> None:
    """Declare the option."""
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="folder of your own model files; default: the variable TWOHAND_MODELS, else your data folder",
    )


def model_folder(arguments: argparse.Namespace) -> ModelFolder:
    """The folder that the arguments, the environment or the platform name."""
    from ..models import ModelFolder, default_models_dir

    return ModelFolder(arguments.models or default_models_dir())
