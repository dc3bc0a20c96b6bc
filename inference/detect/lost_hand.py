"""A hand that was lost a moment ago, and what may be taken for it.

What is left of a hand that goes behind something looks like a small hand, and where a hand leaves the place beside
another one, the net sees that other one in its place. It is sure of both. So a hand that is found again has to have
the size, and much the direction, that it had when it was last seen well, and a place of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..hands.joints import Side
from .evidence import Reading
from .region import Region

_FRAMES_SOUGHT: Final = 6
_SIZE_RATIO: Final = 1.3
_LARGEST_TURN_RAD: Final = math.radians(60)
_LEAST_PROBABILITY: Final = 0.6
_LEAST_GAP: Final = 0.25
"""Between the centres of its region and another hand's, as a share of the smaller one."""


@dataclass
class LostHand:
    """Where and how a hand was before it was lost.

    Parameters
    ----------
    side : which hand
    region : where it was last, turned and as large as it was when it was last seen well
    frames_left : in how many more frames it is looked for
    """

    side: Side
    region: Region
    frames_left: int = _FRAMES_SOUGHT

    def may_be(self, reading: Reading, known: Mapping[Side, Reading]) -> bool:
        """Whether a reading can be this hand, `known` being the hands that are not lost."""
        found = reading.landmarks.next_region
        return (
            reading.landmarks.probability(self.side) >= _LEAST_PROBABILITY
            and 1 / _SIZE_RATIO <= found.side_px / self.region.side_px <= _SIZE_RATIO
            and found.turn_from(self.region) <= _LARGEST_TURN_RAD
            and all(_have_own_places(found, other.landmarks.next_region) for other in known.values())
        )


def _have_own_places(one: Region, other: Region) -> bool:
    return math.dist(one.center_px, other.center_px) >= _LEAST_GAP * min(one.side_px, other.side_px)
