"""Stage one of the open two-hand network at work: a look at the whole picture, then one at the hands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from ..detect.crops import CropSource
from ..detect.nets import OPEN_FINDER_FILE, OPEN_WEIGHTS_FILE, load_net
from ..detect.region import Region
from ..hands.joints import SIDES, Side

_WORTH_A_LOOK: Final = 0.2
"""Score of a palm in the whole picture for which the second look makes room."""
_PROPOSED: Final = 0.1
"""Score from which stage two is asked: it is the one that has to be sure."""
_MARGIN: Final = 1.15
"""The second look's square, as a multiple of the one that holds the palms' squares."""
_LARGE_ENOUGH: Final = 0.75
"""A second look that would show more than this share of the first shows nothing new."""


class FoundPalm(NamedTuple):
    """A place where a hand is.

    Parameters
    ----------
    score : from 0 to 1, that there is one
    right : from 0 to 1, that it is a right one
    regions : the square that it fills, if it is a right and if it is a left hand
    """

    score: float
    right: float
    regions: Mapping[Side, Region]


class OpenFinder:
    """Finds palms, whichever hands they are of.

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

    def look(self, source: CropSource, view: Region) -> list[FoundPalm]:
        """What one look at a square of the picture shows, the surest first."""
        picture = source.crop(view, self._input_px, replicate=False)[None]
        outputs = self._net.run(("scores", "right", "regions"), {"picture": picture})
        scores, right, squares = (np.asarray(part, np.float64)[0] for part in outputs)
        matrix, scale = view.matrix(self._input_px), view.side_px / self._input_px
        palms: list[FoundPalm] = []
        for score, is_right, pair in zip(scores.tolist(), right.tolist(), squares, strict=True):
            regions: dict[Side, Region] = {}
            for side, numbers in zip(SIDES, pair.tolist(), strict=True):
                x, y = matrix @ np.array([*numbers[:2], 1.0])
                region = Region((float(x), float(y)), numbers[2] * scale, numbers[3] + view.angle_rad)
                if region.usable:
                    regions[side] = region
            palms.append(FoundPalm(score, is_right, regions))
        return palms

    def find(self, source: CropSource) -> list[FoundPalm]:
        """The palms of a picture that may be there, the surest first."""
        whole = Region.whole(source.width, source.height)
        found = self.look(source, whole)
        sure = [palm for palm in found if palm.score >= _WORTH_A_LOOK]
        closer = _around([region for palm in sure for region in palm.regions.values()])
        if closer is not None and closer.side_px < _LARGE_ENOUGH * whole.side_px:
            found = self.look(source, closer)
        return [palm for palm in found if palm.score >= _PROPOSED and palm.regions]


def _around(regions: list[Region]) -> Region | None:
    """An upright square round other squares, turned as they may be."""
    if not regions:
        return None
    corners = np.concatenate([region.corners_px() for region in regions])
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle = (low + high) / 2
    # A turned square's corners reach beyond the hand in it.
    side = float((high - low).max()) * _MARGIN / (math.sqrt(2) if len(regions) <= len(SIDES) else 1.0)
    return Region((float(middle[0]), float(middle[1])), side)
