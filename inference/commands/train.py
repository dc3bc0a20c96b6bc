"""``train``: the two-hand network on annotated pictures, on one CPU, one GPU or, under ``torchrun``, many."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .dataset_options import (
    SYNTHESIS,
    add_dataset_options,
    broken_pictures,
    open_dataset,
    refuse_data_for,
    refuse_options_without_meaning,
)
from .interrupt import cancel_on_signals
from .number import count, positive_number, whole_number
from .output import PersonOutput
from .training_memory import memory_in_words
from .writable import require_writable_folder

if TYPE_CHECKING:
    from ..training.trainer import TrainingResult

_EVERY_HAND = "both"


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "train",
        help="train the two-hand network",
        description="Trains the two-hand network; the same command goes on with a run that was stopped. Several GPUs: "
        "torchrun --nproc-per-node N -m inference train ...",
    )
    add_start_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--minutes", type=positive_number, default=0.0, metavar="M", help="stop after this time with a checkpoint"
    )
    parser.add_argument(
        "--stop-after", type=whole_number, default=0, metavar="STEPS", help="stop when so many are done"
    )
    add_dataset_options(parser, "train", may_draw=True)
    return parser


def add_start_options(parser: argparse.ArgumentParser) -> None:
    """What is trained, from which weights, and on how much of the machine."""
    parser.add_argument(
        "--config",
        required=True,
        metavar="NAME|FILE",
        help="paper, paper-heatmaps, compact, open, finder, pair or a TOML file",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting: batch=8, losses.joints=5"
    )
    parser.add_argument(
        "--first-weights",  # torchrun takes --start for the beginning of an option of its own
        dest="start",
        default="imagenet",
        metavar="imagenet|random|FILE",
        help="first weights; FILE is an earlier run's network.safetensors, of which all that fits is taken, or, for "
        "pair and finder, the shipped open_twohand.safetensors",
    )
    parser.add_argument("--imagenet", type=Path, metavar="FILE", help="ImageNet weights of the backbone")
    parser.add_argument("--workers", type=count, default=0, metavar="N", help="processes that read pictures ahead")
    parser.add_argument("--threads", type=whole_number, default=0, metavar="N", help="CPU threads of the network")


def run(arguments: argparse.Namespace) -> int:
    """Train as the arguments say."""
    from ..runtime import require

    require("numpy", "cv2", "PIL", "torch", "safetensors")
    import torch

    from ..engines.engine import WEIGHTS_DIR
    from ..training.configuration import load_configuration
    from ..training.distributed import join_world
    from ..training.run_folder import CHECKPOINT_NAME
    from ..training.start import make_synthetic_trainer, make_trainer, require_first_weights
    from ..training.start_finder import make_finder_trainer
    from ..training.trainer import Limits

    configuration = load_configuration(arguments.config, arguments.set)
    is_drawn = arguments.data == SYNTHESIS
    refuse_data_for(configuration.network, arguments)
    if not is_drawn:
        refuse_options_without_meaning(arguments, arguments.data)
    require_writable_folder(arguments.out)
    if not (arguments.out / CHECKPOINT_NAME).is_file():
        require_first_weights(configuration, arguments.start, arguments.imagenet)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with (
        cancel_on_signals() as cancelled,
        PersonOutput() as output,
        memory_in_words(configuration.batch),
        join_world() as world,
    ):
        if is_drawn:
            make = make_finder_trainer if configuration.network == "finder" else make_synthetic_trainer
            trainer = make(
                configuration,
                arguments.weights or WEIGHTS_DIR,
                arguments.out,
                world,
                start=arguments.start,
                imagenet=arguments.imagenet,
                workers=arguments.workers,
            )
        else:
            with world.first_alone():  # the index of a data set is built once
                dataset = open_dataset(arguments, arguments.hands or _EVERY_HAND, output, cancelled)
            trainer = make_trainer(
                configuration,
                dataset,
                arguments.out,
                world,
                start=arguments.start,
                imagenet=arguments.imagenet,
                broken=broken_pictures(arguments),
                workers=arguments.workers,
            )
        limits = Limits(arguments.minutes, arguments.stop_after, cancelled)
        result = trainer.run(limits, output if world.is_first else _say_nothing)
    if world.is_first:
        print(_summary(result, arguments.out))  # noqa: T201 - the result
    return 0


def _say_nothing(_: object) -> None:
    """For processes other than the first."""


def _summary(result: TrainingResult, out: Path) -> str:
    state = "finished" if result.finished else "stopped"
    head = f"Training {state} at step {result.step} of {result.total_steps}"
    if result.samples_a_second == 0:
        return f"{head}: nothing was left to do in '{out}'."
    speed = f"{result.samples_a_second:.1f} pictures a second, {100 * result.waiting_share:.0f} % of the time waiting"
    return f"{head}: {speed} for data, loss {result.last_loss:.4g}; in '{out}'."
