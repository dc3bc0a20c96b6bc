"""Looking back: a hand that was found late is followed into the frames before, as far as it can be seen.

It works row by row from the end of a gap to its start, and what it makes of a row follows from that row and the next
one alone: a run that was cancelled goes on anywhere with the same result. Movies can only be decoded forwards, so a
gap's frames are read in pieces of limited length, the last piece first; one pass through the movie serves all gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .boxes import ClipBoxes
from .clip import Clip, ClipBuilder, hands_of_row
from .engines import EngineRun, HandInFrame
from .hands.joints import SIDES, Side
from .media import Frame, SourceInfo

_SHORTEST_RUN: Final = 3
"""Frames a hand must have been followed forwards to be followed backwards; a hand in fewer may be none."""
_MOST_PIECE_FRAMES: Final = 64
_MOST_PIECE_BYTES: Final = 160_000_000
_FIRST_MOVIE_PIECE: Final = 16
_PICTURES_PIECE: Final = 4
"""Files can be read one by one, so hardly any should be read for a hand that is soon lost."""

Read = Callable[[frozenset[int]], Generator[Frame, None, None]]
"""Frames with these numbers, ascending."""


class LookBack:
    """Fills a clip's gaps from behind.

    Parameters
    ----------
    builder : the clip after the forward pass, perhaps with rows that an earlier look back has filled
    boxes : the user's; a hand whose run begins in a box keeps its side whatever the nets think
    info : of the source
    """

    def __init__(self, builder: ClipBuilder, boxes: ClipBoxes, info: SourceInfo) -> None:
        self._builder, self._clip = builder, builder.view()
        self._gap, self._pinned = _gaps(self._clip, builder.tracked(), boxes)
        width, height = info.working_size_px
        within_memory = max(1, min(_MOST_PIECE_FRAMES, _MOST_PIECE_BYTES // (3 * width * height)))
        self._longest_piece = within_memory if info.kind == "movie" else min(within_memory, _PICTURES_PIECE)
        self._first_piece = min(self._longest_piece, _FIRST_MOVIE_PIECE)

    @property
    def total(self) -> int:
        """The most frames that may be looked at again."""
        return int(self._gap.any(axis=0).sum())

    def run(self, read: Read, engine_run: EngineRun) -> Generator[int, None, None]:
        """Fill the gaps; after each frame that was looked at, yields how many of `total` need no more looks."""
        spans, length = _runs(self._gap.any(axis=0)), self._first_piece
        while spans:
            pieces = [
                (first, newest) for first, last in spans if (newest := self._newest_open(first, last)) is not None
            ]
            spans = [(first, newest - length) for first, newest in pieces if newest - length >= first]
            waiting = sum(newest - first + 1 for first, newest in pieces)
            parts = [range(max(first, newest - length + 1), newest + 1) for first, newest in pieces]
            if not parts:
                return
            frames = read(frozenset(int(self._clip.frames[row]) for part in parts for row in part))
            with closing(frames):
                for part in parts:
                    pictures = self._pictures(frames, part)
                    for row in reversed(part):
                        looked = self._look(row, pictures.pop(int(self._clip.frames[row]), None), engine_run)
                        waiting -= 1
                        if looked:
                            yield self.total - waiting
            length = min(2 * length, self._longest_piece)

    def _pictures(self, frames: Iterator[Frame], rows: range) -> dict[int, NDArray[np.uint8] | None]:
        """The frames of some rows by number, from where the iterator stands."""
        last = int(self._clip.frames[rows[-1]])
        pictures: dict[int, NDArray[np.uint8] | None] = {}
        for frame in frames:
            pictures[frame.number] = frame.rgb
            if frame.number >= last:
                break
        return pictures

    def _look(self, row: int, rgb: NDArray[np.uint8] | None, engine_run: EngineRun) -> bool:
        """Look for the hands of the next row in this one; false where there is nothing to look for."""
        sides = self._open(row)
        if rgb is None or not sides:
            return False
        after = hands_of_row(self._clip, row + 1)
        later: dict[Side, HandInFrame] = {side: after[side] for side in sides}
        pinned: frozenset[Side] = frozenset(side for side in sides if self._pinned[SIDES.index(side), row])
        self._builder.put(row, engine_run.look_back(rgb, later, hands_of_row(self._clip, row), pinned))
        return True

    def _newest_open(self, first: int, last: int) -> int | None:
        """The last row of a span in which a hand of the next row may be looked for."""
        for row in range(last, first - 1, -1):
            if self._open(row):
                return row
        return None

    def _open(self, row: int) -> list[Side]:
        """The sides that are missing in a row and can be followed into it from the next one."""
        present = self._clip.present
        return [
            side
            for index, side in enumerate(SIDES)
            if self._gap[index, row] and not present[index, row] and present[index, row + 1]
        ]


def _gaps(clip: Clip, tracked: NDArray[np.bool_], boxes: ClipBoxes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(2, F) rows that lie before a run of rows with the hand; and whether that run begins in a box of the user's."""
    gap, pinned = np.zeros_like(tracked), np.zeros_like(tracked)
    for index, side in enumerate(SIDES):
        boxed = boxes.numbers(side)
        for first, last in _runs(~tracked[index]):
            begin, end = last + 1, last + 1 + _SHORTEST_RUN
            starts_in_box = begin < len(clip.frames) and int(clip.frames[begin]) in boxed
            if starts_in_box or (end <= len(clip.frames) and tracked[index, begin:end].all()):
                gap[index, first : last + 1] = True
                pinned[index, first : last + 1] = starts_in_box
    return gap, pinned


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last row of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(last) - 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]
