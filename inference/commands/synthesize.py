"""``synthesize``: pictures of two hands made from nothing, with everything that is true of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from ..contract import ErrorCode, HandsError, progress_record
from .output import open_output

_SHEET_COLUMNS: Final = 10
_MOST_ON_SHEET: Final = 400


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "synthesize",
        help="make training pictures with their truth",
        description="Draws pictures of two hands with joints, meshes, masks and boxes: the same for a seed and number.",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where pictures and truth.npz go")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="a PNG with many samples side by side, to look at")
    parser.add_argument("--truth", action="store_true", help="draw the joints on the sheet")
    parser.add_argument("--count", type=_natural, default=100, metavar="N", help="how many samples; default 100")
    parser.add_argument("--first", type=_whole, default=0, metavar="N", help="number of the first sample; default 0")
    parser.add_argument("--seed", type=_whole, default=0, metavar="N", help="which set; default 0")
    parser.add_argument("--size", type=_natural, default=192, metavar="PX", help="side of a picture; default 192")
    parser.add_argument("--batch", type=_natural, default=16, metavar="N", help="samples drawn at once; default 16")
    parser.add_argument(
        "--framing",
        choices=("crop", "picture", "mixed"),
        default="crop",
        help="hands cropped (default), whole pictures, or half of each",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to draw; default cpu")
    parser.add_argument("--weights", type=Path, metavar="FOLDER", help="folder of the model files")
    parser.add_argument("--records", action="store_true", help="print one JSON record a line on stdout")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Draw as the arguments say."""
    from ..runtime import require

    require("numpy", "cv2", "torch")
    import torch

    from ..engines.engine import WEIGHTS_DIR
    from ..synthesis.picture_set import batches, write_set
    from ..synthesis.sample import Generator, Settings
    from ..synthesis.sheet import pictures_bgr, write_sheet

    if arguments.out is None and arguments.sheet is None:
        raise HandsError(ErrorCode.USAGE, "Nothing is to be written.", "Give --out FOLDER, --sheet FILE or both.")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise HandsError(ErrorCode.RUNTIME_MISSING, "This machine has no CUDA device.", "Leave --device out.")
    settings = Settings(size_px=arguments.size, framing=arguments.framing)
    generator = Generator.from_weights(arguments.weights or WEIGHTS_DIR, settings).to(arguments.device)
    with open_output(arguments.records) as output:

        def report(done: int, elapsed_s: float) -> None:
            eta_s = elapsed_s / done * (arguments.count - done)
            output(progress_record("synthesize", done, arguments.count, eta_s))

        if arguments.out is not None:
            rate = write_set(
                arguments.out,
                generator,
                seed=arguments.seed,
                first=arguments.first,
                count=arguments.count,
                batch=arguments.batch,
                done=report,
            )
            print(f"{arguments.count} samples in {arguments.out}, {rate:.0f} drawn a second", file=sys.stderr)  # noqa: T201 - the command line's voice
        if arguments.sheet is not None:
            count = min(arguments.count, _MOST_ON_SHEET)
            pictures = [
                picture
                for samples in batches(generator, arguments.seed, arguments.first, count, arguments.batch)
                for picture in pictures_bgr(samples, truth=arguments.truth)
            ]
            write_sheet(arguments.sheet, pictures, min(count, _SHEET_COLUMNS))
    return 0


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0")
    return value


def _natural(text: str) -> int:
    value = _whole(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is too few")
    return value
