"""The options that choose an annotated data set, shared by the commands that train and evaluate."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..contract import TAKE_SUFFIX, ErrorCode, HandsError
from .models_option import add_models_option, model_folder
from .number import whole_number
from .output import Output

if TYPE_CHECKING:
    from ..datasets import HandDataset
    from ..datasets.interhand_layout import Split


def add_dataset_options(parser: argparse.ArgumentParser, default_split: str) -> None:
    """``--data`` and what narrows it down."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set's folder")
    samples = parser.add_argument_group("samples")
    samples.add_argument(
        "--split", choices=("train", "val", "test"), default=default_split, help=f"default: {default_split}"
    )
    samples.add_argument("--hands", choices=("interacting", "single", "both"), help="pictures of such hands alone")
    samples.add_argument("--subjects", type=numbers, metavar="N,N", help="pictures of these people alone")
    samples.add_argument("--fps", type=whole_number, metavar="N", help="which download's folder in DIR: 5 or 30")
    samples.add_argument(
        "--broken",
        choices=("fatal", "skip"),
        default="fatal",
        help="what happens to missing or broken pictures; default: fatal",
    )
    parser.add_argument("--index", type=Path, metavar="DIR", help="where the data set's index is kept; default: cache")
    parser.add_argument("--weights", type=Path, metavar="FOLDER", help="folder of the program's model files")
    add_models_option(parser)


def open_dataset(
    arguments: argparse.Namespace,
    hands: Literal["interacting", "single", "both"],
    output: Output,
    cancelled: threading.Event,
    split: Split | None = None,
) -> HandDataset:
    """InterHand2.6M, or a folder of takes whose hands are the truth.

    Parameters
    ----------
    hands : ``interacting``, ``single`` or ``both``
    split : None for the one on the command line
    """
    from ..datasets import SampleFilter, open_interhand
    from ..datasets.take_folder import TakeFolder, models_of_takes
    from ..engines.engine import WEIGHTS_DIR
    from ..hands.open_hand import load_hand_models

    if not arguments.data.is_dir():  # told before anyone is sent to fetch MANO
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"There is no folder '{arguments.data}'.", "Check the path of the data set."
        )
    folder = model_folder(arguments)
    if arguments.data.is_dir() and (takes := sorted(arguments.data.glob(f"*{TAKE_SUFFIX}"))):
        shipped = load_hand_models(arguments.weights or WEIGHTS_DIR)
        return TakeFolder(takes, models_of_takes(takes, shipped, folder.hand_models), hands=hands)
    right, left = folder.hand_models()
    chosen: Split = split or arguments.split
    return open_interhand(
        arguments.data,
        chosen,
        {"right": right, "left": left},
        wanted=SampleFilter(hands, frozenset(arguments.subjects or ())),
        report=output,
        fps=arguments.fps,
        index_base=arguments.index,
        cancelled=cancelled,
    )


def numbers(text: str) -> tuple[int, ...]:
    """An argument like ``1,4,7``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers like 1,4,7") from error
