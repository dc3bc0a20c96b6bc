"""The second of two hands that hold each other: looked for around the first, where no palm shows it.

Clasped hands show one palm, so stage one offers one place. Stage two, which knows the first hand, is asked for the
other one in squares that lie about it and are turned about as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from ..detect.crops import CropSource
from ..detect.observation import HandObservation
from ..detect.region import Region
from ..hands.joints import Side

if TYPE_CHECKING:
    from .pair_reader import PairAnswer
    from .two_hands import SquareReader

_RADIUS: Final = 0.35
_DIRECTIONS: Final = 4
_TURNS_RAD: Final = (-math.pi / 4, 0.0, math.pi / 4)
_KEPT: Final = 4
_LOOKS: Final = 2
_LEAST_PRESENCE: Final = 0.98
_LEAST_CERTAINTY: Final = 0.25
"""More is asked of a hand that no palm spoke for. Both were chosen on 128 drawn pictures in which one hand was found;
47 of them show a single hand, beside which none was invented."""
_LARGEST_SIZE_RATIO: Final = 1.7


def look_beside(
    reader: SquareReader, source: CropSource, side: Side, first: Mapping[Side, HandObservation]
) -> PairAnswer | None:
    """What is seen of both hands where the one of `side` is found beside the `first`; None where it is not."""
    others: dict[Side, Region] = {other: Region.from_joints(hand.joints_px) for other, hand in first.items()}
    (around,) = others.values()
    looks = [reader.read(source, {**others, side: region}) for region in _about(around)]
    looks.sort(key=lambda look: trust(look.hands[side]), reverse=True)
    settled = [answer for look in looks[:_KEPT] if (answer := _settled(reader, source, side, others, look)) is not None]
    best = max(settled, key=lambda answer: trust(answer.hands[side]), default=None)
    return best if best is not None and _is_sure(best.hands[side], around) else None


def trust(hand: HandObservation) -> float:
    """From 0 to 1: how surely a hand was seen."""
    return hand.presence * float(np.median(hand.joints_confidence))


def _about(around: Region) -> Iterator[Region]:
    """Squares as large as another."""
    x, y = around.center_px
    places = [(x, y)]
    for step in range(_DIRECTIONS):
        angle = around.angle_rad + 2 * math.pi * step / _DIRECTIONS
        away_px = _RADIUS * around.side_px
        places.append((x + away_px * math.sin(angle), y - away_px * math.cos(angle)))
    for place in places:
        for turn in _TURNS_RAD:
            yield Region(place, around.side_px, around.angle_rad + turn)


def _settled(
    reader: SquareReader, source: CropSource, side: Side, others: Mapping[Side, Region], look: PairAnswer
) -> PairAnswer | None:
    for _ in range(_LOOKS):
        region = Region.from_joints(look.hands[side].joints_px)
        if not region.usable:
            return None
        look = reader.read(source, {**others, side: region})
    return look


def _is_sure(hand: HandObservation, around: Region) -> bool:
    ratio = Region.from_joints(hand.joints_px).side_px / around.side_px
    return (
        hand.presence >= _LEAST_PRESENCE
        and float(np.median(hand.joints_confidence)) >= _LEAST_CERTAINTY
        and 1 / _LARGEST_SIZE_RATIO < ratio < _LARGEST_SIZE_RATIO
    )
