"""A single picture and a sequence of pictures as sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..contract import ErrorCode, HandsError, warning_record
from .picture_file import PictureHeader, read_header, read_picture
from .sequence_files import WIDEST_SPAN, SequenceFiles
from .source import Frame, FrameSelection, SourceInfo
from .source_hash import picture_hash, sequence_hash


class PictureSource:
    """One picture; its frame has the number 1."""

    def __init__(self, path: Path) -> None:
        header = read_header(path)
        self._path = path
        self._info = SourceInfo(
            path=str(path),
            kind="picture",
            numbers=np.array([1], dtype=np.int64),
            fps=0.0,
            picture_size_px=header.size_px,
            working_size_px=header.working_size_px,
            focal_35mm=header.focal_35mm,
            sha256=picture_hash(path),
        )

    @property
    def info(self) -> SourceInfo:
        """See `Source.info`."""
        return self._info

    def read(self, selection: FrameSelection, after: int | None = None) -> Iterator[Frame]:
        """See `Source.read`; a picture that cannot be decoded is an error, not a gap."""
        if selection.includes(1, 1) and (after is None or after < 1):
            yield Frame(1, read_picture(self._path))


class SequenceSource:
    """Pictures of one size with ascending frame numbers; missing, unreadable or odd-sized files are gaps.

    Parameters
    ----------
    path : pattern, folder or frame as the user gave it
    files : what belongs to the sequence
    fps : frames a second, 0 where unknown
    """

    def __init__(self, path: Path, files: SequenceFiles, fps: float) -> None:
        self._files = files.by_number
        header = self._first_readable_header(path)
        self._size_px = header.size_px
        numbers, warnings = self._numbers_and_warnings(path, files)
        self._info = SourceInfo(
            path=str(path),
            kind="sequence",
            numbers=np.array(numbers, dtype=np.int64),
            fps=fps,
            picture_size_px=header.size_px,
            working_size_px=header.working_size_px,
            focal_35mm=header.focal_35mm,
            sha256=sequence_hash(list(self._files.values())),
            warnings=tuple(warnings),
        )

    @property
    def info(self) -> SourceInfo:
        """See `Source.info`."""
        return self._info

    def read(self, selection: FrameSelection, after: int | None = None) -> Iterator[Frame]:
        """See `Source.read`."""
        first = int(self._info.numbers[0])
        for number in self._info.numbers.tolist():
            if selection.includes(number, first) and (after is None or number > after):
                yield self._read_one(number)

    def _read_one(self, number: int) -> Frame:
        file = self._files.get(number)
        if file is None:
            return Frame(number, None)  # a hole, announced in the source's warnings
        try:
            header = read_header(file)
            if header.size_px != self._size_px:
                expected, actual = (" x ".join(map(str, size)) for size in (self._size_px, header.size_px))
                return Frame(number, None, f"'{file.name}' has {actual} pixels, the sequence has {expected}.")
            return Frame(number, read_picture(file))
        except HandsError as error:
            if error.code is ErrorCode.OUT_OF_MEMORY:
                raise
            return Frame(number, None, error.message)

    def _first_readable_header(self, path: Path) -> PictureHeader:
        first_error: HandsError | None = None
        for file in self._files.values():
            try:
                return read_header(file)
            except HandsError as error:
                first_error = first_error or error
        assert first_error is not None, "a sequence has at least one file"  # noqa: S101 - narrows the type
        if len(self._files) == 1:
            raise first_error
        raise HandsError(
            first_error.code, f"None of the {len(self._files)} files of '{path}' can be read.", first_error.message
        )

    def _numbers_and_warnings(self, path: Path, files: SequenceFiles) -> tuple[list[int], list[dict[str, Any]]]:
        present = list(self._files)
        warnings: list[dict[str, Any]] = []
        if files.mixed_names:
            warnings.append(
                warning_record(
                    "mixed_names",
                    f"The pictures in '{path}' are not one numbered sequence; they are read in the order of their "
                    "names and numbered from 1.",
                )
            )
        everything = range(present[0], present[-1] + 1)
        if len(everything) == len(present) or len(everything) > WIDEST_SPAN * len(present):
            return present, warnings
        holes = [number for number in everything if number not in self._files]
        warnings.append(
            warning_record(
                "frames_missing",
                f"{len(holes)} of {len(everything)} frames have no file ({_runs(holes)}); they are gaps.",
                holes[0],
            )
        )
        return list(everything), warnings


def _runs(numbers: list[int], longest: int = 8) -> str:
    """Ascending numbers as ``3, 7-9, 12``, at most `longest` runs."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{first}" if first == last else f"{first}-{last}" for first, last in runs[:longest]]
    return ", ".join([*texts, "..."] if len(runs) > longest else texts)
