"""From what the user names to a source."""

from __future__ import annotations

from pathlib import Path

from ..contract import ErrorCode, HandsError
from .movie_source import MovieSource
from .picture_file import PICTURE_SUFFIXES, NotAPictureError
from .picture_source import PictureSource, SequenceSource
from .sequence_files import files_of_folder, files_of_pattern, is_pattern, pattern_of
from .source import Source


def open_source(path: Path, *, as_sequence: bool = False, fps: float = 0.0) -> Source:
    """Open a picture, a folder of pictures, a numbered sequence or a movie.

    Parameters
    ----------
    path : file, folder, or pattern (``shot.####.png``, ``shot_%04d.png``)
    as_sequence : take the whole numbered sequence that the given picture belongs to; the source's path is its pattern
    fps : frames a second of a sequence, 0 where unknown; movies bring their own

    Raises
    ------
    HandsError
        INPUT_MISSING, INPUT_UNREADABLE, INPUT_EMPTY, INPUT_TOO_SMALL, INPUT_TOO_LARGE, or RUNTIME_MISSING
    """
    try:
        return _open(path, as_sequence, fps)
    except OSError as error:  # asking about a path may fail, too: a folder that is locked, a name that is too long
        raise HandsError(
            ErrorCode.INPUT_UNREADABLE,
            f"'{path}' cannot be read ({error.strerror or error}).",
            "Check the path, and the permissions of the file and its folder.",
        ) from error


def _open(path: Path, as_sequence: bool, fps: float) -> Source:
    if path.is_dir():
        return SequenceSource(path, files_of_folder(path), fps)
    if as_sequence and path.is_file():
        path = pattern_of(path)
        return SequenceSource(path, files_of_pattern(path), fps)
    if not path.exists() and is_pattern(path):
        return SequenceSource(path, files_of_pattern(path), fps)
    if not path.exists():
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"There is no file at '{path}'.", "Check the path; was the file moved or renamed?"
        )
    try:
        return PictureSource(path)
    except NotAPictureError as error:
        not_a_picture = error
    try:
        return MovieSource(path)
    except HandsError:
        # What is wrong is told in the words of what the file claims to be.
        if path.suffix.lower() in PICTURE_SUFFIXES:
            raise not_a_picture from None
        raise
