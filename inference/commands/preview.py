"""``preview TAKE``: the mesh over the picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..contract import read_take, result_record
from .interrupt import cancel_on_signals, end_with_parent
from .models_option import add_models_option
from .output import PersonOutput, open_output


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "preview",
        help="draw a take over its pictures",
        description="Draws the hands of a take over its source: a picture for a picture, a movie for the rest.",
    )
    parser.add_argument("take", type=Path, metavar="TAKE", help="NAME.hands.npz")
    parser.add_argument("--out", type=Path, metavar="FILE", help="PNG, JPEG or MP4; default: beside the take")
    parser.add_argument("--frame", type=int, metavar="N", help="draw this frame alone, as a picture")
    parser.add_argument("--points", action="store_true", help="draw the observed joints and the skeleton, too")
    parser.add_argument(
        "--smooth",
        type=_strength,
        default=0.0,
        metavar="S",
        help="draw the motion smoothed, from 0 (as measured, the default) to 1; Blender's default is 0.5",
    )
    parser.add_argument("--weights", type=Path, metavar="FOLDER", help="folder of the model files")
    add_models_option(parser)
    parser.add_argument("--records", action="store_true", help="print one JSON record a line on stdout")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Draw as the arguments say."""
    from ..runtime import require

    require("numpy", "cv2", "PIL")
    from ..engines.engine import WEIGHTS_DIR
    from ..models.hands_of_take import hand_models_of
    from ..preview.write import PreviewOptions, write_preview

    with cancel_on_signals() as cancelled, open_output(arguments.records) as output:
        if arguments.records:
            end_with_parent(cancelled)
        path = write_preview(
            arguments.take,
            arguments.out,
            hand_models_of(read_take(arguments.take), arguments.weights or WEIGHTS_DIR, arguments.models),
            options=PreviewOptions(points=arguments.points, frame=arguments.frame, smoothing=arguments.smooth),
            report=output,
            cancelled=cancelled,
        )
        output(result_record(arguments.take.absolute(), {"preview": str(path.absolute())}))
        if isinstance(output, PersonOutput):
            print(path)  # noqa: T201 - the one thing that a script wants on stdout
    return 0


def _strength(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"'{text}' is no number between 0 and 1")
    return value
