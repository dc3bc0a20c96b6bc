"""``evaluate``: predictions or an engine against ground truth, by a named protocol."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import ErrorCode, HandsError, output_error
from .dataset_options import (
    add_dataset_options,
    broken_pictures,
    open_dataset,
    refuse_options_without_meaning,
)
from .interrupt import cancel_on_signals
from .models_option import model_folder
from .number import whole_number
from .output import PersonOutput
from .writable import require_writable_file

if TYPE_CHECKING:
    from ..datasets import HandDataset, PictureReader
    from ..evaluation.errors import WorstSample
    from ..evaluation.prediction import PredictionSource

_STDOUT: Final = "-"
_NETWORKS: Final = ("intershape",)


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure an engine or a file of predictions on a data set",
        description="Measures hands against ground truth by a named protocol. Data sets: InterHand2.6M v1.0, a "
        "folder of takes whose hands are the truth, or a folder of sets that 'synthesize' drew: a table for each.",
    )
    parser.add_argument("--protocol", choices=("authors", "corrected"), required=True, help="see docs/evaluation.md")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--engine", metavar="NAME", help="'intershape' (the network on the data set's crops), 'twohand', 'landmarks'"
    )
    source.add_argument("--network", type=Path, metavar="FILE", help="network.safetensors of a run of `train`")
    source.add_argument("--predictions", type=Path, metavar="FILE", help=".npz with ids, joints and vertices")
    parser.add_argument("--no-fit", action="store_true", help="the networks of the engine 'twohand' alone")
    result = parser.add_argument_group("result")
    result.add_argument(
        "--json",
        nargs="?",
        const=_STDOUT,
        metavar="FILE",
        help="write everything as JSON; without a name print it instead of the table",
    )
    result.add_argument("--report", type=Path, metavar="FILE", help="write a self-contained HTML report")
    result.add_argument("--worst", type=whole_number, default=24, metavar="N", help="worst samples shown in the report")
    parser.add_argument("--allow-missing", action="store_true", help="leave out samples that have no prediction")
    parser.add_argument("--threads", type=whole_number, default=0, metavar="N", help="CPU threads of the nets")
    add_dataset_options(parser, "test")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Evaluate as the arguments say."""
    from ..runtime import require

    require("numpy", "cv2", "PIL")
    from ..datasets import PictureReader
    from ..datasets.made_set import made_sets_in
    from ..evaluation.evaluate import evaluate
    from ..evaluation.html_report import html_report
    from ..evaluation.protocol import PROTOCOLS
    from ..evaluation.table import format_scores

    protocol = PROTOCOLS[arguments.protocol]
    if protocol.only_interacting and arguments.hands not in (None, "interacting"):
        raise HandsError(
            ErrorCode.USAGE, f"Protocol '{protocol.name}' is for interacting hands alone.", "Leave out --hands."
        )
    if arguments.no_fit and arguments.engine != "twohand":
        raise HandsError(ErrorCode.USAGE, "--no-fit is for the engine 'twohand'.", "Leave it out.")
    folders = made_sets_in(arguments.data) or [arguments.data]
    one_alone = next((name for name in ("report", "predictions") if getattr(arguments, name) is not None), None)
    if one_alone and len(folders) > 1:
        raise HandsError(
            ErrorCode.USAGE,
            f"'{arguments.data}' holds {len(folders)} sets, --{one_alone} is about one.",
            f"Leave out --{one_alone}, or give one set, such as '{folders[0]}'.",
        )
    refuse_options_without_meaning(arguments, *folders)
    json_file = None if arguments.json in (None, _STDOUT) else Path(arguments.json)
    for path in filter(None, (json_file, arguments.report)):
        require_writable_file(path)
    results: dict[str, Any] = {}
    with cancel_on_signals() as cancelled, PersonOutput() as output:
        hands = arguments.hands or ("interacting" if protocol.only_interacting else "both")
        for folder in folders:
            of_set = argparse.Namespace(**{**vars(arguments), "data": folder})
            dataset = open_dataset(of_set, hands, output, cancelled)
            reader = PictureReader(dataset, broken_pictures(arguments))
            evaluation = evaluate(
                dataset,
                _source(of_set, dataset, reader),
                protocol,
                report=output,
                cancelled=cancelled,
                keep_worst=arguments.worst if arguments.report else 0,
                allow_missing=arguments.allow_missing or arguments.broken == "skip",
            )
            if reader.skipped:
                evaluation.scores.notes.append(reader.summary())
            results[folder.name] = evaluation.scores.as_dict()
            if arguments.json != _STDOUT:
                # At once, so that hours of work are not lost to a full disk.
                print(format_scores(evaluation.scores), flush=True)  # noqa: T201 - the result
            if arguments.report:
                _write(arguments.report, html_report(evaluation.scores, _worst_tiles(dataset, evaluation.worst)))
    text = json.dumps({"sets": results} if len(folders) > 1 else results[folders[0].name], allow_nan=False, indent=1)
    if arguments.json == _STDOUT:
        print(text, flush=True)  # noqa: T201 - the result
    if json_file is not None:
        _write(json_file, text + "\n")
    return 0


def _worst_tiles(dataset: HandDataset, worst: list[WorstSample]) -> list[tuple[str, bytes]]:
    """Captions and pictures of the samples with the largest errors."""
    from ..datasets import PictureReader
    from ..evaluation.contact_sheet import worst_tiles

    sheet = PictureReader(dataset, "skip")
    return [
        (f"{dataset.ids(_row(item.sample))[0]}: {item.error_mm:.1f} mm", jpeg)
        for item, jpeg in worst_tiles(dataset, worst, sheet)
    ]


def _source(arguments: argparse.Namespace, dataset: HandDataset, reader: PictureReader) -> PredictionSource:
    if arguments.predictions is not None:
        from ..evaluation.prediction_file import PredictionFile

        return PredictionFile(arguments.predictions)
    if arguments.network is not None:
        from ..runtime import require

        require("torch", "safetensors")
        from ..evaluation.network_source import NetworkSource
        from ..training.trained_network import load_trained_network

        models = (dataset.models["right"], dataset.models["left"])
        trained = load_trained_network(arguments.network, models, arguments.threads)
        return NetworkSource(trained.network, reader, axes=trained.axes)
    if arguments.engine in _NETWORKS:
        from ..engines.load_intershape import paper_network
        from ..evaluation.network_source import NetworkSource

        network = paper_network(model_folder(arguments), arguments.threads)
        return NetworkSource(network, reader, axes="camera")
    from ..engines import EngineOptions, create_engine
    from ..engines.engine import WEIGHTS_DIR
    from ..engines.two_hands import TwoHandsEngine
    from ..evaluation.engine_source import EngineSource, NetworksAlone

    options = EngineOptions(weights_dir=arguments.weights or WEIGHTS_DIR, threads=arguments.threads)
    engine = create_engine(arguments.engine, options)
    if arguments.no_fit and isinstance(engine, TwoHandsEngine):
        return NetworksAlone(engine, reader)
    return EngineSource(engine, reader)


def _row(sample: int) -> Any:
    import numpy as np

    return np.array([sample], dtype=np.int64)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise output_error(path, error) from error
