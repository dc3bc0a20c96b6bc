"""``synthesize``: pictures of two hands made from nothing, with everything that is true of them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import ErrorCode, HandsError, progress_record
from .output import open_output

if TYPE_CHECKING:
    from ..synthesis.picture_set import Done, SetPlan
    from ..synthesis.sample import Generator, Settings

_SHEET_COLUMNS: Final = 10
_MOST_ON_SHEET: Final = 400
_SETS: Final = ("interacting", "apart", "single", "hard-light")
_ALL: Final = "all"
_COUNT, _CLIPS, _SIZE_PX, _FRAMING = 100, 10, 192, "crop"


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "synthesize",
        help="make training pictures with their truth",
        description="Draws pictures of two hands with joints, meshes, masks and boxes: the same for a seed and number.",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where pictures and their truth go")
    parser.add_argument(
        "--layout",
        choices=("plain", "interhand", "takes"),
        default="plain",
        help="pictures and truth.npz (default); InterHand2.6M's v1.0 layout; clips with smooth motion, and their takes",
    )
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="a PNG with many samples side by side, to look at")
    parser.add_argument("--truth", action="store_true", help="draw the joints on the sheet")
    parser.add_argument(
        "--set",
        choices=(*_SETS, _ALL),
        help=f"a held-out test set, always the same, never drawn for training; '{_ALL}': each into its own folder",
    )
    which = parser.add_argument_group("which samples")
    which.add_argument(
        "--count", type=_natural, metavar="N", help=f"how many samples or clips; default {_COUNT} or {_CLIPS}"
    )
    which.add_argument("--first", type=_whole, default=0, metavar="N", help="number of the first one; default 0")
    which.add_argument("--seed", type=_whole, metavar="N", help="which set; default 0")
    how = parser.add_argument_group("how they are drawn")
    how.add_argument("--size", type=_natural, metavar="PX", help=f"side of a picture; default {_SIZE_PX}")
    how.add_argument(
        "--framing", choices=("crop", "picture", "mixed"), help="hands cropped (default), whole pictures, or both"
    )
    how.add_argument(
        "--backgrounds", type=Path, metavar="FOLDER", help="pictures without hands, behind half of the samples"
    )
    how.add_argument("--batch", type=_natural, default=16, metavar="N", help="samples drawn at once; default 16")
    how.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to draw; default cpu")
    layouts = parser.add_argument_group("layouts")
    layouts.add_argument(
        "--split", choices=("train", "val", "test"), help="of the layout interhand; default: train, with --set test"
    )
    layouts.add_argument("--frames", type=_natural, default=60, metavar="N", help="length of a clip; default 60")
    layouts.add_argument("--fps", type=_natural, default=30, metavar="N", help="frames a second of a clip; default 30")
    parser.add_argument("--weights", type=Path, metavar="FOLDER", help="folder of the model files")
    parser.add_argument("--records", action="store_true", help="print one JSON record a line on stdout")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Draw as the arguments say."""
    from ..runtime import require

    require("numpy", "cv2", "torch")
    import torch

    from ..engines.engine import WEIGHTS_DIR
    from ..synthesis.background_pictures import BackgroundPictures
    from ..synthesis.picture_set import batches
    from ..synthesis.sample import Generator
    from ..synthesis.sheet import pictures_bgr, write_sheet

    if arguments.out is None and arguments.sheet is None:
        raise HandsError(ErrorCode.USAGE, "Nothing is to be written.", "Give --out FOLDER, --sheet FILE or both.")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise HandsError(ErrorCode.RUNTIME_MISSING, "This machine has no CUDA device.", "Leave --device out.")
    if arguments.set == _ALL and arguments.sheet is not None:
        raise HandsError(ErrorCode.USAGE, "A sheet shows one set.", f"Choose with --set: {', '.join(_SETS)}.")
    weights = arguments.weights or WEIGHTS_DIR
    backgrounds = None
    if arguments.backgrounds is not None and arguments.set is None:
        backgrounds = BackgroundPictures.of_folder(arguments.backgrounds)
    with open_output(arguments.records) as output:
        for name in _SETS if arguments.set == _ALL else (arguments.set,):
            settings, plan = _plan(arguments, name)
            generator = Generator.from_weights(weights, settings, backgrounds).to(arguments.device)

            def report(done: int, elapsed_s: float, total: int = plan.count) -> None:
                output(progress_record("synthesize", done, total, elapsed_s / done * (total - done)))

            if arguments.out is not None:
                folder = arguments.out / plan.name if arguments.set == _ALL else arguments.out
                rate = _write(arguments, folder, generator, plan, report)
                kind = "clips" if arguments.layout == "takes" else "samples"
                print(f"{plan.count} {kind} in {folder}, {rate:.0f} pictures drawn a second", file=sys.stderr)  # noqa: T201 - the command line's voice
            if arguments.sheet is not None:
                count = min(plan.count, _MOST_ON_SHEET)
                pictures = [
                    picture
                    for samples in batches(generator, replace(plan, count=count))
                    for picture in pictures_bgr(samples, truth=arguments.truth)
                ]
                write_sheet(arguments.sheet, pictures, min(count, _SHEET_COLUMNS))
    return 0


def _plan(arguments: argparse.Namespace, fixed_set: str | None) -> tuple[Settings, SetPlan]:
    """Settings of the generator, and which samples."""
    from ..synthesis.fixed_sets import FIXED_SETS
    from ..synthesis.picture_set import SetPlan
    from ..synthesis.sample import Settings

    clips = arguments.layout == "takes"
    if fixed_set is None:
        settings = Settings(size_px=arguments.size or _SIZE_PX, framing=arguments.framing or _FRAMING)
        count = arguments.count or (_CLIPS if clips else _COUNT)
        return settings, SetPlan(arguments.seed or 0, count, arguments.first, arguments.batch)
    given = [f"--{name}" for name in ("seed", "size", "framing", "backgrounds") if getattr(arguments, name) is not None]
    if given:
        raise HandsError(
            ErrorCode.USAGE,
            f"The set '{fixed_set}' is always the same: it takes no {' and no '.join(given)}.",
            "Leave --set or the others out.",
        )
    fixed = FIXED_SETS[fixed_set]
    count = arguments.count or (fixed.clips if clips else fixed.count)
    return fixed.settings(), SetPlan(fixed.seed, count, arguments.first, arguments.batch, fixed.name)


def _write(arguments: argparse.Namespace, folder: Path, generator: Generator, plan: SetPlan, report: Done) -> float:
    """Write the set; how many pictures were drawn a second."""
    from ..engines.engine import WEIGHTS_DIR

    if arguments.layout == "plain":
        from ..synthesis.picture_set import write_set

        return write_set(folder, generator, plan, report)
    from ..hands.open_hand import load_hand_models

    models = load_hand_models(arguments.weights or WEIGHTS_DIR)
    if arguments.layout == "interhand":
        from ..synthesis.interhand_set import write_interhand

        split = arguments.split or ("train" if arguments.set is None else "test")
        return write_interhand(folder, generator, models, plan, split=split, done=report)
    from ..synthesis.take_set import write_takes

    return write_takes(folder, generator, models, plan, frames=arguments.frames, fps=arguments.fps, done=report)


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
