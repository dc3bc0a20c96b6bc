"""What every kind of input looks like to the pipeline: numbered upright RGB frames, read lazily."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

SourceKind = Literal["picture", "sequence", "movie"]

SMALLEST_SIDE_PX = 32
"""Below this no finger is wider than a pixel."""
LARGEST_PICTURE_PX = 210_000_000
"""Above the largest phone sensors (200 megapixels); while it is decoded, at four bytes a pixel, the worker stays within
1.5 GB."""


@dataclass(frozen=True)
class Frame:
    """One frame of a source.

    Parameters
    ----------
    number : its number in the source (from 1 where the source has no numbers of its own)
    rgb : (H, W, 3) upright picture in the source's working size, or None where the frame could not be read
    problem : one sentence saying why `rgb` is None; empty where `SourceInfo.warnings` already says it
    """

    number: int
    rgb: NDArray[np.uint8] | None
    problem: str = ""


@dataclass(frozen=True)
class FrameSelection:
    """Every `step`-th frame from number `first` (None: the source's first) to number `last` (None: to the end).

    `only`: of these, the frames with these numbers.
    """

    first: int | None = None
    last: int | None = None
    step: int = 1
    only: frozenset[int] | None = None

    def includes(self, number: int, source_first: int) -> bool:
        """Whether a frame is wanted, in a source whose first frame has the number `source_first`."""
        if self.only is not None and number not in self.only:
            return False
        first = source_first if self.first is None else self.first
        return number >= first and (self.last is None or number <= self.last) and (number - first) % self.step == 0


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before its frames are read.

    Parameters
    ----------
    path : the input as the user gave it
    kind : picture, sequence (numbered or a folder) or movie
    numbers : (F,) frame numbers, ascending; a movie's are what its header promises, it may hold fewer or more
    fps : frames a second, 0 where unknown
    picture_size_px : (width, height) of the upright frames as stored
    working_size_px : (width, height) of the frames handed out; smaller only for huge pictures
    focal_35mm : 35 mm equivalent focal length from the file, or None
    sha256 : see `source_hash`
    warnings : warning records about the source as a whole
    """

    path: str
    kind: SourceKind
    numbers: NDArray[np.int64]
    fps: float
    picture_size_px: tuple[int, int]
    working_size_px: tuple[int, int]
    focal_35mm: float | None
    sha256: str
    warnings: tuple[dict[str, Any], ...] = field(default=())


class Source(Protocol):
    """A picture, sequence or movie that has been found readable."""

    @property
    def info(self) -> SourceInfo:
        """What is known before reading."""
        ...

    def read(self, selection: FrameSelection, after: int | None = None) -> Iterator[Frame]:
        """Selected frames in ascending order, those numbered above `after` only, each read when asked for."""
        ...
