"""``paper-demo PICTURE...``: the authors' demo with the user's own checkpoint."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contract import ErrorCode, HandsError, output_error
from .models_option import add_models_option, model_folder
from .number import whole_number
from .output import PersonOutput

if TYPE_CHECKING:
    from ..engines.crop_answer import NetworkReader


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "paper-demo",
        help="run the paper's network on whole pictures, as its authors' demo does",
        description="Writes NAME_right.obj, NAME_left.obj, NAME_interacting.obj, NAME_overlay.png and NAME.npz (all "
        "raw outputs) for every picture. Needs your own checkpoint: see `models import`.",
    )
    parser.add_argument("inputs", type=Path, nargs="+", metavar="PICTURE", help="picture, or folder of pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for what is made")
    parser.add_argument("--threads", type=whole_number, default=0, metavar="N", help="CPU threads of the network")
    add_models_option(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Go through the pictures; the exit code is that of the first one that failed, 0 where none did."""
    from ..media.picture_file import read_picture
    from ..paper_demo import demonstrate
    from ..runtime import require

    require("numpy", "cv2", "PIL")
    output = PersonOutput()
    failures: list[HandsError] = []
    network: NetworkReader | None = None
    pictures = named_pictures(_pictures(arguments.inputs, output, failures))
    for done, (name, path) in enumerate(pictures.items()):
        try:
            rgb = read_picture(path)
        except HandsError as error:
            _tell(error, output, failures)
            continue
        # Loaded for the first good picture; what is missing for it stops everything.
        network = network or _network(arguments)
        written = demonstrate(network, rgb, _folder(arguments.out), name)
        output.line(f"{done + 1} of {len(pictures)}: {path.name}")
        print(written[0])  # noqa: T201 - the one thing that a script wants on stdout
    if failures:
        output.line(f"{len(failures)} of the inputs could not be used; {len(pictures)} pictures were looked at.")
    return failures[0].code.exit_code if failures else 0


def _network(arguments: argparse.Namespace) -> NetworkReader:
    from ..engines.load_intershape import load_paper_network

    return load_paper_network(model_folder(arguments), arguments.threads)


def _pictures(inputs: Sequence[Path], output: PersonOutput, failures: list[HandsError]) -> list[Path]:
    """The files that are meant; folders give their pictures by name."""
    from ..media.picture_file import PICTURE_SUFFIXES

    pictures: list[Path] = []
    for path in inputs:
        if not path.is_dir():
            pictures.append(path)
            continue
        found = sorted(item for item in path.iterdir() if item.suffix.lower() in PICTURE_SUFFIXES and item.is_file())
        if not found:
            error = HandsError(ErrorCode.INPUT_EMPTY, f"There is no picture in '{path}'.", "Choose another folder.")
            _tell(error, output, failures)
        pictures += found
    return pictures


def named_pictures(pictures: Sequence[Path]) -> dict[str, Path]:
    """A name for each picture's files: its own, with its ending or a number where two would be alike."""
    named: dict[str, Path] = {}
    for path in pictures:
        candidates = [path.stem, path.name.replace(".", "_")]
        candidates += [f"{path.stem}_{number}" for number in range(2, len(pictures) + 2)]
        named[next(name for name in candidates if name not in named)] = path
    return named


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error
    return path


def _tell(error: HandsError, output: PersonOutput, failures: list[HandsError]) -> None:
    output.line(f"Error: {error}")
    failures.append(error)
