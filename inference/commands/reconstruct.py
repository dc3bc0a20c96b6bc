"""``reconstruct INPUT``: a picture, sequence or movie to a take."""

from __future__ import annotations

import argparse
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import TAKE_SUFFIX, ErrorCode, HandsError, output_error, result_record, warning_record
from ..device import DEVICES, CudaUnusableError, Device, why_no_cuda
from .interrupt import cancel_on_signals, end_with_parent
from .models_option import add_models_option
from .number import whole_number
from .output import Output, PersonOutput, open_output

if TYPE_CHECKING:
    from ..boxes import UserBoxes
    from ..engines import Engine, EngineOptions
    from ..engines.engine import Box
    from ..pipeline import Outcome, ReconstructOptions, Reporter


_FRAME_NUMBER: Final = re.compile(r"[._\- ]*(#+|%0?\d*d)$")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "reconstruct",
        help="reconstruct the hands of a picture, a sequence or a movie",
        description="Reconstructs the hands of a picture, a folder of pictures, a numbered sequence "
        "(shot.####.png, shot_%04d.png) or a movie into a take. Ctrl-C keeps the frames done so far; "
        "the same command goes on from there.",
    )
    parser.add_argument("input", type=Path, metavar="INPUT", help="picture, folder, pattern or movie")
    parser.add_argument("--out", type=Path, metavar="TAKE", help=f"the take, NAME{TAKE_SUFFIX}; default: beside INPUT")
    parser.add_argument("--records", action="store_true", help="print one JSON record a line on stdout")
    add_options(parser)
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that a request to `serve` may carry, too."""
    source = parser.add_argument_group("frames")
    source.add_argument(
        "--sequence", action="store_true", help="INPUT is one frame of a numbered sequence: take it all"
    )
    source.add_argument("--fps", type=_positive, default=0.0, help="frames a second of a sequence")
    source.add_argument("--start", type=int, metavar="N", help="number of the first frame")
    source.add_argument("--end", type=int, metavar="N", help="number of the last frame")
    source.add_argument("--step", type=whole_number, default=1, metavar="N", help="take every N-th frame")
    source.add_argument(
        "--finish", action="store_true", help="work on no more frames: make a take of those that an earlier run left"
    )
    camera = parser.add_argument_group("camera").add_mutually_exclusive_group()
    camera.add_argument("--focal-mm", type=_focal, metavar="MM", help="35 mm equivalent focal length")
    camera.add_argument("--fov", type=_angle, metavar="DEG", help="horizontal field of view in degrees")
    camera.add_argument("--vertical-fov", type=_angle, metavar="DEG", help="vertical field of view in degrees")
    hands = parser.add_argument_group("hands")
    for side in ("right", "left"):
        hands.add_argument(
            f"--{side}-box",
            type=_box,
            action="append",
            default=[],
            metavar="[FRAME:]X,Y,W,H",
            help=f"where the {side} hand is in a frame, by default the first; in pixels; may be given for more frames",
        )
    hands.add_argument(
        "--no-look-back", action="store_true", help="do not follow hands that are found late into the frames before"
    )
    shape = hands.add_mutually_exclusive_group()
    shape.add_argument(
        "--shape", choices=("shared", "each"), default="shared", help="one shape for both hands (default), or for each"
    )
    shape.add_argument(
        "--shape-from", type=Path, metavar="TAKE", help="the shape of the hands is that of another take of these people"
    )
    engine = parser.add_argument_group("engine")
    engine.add_argument(
        "--engine",
        default="twohand",
        help="twohand (default), landmarks (somewhat faster), intershape (the paper's)",
    )
    engine.add_argument(
        "--hand-model", choices=("open", "mano"), help="the hand that `landmarks` poses: open (default), or your MANO"
    )
    engine.add_argument(
        "--device", choices=DEVICES, default="auto", help="what the nets run on; auto (default): CUDA where it is there"
    )
    engine.add_argument("--threads", type=whole_number, default=0, metavar="N", help="CPU threads of the nets")
    engine.add_argument("--weights", type=Path, metavar="FOLDER", help="folder of the model files")
    add_models_option(engine)


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct as the arguments say."""
    with cancel_on_signals() as cancelled, open_output(arguments.records) as output:
        if arguments.records:
            end_with_parent(cancelled)
        outcome = reconstruct(arguments, lambda report: load_engine(arguments, report), output, cancelled)
        exit_code = finish(outcome, output)
        return 0 if arguments.finish else exit_code


def engine_options(arguments: argparse.Namespace) -> EngineOptions:
    """Everything in the arguments that the engine depends on, besides its name."""
    from ..engines import EngineOptions
    from ..engines.engine import WEIGHTS_DIR

    return EngineOptions(
        arguments.weights or WEIGHTS_DIR, arguments.models, arguments.threads, arguments.device, arguments.hand_model
    )


def load_engine(arguments: argparse.Namespace, report: Reporter) -> Engine:
    """The engine that the arguments name; where files of the user's or packages are missing for it, the default one."""
    from ..engines import DEFAULT_ENGINE, create_engine
    from ..runtime import require

    require("numpy", "cv2", "PIL", "onnxruntime")
    options = engine_options(arguments)
    try:
        return create_engine(arguments.engine, options)
    except CudaUnusableError as error:
        report(warning_record("device_missing", f"{error.message} The CPU is used instead of CUDA."))
        arguments.device = "cpu"
        return load_engine(arguments, report)
    except HandsError as error:
        if arguments.engine == DEFAULT_ENGINE or error.code not in (ErrorCode.MODEL_MISSING, ErrorCode.RUNTIME_MISSING):
            raise
        instead = f"{error.message} The engine '{DEFAULT_ENGINE}' is used instead of '{arguments.engine}'. {error.hint}"
        report(warning_record("engine_missing", instead.strip()))
        return create_engine(DEFAULT_ENGINE, replace(options, hand_model=None))


def _usable_device(device: Device, engine: str, report: Reporter) -> Device:
    """The device that was asked for; the CPU, with a warning, where CUDA was and is not there."""
    if device != "cuda":
        return device
    library = "torch" if engine == "intershape" else "onnxruntime"
    try:
        reason = why_no_cuda(library)
    except ImportError:
        reason = f"The package '{library}' is not installed."
    if not reason:
        return device
    report(warning_record("device_missing", f"{reason} The CPU is used instead of CUDA."))
    return "cpu"


def reconstruct(
    arguments: argparse.Namespace, make_engine: Callable[[Reporter], Engine], output: Output, cancelled: threading.Event
) -> Outcome:
    """Run the pipeline on the arguments' input; the engine is made once the input has been found readable.

    Where CUDA is asked for and is not there, the arguments say ``cpu`` afterwards.
    """
    from .. import pipeline
    from ..media import open_source

    options = _options(arguments)
    source = open_source(arguments.input.absolute(), as_sequence=arguments.sequence, fps=arguments.fps)
    try:
        take_path = take_path_of(arguments.input, arguments.out)
        replaces = take_path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise output_error(arguments.out or arguments.input, error) from error
    if isinstance(output, PersonOutput) and replaces:
        output.line(f"Note: {take_path} is there already; it is replaced when this is done.")
    notes: list[dict[str, Any]] = []

    def noted(record: Mapping[str, Any]) -> None:
        notes.append(dict(record))
        output(record)

    arguments.device = _usable_device(arguments.device, arguments.engine, noted)
    engine = make_engine(noted)
    options = replace(options, notes=tuple(notes))
    return pipeline.reconstruct(source, take_path, engine=engine, options=options, report=output, cancelled=cancelled)


def finish(outcome: Outcome, output: Output) -> int:
    """Tell the result; the exit code."""
    if outcome.path is None:
        raise HandsError(
            ErrorCode.CANCELLED,
            f"Cancelled after {len(outcome.take.frames)} frames; the complete take that was there is kept.",
            "Run it again to go on from there.",
        )
    output(result_record(outcome.path.absolute(), outcome.summary()))
    if isinstance(output, PersonOutput):
        for line in result_sentences(outcome):
            output.line(line)
        print(outcome.path)  # noqa: T201 - the one thing that a script wants on stdout
    return 0 if outcome.take.complete else ErrorCode.CANCELLED.exit_code


def take_path_of(source: Path, out: Path | None) -> Path:
    """Where the take goes: as the user says, else beside the input under its name."""
    if source.name in ("", ".."):  # "." and the like: folders whose names are not in their paths
        source = source.resolve()
    name = source.name if source.is_dir() else _FRAME_NUMBER.sub("", source.stem)
    if out is None:
        return source.parent / ((name or source.absolute().parent.name or "hands") + TAKE_SUFFIX)
    if out.is_dir():
        return out / ((name or "hands") + TAKE_SUFFIX)
    if out.name.endswith(TAKE_SUFFIX):
        return out
    return out.with_name(out.name.removesuffix(".npz") + TAKE_SUFFIX)


def _options(arguments: argparse.Namespace) -> ReconstructOptions:
    from ..media import FrameSelection
    from ..pipeline import ReconstructOptions

    if arguments.start is not None and arguments.end is not None and arguments.end < arguments.start:
        raise HandsError(
            ErrorCode.USAGE,
            f"The last frame ({arguments.end}) comes before the first one ({arguments.start}).",
            "Exchange --start and --end.",
        )
    boxes: UserBoxes = {"right": dict(arguments.right_box), "left": dict(arguments.left_box)}
    return ReconstructOptions(
        focal_mm=arguments.focal_mm,
        fov_deg=arguments.fov,
        vertical_fov_deg=arguments.vertical_fov,
        boxes=boxes,
        look_back=not arguments.no_look_back,
        finish=arguments.finish,
        selection=FrameSelection(arguments.start, arguments.end, arguments.step),
        shape_each=arguments.shape == "each",
        shape_take=arguments.shape_from,
    )


def result_sentences(outcome: Outcome) -> list[str]:
    """How many frames, which hands in how many of them, how well they fit, and where one is missing."""
    from ..motion.gaps import fill_take

    summary = outcome.summary()
    count = summary["frames"]
    state = "" if summary["complete"] else " before it was cancelled (run it again to go on)"
    lines = [f"{_frames(summary['frames'])} in {summary['seconds']:.1f} s{state}."]
    for side, hand in summary["hands"].items():
        if hand["frames"]:
            share = 100 * hand["reprojection_share"]
            error = f"reprojection error {hand['reprojection_px']:.1f} px, {share:.1f} % of the hand's box"
            lines.append(f"{side.capitalize()} hand: {_frames(hand['frames'], count)}, {error}.")
        else:
            lines.append(f"{side.capitalize()} hand: not found. If it is there, say where: --{side}-box X,Y,W,H.")
    return lines + (fill_take(outcome.take).sentences() if count > 1 else [])


def _frames(count: int, of: int = 1) -> str:
    return f"{count} of {of} frames" if of > 1 else f"{count} frame{'' if count == 1 else 's'}"


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return value


def _focal(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a focal length from 1 to 10000 mm")
    return value


def _angle(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 170:
        raise argparse.ArgumentTypeError(f"'{text}' is not an angle from 1 to 170 degrees")
    return value


def _box(text: str) -> tuple[int | None, Box]:
    """The frame (None: the first) and the box."""
    frame, colon, numbers = text.rpartition(":")
    try:
        frame_number = int(frame) if colon else None
        x, y, width, height = (float(part) for part in numbers.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a box x,y,width,height or frame:x,y,width,height") from error
    if not (width > 0 and height > 0 and max(abs(x), abs(y), width, height) < 1e6):
        raise argparse.ArgumentTypeError(f"'{text}' is not a box x,y,width,height with a positive size")
    return frame_number, (x, y, width, height)
