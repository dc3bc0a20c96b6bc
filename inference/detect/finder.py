"""Hands in a single picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import SIDES, Side
from .crops import CropSource
from .evidence import PRESENCE_NEEDED, Reading
from .observation import HandObservation
from .reader import HandReader
from .region import Box, Region
from .search import search

_BOX_PALM_THRESHOLD: Final = 0.25
_BOX_TURNS: Final = 8
_BOX_LOOKS_KEPT: Final = 4
_BOX_MARGIN: Final = 0.25


class HandFinder:
    """Finds at most one right and one left hand in a picture.

    Parameters
    ----------
    weights_dir : folder that holds the nets
    threads : CPU threads that a net may use
    providers : onnxruntime's execution providers; None takes CUDA where there is one, else the CPU

    Raises
    ------
    HandsError
        MODEL_MISSING, MODEL_DAMAGED or RUNTIME_MISSING
    """

    def __init__(self, weights_dir: Path, threads: int = 2, providers: Sequence[str] | None = None) -> None:
        self.reader = HandReader(weights_dir, threads, providers)

    def find(self, rgb: NDArray[np.uint8], boxes: Mapping[Side, Box] | None = None) -> dict[Side, HandObservation]:
        """The hands in one picture.

        Parameters
        ----------
        rgb : (H, W, 3) uint8, upright
        boxes : where the user says that a hand is; the detector is not asked about that side

        Returns
        -------
        One observation for each side that was found; a hand that was not found is absent.
        """
        found = self.find_readings(CropSource(rgb), boxes)
        return {side: reading.observation(side) for side, reading in found.items()}

    def find_readings(self, source: CropSource, boxes: Mapping[Side, Box] | None = None) -> dict[Side, Reading]:
        """As `find`, with the evidence for each hand."""
        boxes = boxes or {}
        known: dict[Side, Reading] = {}
        for side, box in boxes.items():
            reading = self.read_box(source, side, box)
            if reading is not None:
                known[side] = reading
        free: list[Side] = [side for side in SIDES if side not in boxes]
        found = known | (search(self.reader, source, known, free) if free else {})
        return {side: found[side] for side in SIDES if side in found}

    def read_box(self, source: CropSource, side: Side, box: Box) -> Reading | None:
        """The hand in a user's box, its side as the user says; None where there is none."""
        around = Region.from_box(box)
        if not around.usable:
            return None
        regions = [around.turned(2 * math.pi * turn / _BOX_TURNS) for turn in range(_BOX_TURNS)]
        regions += self.reader.palm_regions(source, [around.scaled(1.5)], _BOX_PALM_THRESHOLD)
        looks = [
            look
            for look in self.reader.look(source, regions)
            if look.presence >= PRESENCE_NEEDED and lies_in(look.next_region, box)
        ]
        looks.sort(key=lambda look: -look.presence * (0.5 + look.probability(side)))
        readings = self.reader.read(source, [look.next_region for look in looks[:_BOX_LOOKS_KEPT]])
        promising = [item for item in readings if item.promising and lies_in(item.landmarks.next_region, box)]
        if not promising:
            return None
        best = max(promising, key=lambda item: item.quality * (0.5 + item.landmarks.probability(side)))
        polished = self.reader.polish(source, best)
        closer = [item for item in (polished, best) if item.tenable and lies_in(item.landmarks.next_region, box)]
        return max(closer, key=lambda item: item.quality, default=None)


def lies_in(region: Region, box: Box) -> bool:
    """Whether a hand's region is centred in a box (with some margin) and not much larger or smaller."""
    x, y, width, height = box
    margin = _BOX_MARGIN * max(width, height)
    ratio = region.side_px / Region.from_box(box).side_px
    return (
        x - margin <= region.center_px[0] <= x + width + margin
        and y - margin <= region.center_px[1] <= y + height + margin
        and 0.4 <= ratio <= 2.0
    )
