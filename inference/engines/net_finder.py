"""Both hands of a picture by stage one of the open two-hand network: a look at the whole, then one at the hands."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import torch

from ..detect.crops import CropSource
from ..detect.region import Region
from ..hands.joints import SIDES, Side
from ..networks.finder_net import FinderNet, FoundHands, answer_both_ways, find_hands

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


class NetFinder:
    """Finds at most one right and one left hand.

    Parameters
    ----------
    network : trained
    input_px : side of what the network sees, a multiple of 32
    """

    def __init__(self, network: FinderNet, input_px: int) -> None:
        self._network, self._input_px = network.eval(), input_px

    def look(self, source: CropSource, view: Region) -> dict[Side, FoundHand]:
        """What one look at a square of the picture shows: for each side a place and how sure it is."""
        crop = source.crop(view, self._input_px, replicate=False)
        picture = torch.from_numpy(crop).permute(2, 0, 1).unsqueeze(0).contiguous(memory_format=torch.channels_last)
        device = next(self._network.parameters()).device
        with torch.inference_mode():
            found = find_hands(answer_both_ways(self._network, picture.to(device)))
        return _in_picture(found, view, self._input_px)

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


def _in_picture(found: FoundHands, view: Region, input_px: int) -> dict[Side, FoundHand]:
    matrix, scale = view.matrix(input_px), view.side_px / input_px
    hands: dict[Side, FoundHand] = {}
    for side, score, numbers in zip(SIDES, found.scores[0].tolist(), found.regions[0].tolist(), strict=True):
        x, y = matrix @ np.array([*numbers[:2], 1.0])
        hands[side] = FoundHand(score, Region((float(x), float(y)), numbers[2] * scale, numbers[3] + view.angle_rad))
    return hands


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
