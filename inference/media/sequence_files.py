"""Which files make up a sequence: a pattern, a folder, or the neighbours of one frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..contract import ErrorCode, HandsError
from .picture_file import PICTURE_SUFFIXES

WIDEST_SPAN: Final = 10
"""Numbers spread wider than this many times the files (dates, serial numbers) are labels, not positions in time."""
_HASHES: Final = re.compile(r"#+(?!.*#)")
_PRINTF: Final = re.compile(r"%0?(\d*)d")
_NUMBERED: Final = re.compile(r"^(?P<prefix>.*?)(?P<number>\d+)(?P<suffix>\.[^.]+)$")


@dataclass(frozen=True)
class SequenceFiles:
    """Files by ascending frame number; `mixed_names` where the numbers are only positions in a folder."""

    by_number: dict[int, Path]
    mixed_names: bool = False


def is_pattern(path: Path) -> bool:
    """Whether a name means many files: ``name.####.png`` or ``name_%04d.png``."""
    return _HASHES.search(path.name) is not None or _PRINTF.search(path.name) is not None


def files_of_pattern(path: Path) -> SequenceFiles:
    """Files matching ``name.####.png`` or ``name_%04d.png`` in the pattern's folder.

    Raises
    ------
    HandsError
        INPUT_MISSING where there is none
    """
    hashes = _HASHES.search(path.name)
    printf = _PRINTF.search(path.name)
    if hashes is not None:
        width, span = len(hashes.group()), hashes.span()
    else:
        assert printf is not None, "called for patterns only"  # noqa: S101 - narrows the type, is_pattern was asked
        width, span = int(printf.group(1) or 1), printf.span()
    prefix, suffix = path.name[: span[0]], path.name[span[1] :]
    found: dict[int, Path] = {}
    for file in _files(path.parent):
        middle = file.name[len(prefix) : len(file.name) - len(suffix)]
        if not (file.name.startswith(prefix) and file.name.endswith(suffix) and middle.isascii() and middle.isdigit()):
            continue
        if middle == f"{int(middle):0{width}d}":
            found[int(middle)] = file
    if not found:
        raise HandsError(
            ErrorCode.INPUT_MISSING,
            f"No file matches '{path.name}' in '{path.parent}'.",
            "Each # stands for one digit of the frame number.",
        )
    return SequenceFiles(dict(sorted(found.items())))


def pattern_of(path: Path) -> Path:
    """The pattern (``shot.####.png``) of the numbered sequence that a frame belongs to.

    Raises
    ------
    HandsError
        USAGE where the file's name ends in no number
    """
    match = _NUMBERED.match(path.name)
    if match is None:
        raise HandsError(
            ErrorCode.USAGE,
            f"'{path.name}' belongs to no sequence: its name does not end in a number.",
            "Give a name such as 'shot.0001.png', or leave out --sequence.",
        )
    return path.with_name(f"{match['prefix']}{'#' * len(match['number'])}{match['suffix']}")


def files_of_folder(path: Path) -> SequenceFiles:
    """Pictures of a folder: one numbered sequence with its own numbers, else all in natural order, numbered from 1.

    Raises
    ------
    HandsError
        INPUT_EMPTY where the folder holds no picture, INPUT_UNREADABLE where it cannot be listed
    """
    pictures = [file for file in _files(path) if file.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        raise HandsError(
            ErrorCode.INPUT_EMPTY, f"The folder '{path}' holds no pictures.", "Choose a picture, a movie or its folder."
        )
    matches = [_NUMBERED.match(file.name) for file in pictures]
    names = {(match["prefix"], match["suffix"].lower()) if match else None for match in matches}
    if len(pictures) > 1 and len(names) == 1 and None not in names:
        numbered = {int(match["number"]): file for match, file in zip(matches, pictures, strict=True) if match}
        span = max(numbered) - min(numbered) + 1
        if len(numbered) == len(pictures) and span <= WIDEST_SPAN * len(pictures):
            return SequenceFiles(dict(sorted(numbered.items())))
    ordered = sorted(pictures, key=lambda file: _natural_key(file.name))
    return SequenceFiles(dict(enumerate(ordered, start=1)), mixed_names=len(pictures) > 1)


def _files(folder: Path) -> list[Path]:
    """Visible files of a folder; hidden ones (``._shot.0001.png`` of macOS) are no frames."""
    try:
        return [file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")]
    except FileNotFoundError as error:
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"There is no folder at '{folder}'.", "Check the path; was the folder moved?"
        ) from error
    except OSError as error:
        raise HandsError(
            ErrorCode.INPUT_UNREADABLE, f"The folder '{folder}' cannot be read ({error.strerror}).", "Check its rights."
        ) from error


def _natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts ``2.png`` before ``10.png``."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"([0-9]+)", name.casefold())]
