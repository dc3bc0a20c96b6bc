"""``ablate``: the same training without and with the paper's parts, one table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from ..contract import ErrorCode, HandsError
from .dataset_options import (
    add_dataset_options,
    broken_pictures,
    open_dataset,
    refuse_options_without_meaning,
    takes_in,
)
from .interrupt import cancel_on_signals
from .number import whole_number
from .output import PersonOutput
from .train import add_start_options
from .training_memory import memory_in_words
from .writable import require_writable_folder

_EVERY_HAND: Final = "both"


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
    parser.add_argument("--protocol", choices=("authors", "corrected"), default="corrected", help="default: corrected")
    parser.add_argument("--test-split", choices=("train", "val", "test"), help="of the data; default: test")
    parser.add_argument("--test-data", type=Path, metavar="DIR", help="another data set to test on; default: --data")
    add_dataset_options(parser, "train")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the ablation as the arguments say."""
    from ..runtime import require

    require("numpy", "cv2", "PIL", "torch", "safetensors")
    import torch

    from ..ablation import AblationData, format_ablation, run_ablation
    from ..evaluation.protocol import PROTOCOLS
    from ..training.configuration import load_configuration
    from ..training.distributed import join_world
    from ..training.start import require_first_weights

    protocol = PROTOCOLS[arguments.protocol]
    hands = arguments.hands or _EVERY_HAND
    configuration = load_configuration(arguments.config, [*arguments.set, f"steps={arguments.steps}"])
    if configuration.network not in ("paper", "compact"):
        raise HandsError(
            ErrorCode.USAGE,
            f"The network '{configuration.network}' cannot be tested by this command yet.",
            "Give another --config.",
        )
    if configuration.train == "heatmaps":
        raise HandsError(ErrorCode.USAGE, "Heat maps alone have no joints to be tested.", "Give another --config.")
    test_data = arguments.test_data or arguments.data
    refuse_options_without_meaning(arguments, arguments.data, test_data)
    if arguments.test_split is not None and takes_in(test_data):
        raise HandsError(ErrorCode.USAGE, "--test-split means nothing for a folder of takes.", "See --test-data.")
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
        training = open_dataset(arguments, hands, output, cancelled)
        tested = argparse.Namespace(**{**vars(arguments), "data": test_data})
        test_hands = "interacting" if protocol.only_interacting else hands
        test = open_dataset(tested, test_hands, output, cancelled, arguments.test_split or "test")
        results = run_ablation(
            configuration,
            AblationData(training, test, broken_pictures(arguments), arguments.workers),
            protocol,
            arguments.out,
            world,
            report=output,
            cancelled=cancelled,
            start=arguments.start,
            imagenet=arguments.imagenet,
        )
    print(format_ablation(results))  # noqa: T201 - the result
    return 0
