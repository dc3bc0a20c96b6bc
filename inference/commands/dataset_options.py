"""The options that choose an annotated data set, shared by the commands that train and evaluate."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ..contract import TAKE_SUFFIX, ErrorCode, HandsError
from .models_option import add_models_option, model_folder
from .number import whole_number
from .output import Output

if TYPE_CHECKING:
    from ..datasets import BrokenPictures, HandDataset
    from ..datasets.interhand_layout import Split


SYNTHESIS: Final = "synthesis"
"""In place of a folder: pictures that are drawn while training goes on."""
_ONLY_FOR_DATASETS: Final = ("split", "hands", "subjects", "fps", "broken", "index", "models")
_NOT_FOR_TAKES: Final = ("split", "subjects", "fps", "index")


def add_dataset_options(parser: argparse.ArgumentParser, default_split: str, *, may_draw: bool = False) -> None:
    """``--data`` and what narrows it down.

    Parameters
    ----------
    default_split : where the command line names none
    may_draw : ``--data synthesis`` gives `SYNTHESIS`, a text and no path; without it that, too, is a folder
    """
    if may_draw:
        parser.add_argument(
            "--data",
            type=_folder_or_synthesis,
            required=True,
            metavar="DIR|synthesis",
            help="the data set's folder; 'synthesis' draws pictures meanwhile (a folder of that name: ./synthesis)",
        )
    else:
        parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set's folder")
    parser.set_defaults(default_split=default_split)
    samples = parser.add_argument_group("samples")
    samples.add_argument("--split", choices=("train", "val", "test"), help=f"default: {default_split}")
    samples.add_argument("--hands", choices=("interacting", "single", "both"), help="pictures of such hands alone")
    samples.add_argument("--subjects", type=numbers, metavar="N,N", help="pictures of these people alone")
    samples.add_argument("--fps", type=whole_number, metavar="N", help="which download's folder in DIR: 5 or 30")
    samples.add_argument(
        "--broken",
        choices=("fatal", "skip"),
        help="what happens to missing or broken pictures; default: fatal",
    )
    parser.add_argument("--index", type=Path, metavar="DIR", help="where the data set's index is kept; default: cache")
    parser.add_argument("--weights", type=Path, metavar="FOLDER", help="folder of the program's model files")
    add_models_option(parser)


def _folder_or_synthesis(text: str) -> Path | str:
    return SYNTHESIS if text == SYNTHESIS else Path(text)


def broken_pictures(arguments: argparse.Namespace) -> BrokenPictures:
    """What the command line says about pictures that cannot be read."""
    return arguments.broken or "fatal"


def refuse_dataset_options(arguments: argparse.Namespace) -> None:
    """Every option that says something about a data set, where pictures are drawn instead.

    Raises
    ------
    HandsError
        USAGE naming the option
    """
    refuse_named(arguments, _ONLY_FOR_DATASETS, "pictures that are drawn")


def refuse_data_for(network: str, arguments: argparse.Namespace) -> None:
    """Data that the network cannot learn from, and options that mean nothing for those that it can.

    Raises
    ------
    HandsError
        USAGE
    """
    if arguments.data == SYNTHESIS:
        refuse_dataset_options(arguments)
    elif network not in ("paper", "compact"):
        raise HandsError(
            ErrorCode.USAGE, f"The network '{network}' learns from drawn pictures alone.", "Give --data synthesis."
        )


def refuse_options_without_meaning(arguments: argparse.Namespace, *folders: Path) -> None:
    """Every option of which none of the data sets knows anything, because all of them are folders of takes.

    Raises
    ------
    HandsError
        USAGE naming the option
    """
    if all(takes_in(folder) for folder in folders):
        refuse_named(arguments, _NOT_FOR_TAKES, "a folder of takes")


def refuse_named(arguments: argparse.Namespace, names: Sequence[str], what: str) -> None:
    """Options that mean nothing for `what`, by the names of their values.

    Raises
    ------
    HandsError
        USAGE naming the option
    """
    for name in names:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise HandsError(ErrorCode.USAGE, f"{option} means nothing for {what}.", f"Leave out {option}.")


def takes_in(folder: Path) -> list[Path]:
    """The takes of a folder, by name; a folder with any is a data set of takes."""
    return sorted(folder.glob(f"*{TAKE_SUFFIX}")) if folder.is_dir() else []


def open_dataset(
    arguments: argparse.Namespace,
    hands: Literal["interacting", "single", "both"],
    output: Output,
    cancelled: threading.Event,
    split: Split | None = None,
) -> HandDataset:
    """InterHand2.6M, a set in its layout that `synthesize` drew, or a folder of takes whose hands are the truth.

    Parameters
    ----------
    hands : ``interacting``, ``single`` or ``both``
    split : None for the one on the command line
    """
    from ..datasets import SampleFilter, open_interhand
    from ..datasets.made_set import models_of_set, name_of_part
    from ..datasets.take_folder import TakeFolder, models_of_takes
    from ..engines.engine import WEIGHTS_DIR
    from ..hands.open_hand import load_hand_models

    if not arguments.data.is_dir():  # told before anyone is sent to fetch MANO
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"There is no folder '{arguments.data}'.", "Check the path of the data set."
        )
    folder = model_folder(arguments)
    if takes := takes_in(arguments.data):
        shipped = load_hand_models(arguments.weights or WEIGHTS_DIR)
        return TakeFolder(takes, models_of_takes(takes, shipped, folder.hand_models), hands=hands)
    chosen: Split = split or arguments.split or arguments.default_split
    dataset = open_interhand(
        arguments.data,
        chosen,
        models_of_set(arguments.data, lambda: load_hand_models(arguments.weights or WEIGHTS_DIR), folder.hand_models),
        wanted=SampleFilter(hands, frozenset(arguments.subjects or ())),
        report=output,
        fps=arguments.fps,
        index_base=arguments.index,
        cancelled=cancelled,
    )
    dataset.name = name_of_part(arguments.data, chosen) or dataset.name
    return dataset


def numbers(text: str) -> tuple[int, ...]:
    """An argument like ``1,4,7``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers like 1,4,7") from error
