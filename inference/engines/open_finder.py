"""Stage one of the open two-hand network at work: a look at the whole picture, then one at the hands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from ..detect.crops import CropSource
from ..detect.nets import OPEN_FINDER_FILE, OPEN_WEIGHTS_FILE, load_net
from ..detect.region import Region
from ..hands.joints import SIDES, Side

HAND_NEEDED: Final = 0.5
_WORTH_A_LOOK: Final = 0.2
"""Score of a hand in the whole picture for which the second look makes room."""
_MARGIN: Final = 1.15
"""The second look's square, as a multiple of the one that holds both hands' squares."""
_LARGE_ENOUGH: Final = 0.75
"""A second look that would show more than this share of the first shows nothing new."""


class FoundHand(NamedTuple):
    """A hand in the picture: that it is there (0 to 1), and the square that it fills."""

    score: float
    region: Region


class OpenFinder:
    """Finds at most one right and one left hand.

    Parameters
    ----------
    weights_dir : folder of the shipped model files
    threads, providers : see `detect.nets.load_net`

    Raises
    ------
    HandsError
        MODEL_MISSING, MODEL_DAMAGED or RUNTIME_MISSING
    """

    def __init__(self, weights_dir: Path, threads: int = 2, providers: Sequence[str] | None = None) -> None:
        self._net = load_net(weights_dir / OPEN_FINDER_FILE, threads, providers, (OPEN_WEIGHTS_FILE,))
        self._input_px = int(self._net.get_inputs()[0].shape[1])

    def look(self, source: CropSource, view: Region) -> dict[Side, FoundHand]:
        """What one look at a square of the picture shows: for each side a place and how sure it is."""
        picture = source.crop(view, self._input_px, replicate=False)[None]
        outputs = self._net.run(("scores", "regions"), {"picture": picture})
        scores, squares = (np.asarray(part, np.float64)[0] for part in outputs)
        matrix, scale = view.matrix(self._input_px), view.side_px / self._input_px
        hands: dict[Side, FoundHand] = {}
        for side, score, numbers in zip(SIDES, scores.tolist(), squares.tolist(), strict=True):
            x, y = matrix @ np.array([*numbers[:2], 1.0])
            region = Region((float(x), float(y)), numbers[2] * scale, numbers[3] + view.angle_rad)
            hands[side] = FoundHand(score, region)
        return hands

    def find(self, source: CropSource) -> dict[Side, FoundHand]:
        """The hands of a picture that are there more probably than not."""
        whole = Region.whole(source.width, source.height)
        found = self.look(source, whole)
        closer = _around([hand.region for hand in found.values() if hand.score >= _WORTH_A_LOOK])
        if closer is not None and closer.side_px < _LARGE_ENOUGH * whole.side_px:
            found = self.look(source, closer)
        return {side: hand for side, hand in found.items() if hand.score >= HAND_NEEDED and hand.region.usable}

    def propose(self, source: CropSource) -> dict[Side, Region]:
        """Where stage two is to look."""
        return {side: hand.region for side, hand in self.find(source).items()}


def _around(regions: list[Region]) -> Region | None:
    """An upright square round other squares, turned as they may be."""
    if not regions:
        return None
    corners = np.concatenate([region.corners_px() for region in regions])
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle = (low + high) / 2
    # A turned square's corners reach beyond the hand in it.
    side = float((high - low).max()) * _MARGIN / (math.sqrt(2) if len(regions) == 1 else 1.0)
    return Region((float(middle[0]), float(middle[1])), side)
