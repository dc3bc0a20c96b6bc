"""Which of the hands found is the right one and which the left: at most one of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import Final

from ..hands.joints import SIDES, Side
from .evidence import Reading, same_hand

SIDE_NEEDED: Final = 0.25
"""The least probability of a side that a hand may still be given, when the other side suits another hand better."""


def drop_duplicates(readings: Sequence[Reading]) -> list[Reading]:
    """The best reading of every hand, best first."""
    kept: list[Reading] = []
    for reading in sorted(readings, key=lambda item: -item.quality):
        if not any(same_hand(reading.landmarks, other.landmarks) for other in kept):
            kept.append(reading)
    return kept


def assign_sides(readings: Sequence[Reading], free: Sequence[Side] = SIDES) -> dict[Side, Reading]:
    """The most probable assignment of different hands to the sides in `free`.

    A hand whose side is taken by a better one is left out, unless the net is in doubt about it (`SIDE_NEEDED`): two
    hands of one side in a picture belong to two people, and a wrong hand is worse than a missing one.
    """
    options: list[Reading | None] = [*readings, *([None] * len(free))]
    best: dict[Side, Reading] = {}
    best_score = 0.0
    for choice in permutations(range(len(options)), len(free)):
        pairs: dict[Side, Reading] = {}
        for side, index in zip(free, choice, strict=True):
            if (reading := options[index]) is not None:
                pairs[side] = reading
        score = sum(_gain(reading, side) for side, reading in pairs.items())
        if score > best_score:
            best, best_score = pairs, score
    return best


def _gain(reading: Reading, side: Side) -> float:
    """Positive where the hand may have the side: its quality times the log odds against the least probability."""
    probability = reading.landmarks.probability(side)
    if probability < SIDE_NEEDED:
        return -1.0
    return reading.quality * math.log(probability / SIDE_NEEDED + 1e-6)
