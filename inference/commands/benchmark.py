"""``benchmark``: medians of speed and memory, and how they stand to what the project promises."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import ErrorCode, HandsError

if TYPE_CHECKING:
    from ..benchmark.measurement import Measurement

_DEMO_CLIP: Final = Path(__file__).resolve().parents[2] / "demo" / "clip.mp4"


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "benchmark",
        help="measure speed and memory",
        description="Measures decoding, the engine's stages and whole runs of the worker on a 720p movie.",
    )
    parser.add_argument("--movie", type=Path, metavar="FILE", help="a clip with two hands; default: the demo's")
    parser.add_argument("--frames", type=int, default=150, metavar="N", help="length of the measured movie")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="whole runs, of which the median counts")
    parser.add_argument(
        "--long-movie",
        type=int,
        metavar="N",
        help="measure instead what a movie of N frames costs against a short one; 10000 take some ten minutes",
    )
    parser.add_argument(
        "--training",
        action="store_true",
        help="measure instead how fast pictures are drawn, and how fast networks are trained, on made-up pictures; "
        "--repeats times as many batches and steps",
    )
    parser.add_argument(
        "--blender-python",
        type=Path,
        action="append",
        metavar="PYTHON",
        help="a Python that has bpy, to measure Blender's part with; may be given again; default: this one",
    )
    parser.add_argument("--json", action="store_true", help="print the measurements as one JSON object")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print the measurements; the exit code says nothing about the goals."""
    from ..benchmark.long_movie import SHORTEST_LONG_FRAMES, measure_long_movie
    from ..runtime import require

    if arguments.frames < 2 or arguments.repeats < 1:
        raise HandsError(ErrorCode.USAGE, "At least 2 frames and 1 repeat are needed.", "Raise --frames or --repeats.")
    if arguments.long_movie is not None and arguments.long_movie < SHORTEST_LONG_FRAMES:
        raise HandsError(
            ErrorCode.USAGE,
            f"A movie of {arguments.long_movie} frames is not long.",
            f"Raise --long-movie to {SHORTEST_LONG_FRAMES} or more.",
        )
    if arguments.training:
        require("numpy", "cv2", "PIL", "torch", "safetensors")
        from ..benchmark.drawing import measure_drawing
        from ..benchmark.training import measure_training

        results = measure_drawing(arguments.repeats, _tell) + measure_training(arguments.repeats, _tell)
        _print(results, arguments.json)
        return 0
    clip = arguments.movie or _DEMO_CLIP
    if not clip.is_file():
        raise HandsError(ErrorCode.INPUT_MISSING, f"There is no clip at '{clip}'.", "Give one with --movie.")
    require("numpy", "cv2", "PIL", "onnxruntime")
    from ..benchmark.measure import run_benchmark

    if arguments.long_movie is not None:
        results = measure_long_movie(clip, arguments.long_movie, _tell)
    else:
        pythons = arguments.blender_python or [Path(sys.executable)]
        results = run_benchmark(clip, arguments.frames, arguments.repeats, pythons, _tell)
    _print(results, arguments.json)
    return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the command line's voice


def _print(results: list[Measurement], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"measurements": [result.as_dict() for result in results]}))  # noqa: T201 - result
        return
    for item in results:
        line = f"{item.name:<42} {item.median:9.3g} {item.unit:<9} ({item.lowest:.3g} to {item.highest:.3g})"
        goal = ""
        if item.goal is not None and item.ratio is not None:
            goal = f"  goal {item.goal:g} {'met' if item.ratio >= 1 else 'missed'} ({item.ratio:.2f} of it)"
        print(line + goal)  # noqa: T201 - result
