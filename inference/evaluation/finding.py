"""How well hands are found: whether both are, each on its right side, and how well their squares fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..detect.region import Region
from ..hands.joints import MIDDLE_MCP, SIDES, Side
from ..synthesis.arrangement import KINDS
from ..synthesis.truth import Samples

LEAST_VISIBLE: Final = 3
"""Points of a hand that must be visible for it to be missed."""
FITTING_OVERLAP: Final = 0.5
"""Intersection over union from which a square is the hand's."""
CLOSE_PALMS: Final = 0.25

Locate = Callable[[NDArray[np.uint8]], Mapping[Side, Region]]
"""From a picture (H, W, 3) uint8 RGB to the squares of the hands found."""


@dataclass(frozen=True)
class Finding:
    """Of one set of pictures; shares are from 0 to 1, nan where there was nothing to count.

    Attributes
    ----------
    pictures : how many
    both : of pictures with two visible hands, both found with fitting squares on their own sides
    hands : of visible hands, found with a fitting square on their own side
    anywhere : of visible hands, found with a fitting square whatever side it was given
    sides : of those, the share on their own side
    close : of visible hands, the square of their own side is centred within a quarter of a palm of the true one
    invented : answers for a side of which no hand is in the picture, by such sides
    overlap : median intersection over union, of hands found
    center_palms : median distance of the squares' centres in palm lengths in the picture, of hands found
    seconds : median of a picture
    """

    pictures: int
    both: float
    hands: float
    anywhere: float
    sides: float
    close: float
    invented: float
    overlap: float
    center_palms: float
    seconds: float


@dataclass(frozen=True)
class _Seen:
    """One visible hand: overlap of its own side's square and of any, centre's error in palms, the picture's number."""

    own: float
    any: float
    center_palms: float
    picture: int
    with_other: bool


def measure_finding(locate: Locate, batches: Iterable[Samples]) -> dict[str, Finding]:
    """By kind of picture (`arrangement.KINDS`), ``interacting`` (hands in contact and near) and ``all``.

    Parameters
    ----------
    locate : finds hands
    batches : pictures and their truth
    """
    groups: dict[str, _Group] = {}
    number = 0
    for samples in batches:
        pictures = samples.picture.permute(0, 2, 3, 1).cpu().numpy()
        joints, visible = samples.joints_px.double().cpu().numpy(), samples.visible.cpu().numpy()
        for place, picture in enumerate(pictures):
            before = time.perf_counter()
            found = locate(picture)
            seconds = time.perf_counter() - before
            kind = KINDS[int(samples.kind[place])]
            names = ["all", kind, *(["interacting"] if kind in ("contact", "near") else [])]
            seen = (visible[place].sum(axis=1) >= LEAST_VISIBLE) & samples.present[place].cpu().numpy()
            hands = _judge(found, joints[place], seen, number)
            absent = ~samples.present[place].cpu().numpy()
            false = [side in found for hand, side in enumerate(SIDES) if absent[hand]]
            for name in names:
                groups.setdefault(name, _Group([], [], [])).add(hands, false, seconds)
            number += 1
    return {name: groups[name].summary() for name in ("all", "interacting", *KINDS) if name in groups}


@dataclass(frozen=True)
class _Group:
    hands: list[_Seen]
    false: list[bool]
    seconds: list[float]

    def add(self, hands: list[_Seen], false: list[bool], seconds: float) -> None:
        self.hands.extend(hands)
        self.false.extend(false)
        self.seconds.append(seconds)

    def summary(self) -> Finding:
        own = np.array([hand.own for hand in self.hands]) >= FITTING_OVERLAP
        anywhere = np.array([hand.any for hand in self.hands]) >= FITTING_OVERLAP
        palms = np.array([hand.center_palms for hand in self.hands])
        found = np.isfinite(palms)
        pairs: dict[int, list[bool]] = {}
        for hand, good in zip(self.hands, own, strict=True):
            if hand.with_other:
                pairs.setdefault(hand.picture, []).append(bool(good))
        return Finding(
            pictures=len(self.seconds),
            both=_mean([all(pair) for pair in pairs.values()]),
            hands=_mean(own),
            anywhere=_mean(anywhere),
            sides=_mean(own[anywhere]),
            close=_mean(palms < CLOSE_PALMS),
            invented=_mean(self.false),
            overlap=_median([hand.own for hand in self.hands if np.isfinite(hand.center_palms)]),
            center_palms=_median(palms[found]),
            seconds=_median(self.seconds),
        )


def _mean(values: NDArray[np.bool_] | list[bool]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _median(values: NDArray[np.float64] | list[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _judge(
    found: Mapping[Side, Region], joints_px: NDArray[np.float64], seen: NDArray[np.bool_], number: int
) -> list[_Seen]:
    hands: list[_Seen] = []
    for hand, side in enumerate(SIDES):
        if not seen[hand]:
            continue
        true = Region.from_joints(joints_px[hand])
        palm_px = float(np.linalg.norm(joints_px[hand, MIDDLE_MCP] - joints_px[hand, 0]))
        own = found.get(side)
        apart = np.inf
        if own is not None:
            apart = float(np.linalg.norm(np.subtract(own.center_px, true.center_px))) / max(palm_px, 1.0)
        overlaps = [overlap(region, true) for region in found.values()]
        hands.append(
            _Seen(overlap(own, true) if own else 0.0, max(overlaps, default=0.0), apart, number, bool(seen.all()))
        )
    return hands


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two squares, from 0 to 1."""
    first, second = (region.corners_px().astype(np.float32) for region in (one, other))
    common, _ = cv2.intersectConvexConvex(first, second)
    total = one.side_px**2 + other.side_px**2 - common
    return float(common / total) if total > 0 else 0.0
