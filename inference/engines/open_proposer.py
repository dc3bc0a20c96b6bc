"""Which palm is whose: stage one says where palms are, stage two and the landmark net tell the sides, each palm being
one hand's."""

from __future__ import annotations

import math
from itertools import product
from typing import Final, Protocol

from ..detect.crops import CropSource
from ..detect.landmark_net import Landmarks
from ..detect.region import Region
from ..hands.joints import SIDES, Side
from .open_finder import FoundPalm
from .second_opinion import LandmarkReader
from .two_hands import SquareReader

_NO_HAND: Final = 1.0
"""What it is worth, in logits, to leave a side without a hand: an invented hand is worse than a missing one."""
_SAME_PALM: Final = -5.0
"""The same for two hands in one place: palms that lie over each other may be found once."""
_LEAST: Final = 1e-4
_PALM_SHARE: Final = 4.0
"""Of stage one's word that a palm is there, in logits: stage two, asked for one hand at a time, likes the same palm for
both sides. On 100 held-out pictures (a few such pairs were tried on them), this and `_NO_HAND` raised the pictures with
both hands found on their own sides from 0.53 to 0.61, and halved the invented ones."""
_PALM_UNSURE: Final = 0.4
"""The score at which its word says nothing."""
_FINDER_SHARE: Final = 0.25
"""Of stage one's own word about the side, in logits."""
_LANDMARKS_SHARE: Final = 0.3
"""Of the landmark net's. This, and `_SAME_PALM`, raised the hands found in their places from 231 to 238 of 336 and
lowered the wrong ones from 39 to 33 on 200 drawn pictures that chose them (docs/training-log.md)."""


class PalmFinder(Protocol):
    """Stage one (`OpenFinder`)."""

    def find(self, source: CropSource) -> list[FoundPalm]:
        """The palms of a picture, the surest first."""
        ...


class OpenProposer:
    """Both stages as a `two_hands.Proposer`.

    Parameters
    ----------
    finder : stage one
    reader : stage two
    landmarks : the landmark net
    """

    def __init__(self, finder: PalmFinder, reader: SquareReader, landmarks: LandmarkReader) -> None:
        self._finder, self._reader, self._landmarks = finder, reader, landmarks

    def propose(self, source: CropSource) -> dict[Side, Region]:
        """At most one square a side: the assignment of palms to sides that both stages find most probable."""
        palms = self._finder.find(source)
        looks = self._landmarks.read(source, [next(iter(palm.regions.values())) for palm in palms]) if palms else []
        worth = [self._worth(source, palm, look) for palm, look in zip(palms, looks, strict=True)]
        places: list[int | None] = [None, *range(len(palms))]
        best = max(product(places, repeat=len(SIDES)), key=lambda chosen: _total(worth, chosen))
        return {
            side: palms[place].regions[side]
            for side, place in zip(SIDES, best, strict=True)
            if place is not None and side in palms[place].regions
        }

    def _worth(self, source: CropSource, palm: FoundPalm, look: Landmarks) -> dict[Side, float]:
        """How probable each side is there, in logits."""
        hands = self._reader.read(source, dict(palm.regions)).hands
        to_right = _FINDER_SHARE * _logit(palm.right) + _LANDMARKS_SHARE * _logit(look.right_probability)
        own: dict[Side, float] = {"right": to_right, "left": -to_right}
        palm_there = _PALM_SHARE * (_logit(palm.score) - _logit(_PALM_UNSURE))
        return {side: _logit(hand.presence) + palm_there + own[side] for side, hand in hands.items()}


def _total(worth: list[dict[Side, float]], chosen: tuple[int | None, ...]) -> float:
    places = [place for place in chosen if place is not None]
    total = _SAME_PALM if len(places) > len(set(places)) else 0.0
    for side, place in zip(SIDES, chosen, strict=True):
        total += _NO_HAND if place is None else worth[place].get(side, -math.inf)
    return total


def _logit(share: float) -> float:
    bounded = min(max(share, _LEAST), 1 - _LEAST)
    return math.log(bounded / (1 - bounded))
