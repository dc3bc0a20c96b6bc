"""The user's boxes: which hold in a frame, and what lies between them."""

from __future__ import annotations

import bisect
from collections.abc import Mapping

from .engines.engine import Box, FrameBoxes
from .hands.joints import Side

UserBoxes = Mapping[Side, Mapping[int | None, Box]]
"""Boxes (pixels of the upright picture) by side and frame number; None stands for the first selected frame."""


class ClipBoxes:
    """The boxes of a clip in pixels of the frames that are worked on.

    Parameters
    ----------
    boxes : as the user gave them
    first_number : number of the first selected frame
    scale : from the user's pixels to those of the working size
    """

    def __init__(self, boxes: UserBoxes, first_number: int, scale: float = 1.0) -> None:
        self._given: dict[Side, dict[int, Box]] = {}
        for side, by_number in boxes.items():
            resolved = {first_number if number is None else number: box for number, box in by_number.items()}
            if resolved:
                self._given[side] = {number: _scaled(resolved[number], scale) for number in sorted(resolved)}

    def at(self, number: int) -> FrameBoxes:
        """What the user says about a frame."""
        given: dict[Side, Box] = {}
        hints: dict[Side, Box] = {}
        for side, boxes in self._given.items():
            if number in boxes:
                given[side] = boxes[number]
            elif (between := _between(boxes, number)) is not None:
                hints[side] = between
        return FrameBoxes(given, hints)

    def numbers(self, side: Side) -> frozenset[int]:
        """The frames in which a hand has a box."""
        return frozenset(self._given.get(side, {}))

    def all(self) -> list[tuple[Side, int]]:
        """Side and frame of every box, by frame."""
        return sorted(
            ((side, number) for side in self._given for number in self._given[side]), key=lambda item: item[1]
        )


def _between(boxes: Mapping[int, Box], number: int) -> Box | None:
    """The box at a frame between two boxes, both moved and scaled evenly; None before the first and after the last."""
    numbers = list(boxes)
    after = bisect.bisect(numbers, number)
    if not 0 < after < len(numbers):
        return None
    first, last = numbers[after - 1], numbers[after]
    share = (number - first) / (last - first)
    x, y, width, height = ((1 - share) * a + share * b for a, b in zip(boxes[first], boxes[last], strict=True))
    return x, y, width, height


def _scaled(box: Box, scale: float) -> Box:
    x, y, width, height = (value * scale for value in box)
    return x, y, width, height
