"""``ablate``: the same training without and with the paper's parts, one table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import ErrorCode, HandsError
from .dataset_options import (
    SYNTHESIS,
    add_dataset_options,
    broken_pictures,
    open_dataset,
    refuse_data_for,
    refuse_named,
    refuse_options_without_meaning,
    takes_in,
)
from .interrupt import cancel_on_signals
from .number import whole_number
from .output import PersonOutput
from .train import add_start_options
from .training_memory import memory_in_words
from .writable import require_writable_folder

if TYPE_CHECKING:
    from ..ablation.bench import Bench
    from ..training.configuration import TrainingConfiguration

_EVERY_HAND: Final = "both"
_ONLY_FOR_FOLDERS: Final = ("test_split", "test_data", "protocol")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "ablate",
        help="train and test the network without and with the paper's parts",
        description="Trains the baseline (no attention, no cascade), then with attention, then with 1, 2 and 3 cascade "
        "stages, on the same data, seed and number of steps, and tests each. The same command goes on after a stop.",
    )
    add_start_options(parser)
    parser.add_argument("--steps", type=whole_number, required=True, metavar="N", help="optimiser steps of every run")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a run's folder for each, and the result"
    )
    parser.add_argument("--protocol", choices=("authors", "corrected"), help="default: corrected")
    parser.add_argument("--test-split", choices=("train", "val", "test"), help="of the data; default: test")
    parser.add_argument("--test-data", type=Path, metavar="DIR", help="another data set to test on; default: --data")
    parser.add_argument(
        "--test-count", type=whole_number, metavar="N", help="held-out drawn samples to test on; default: 200"
    )
    parser.add_argument(
        "--variants",
        metavar="NAME,NAME",
        type=lambda text: text.split(","),
        help="these alone: baseline, attention, stages1, stages2, stages3",
    )
    add_dataset_options(parser, "train", may_draw=True)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the ablation as the arguments say."""
    from ..runtime import require

    require("numpy", "cv2", "PIL", "torch", "safetensors")
    import torch

    from ..ablation.dataset_bench import AblationData, DatasetBench
    from ..ablation.drawn_bench import DEFAULT_COUNT, DrawnBench
    from ..ablation.report import format_ablation
    from ..ablation.run import run_ablation
    from ..ablation.variants import chosen_variants
    from ..engines.engine import WEIGHTS_DIR
    from ..evaluation.protocol import PROTOCOLS
    from ..training.configuration import load_configuration
    from ..training.distributed import join_world
    from ..training.start import require_first_weights

    protocol = PROTOCOLS[arguments.protocol or "corrected"]
    hands = arguments.hands or _EVERY_HAND
    variants = chosen_variants(arguments.variants)
    configuration = load_configuration(arguments.config, [*arguments.set, f"steps={arguments.steps}"])
    _refuse_what_cannot_be(arguments, configuration)
    is_drawn = arguments.data == SYNTHESIS
    test_data = arguments.test_data or arguments.data
    require_writable_folder(arguments.out)
    require_first_weights(configuration, arguments.start, arguments.imagenet)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with (
        cancel_on_signals() as cancelled,
        PersonOutput() as output,
        memory_in_words(configuration.batch),
        join_world() as world,
    ):
        if world.size > 1:
            raise HandsError(ErrorCode.USAGE, "ablate runs in one process.", "Start it without torchrun.")
        bench: Bench
        if is_drawn:
            bench = DrawnBench(
                configuration,
                arguments.weights or WEIGHTS_DIR,
                world,
                count=arguments.test_count or DEFAULT_COUNT,
                start=arguments.start,
                imagenet=arguments.imagenet,
                workers=arguments.workers,
            )
        else:
            training = open_dataset(arguments, hands, output, cancelled)
            tested = argparse.Namespace(**{**vars(arguments), "data": test_data})
            test_hands = "interacting" if protocol.only_interacting else hands
            test = open_dataset(tested, test_hands, output, cancelled, arguments.test_split or "test")
            data = AblationData(training, test, broken_pictures(arguments), arguments.workers)
            bench = DatasetBench(data, protocol, world, start=arguments.start, imagenet=arguments.imagenet)
        results = run_ablation(
            configuration, bench, protocol, arguments.out, report=output, cancelled=cancelled, variants=variants
        )
    print(format_ablation(results))  # noqa: T201 - the result
    return 0


def _refuse_what_cannot_be(arguments: argparse.Namespace, configuration: TrainingConfiguration) -> None:
    """Networks that have nothing to compare, and options without meaning, before anything is opened."""
    if configuration.network == "finder":
        raise HandsError(
            ErrorCode.USAGE, "The finder has none of the paper's parts to leave out.", "Give another --config."
        )
    if configuration.train == "heatmaps":
        raise HandsError(ErrorCode.USAGE, "Heat maps alone have no joints to be tested.", "Give another --config.")
    refuse_data_for(configuration.network, arguments)
    if arguments.data == SYNTHESIS:
        refuse_named(arguments, _ONLY_FOR_FOLDERS, "pictures that are drawn")
        return
    refuse_named(arguments, ("test_count",), "a data set")
    test_data = arguments.test_data or arguments.data
    refuse_options_without_meaning(arguments, arguments.data, test_data)
    if arguments.test_split is not None and takes_in(test_data):
        raise HandsError(ErrorCode.USAGE, "--test-split means nothing for a folder of takes.", "See --test-data.")
