"""Both stages of the open network without weights: they know the hands of made pictures (`made_network.made_picture`).

Stage two sees a hand in a square that shows most of it, the surer the more upright; stage one proposes the squares of
the hands that it may find.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from inference.detect.crops import CropSource
from inference.detect.observation import HandObservation
from inference.detect.region import Region
from inference.engines.crop_answer import CropAnswer
from inference.engines.pair_reader import PairAnswer
from inference.hands.joints import SIDES, Side
from tests.inference.engines.made_network import CAMERA, Pair, frame_of
from tests.inference.fit.made_hands import MadeHand, random_hand

_NO_ANSWER = CropAnswer(
    np.zeros((2, 21, 2)), np.zeros((2, 21)), np.zeros(2), np.zeros((2, 16, 4)), np.zeros((2, 10)), np.zeros(4)
)


def frame_shown(source: CropSource) -> int:
    """The number of the made picture."""
    view = source.crop(Region.whole(source.width, source.height), 96, replicate=False)
    return frame_of(np.rint(255 * view).astype(np.uint8))


def region_of(hand: MadeHand) -> Region:
    """The square that a hand's true joints ask for."""
    return Region.from_joints(CAMERA.project(hand.points_m))


@dataclass
class MadePairReader:
    """Stage two.

    Parameters
    ----------
    frames : the hands of each picture
    taken_for : how surely a hand of the other side is taken for one of the side that is asked for
    asked : the frame and squares of every look
    """

    frames: Sequence[Pair]
    taken_for: dict[Side, float] = field(default_factory=dict)
    asked: list[tuple[int, dict[Side, Region]]] = field(default_factory=list)

    def read(self, source: CropSource, regions: Mapping[Side, Region]) -> PairAnswer:
        frame = frame_shown(source)
        self.asked.append((frame, dict(regions)))
        return PairAnswer({side: self._seen(frame, side, region) for side, region in regions.items()}, _NO_ANSWER)

    def _seen(self, frame: int, side: Side, region: Region) -> HandObservation:
        best: MadeHand | None = None
        for hand in self.frames[frame].values():
            true = region_of(hand)
            near = math.dist(true.center_px, region.center_px) < 0.4 * region.side_px
            if near and 0.4 < true.side_px / region.side_px < 2.5:
                there = math.dist(true.center_px, region.center_px)
                if best is None or there < math.dist(region_of(best).center_px, region.center_px):
                    best = hand
        if best is None:
            around = np.random.default_rng(0).uniform(-0.3, 0.3, (21, 2)) * region.side_px
            joints_px = np.array(region.center_px) + around
            return HandObservation(side, joints_px, np.full(21, 0.02), np.zeros((21, 3)), 0.01)
        turned = region.turn_from(region_of(best)) / math.pi
        presence = 0.99 if best.side == side else self.taken_for.get(side, 0.02)
        return HandObservation(
            side=side,
            joints_px=CAMERA.project(best.points_m),
            joints_confidence=np.full(21, 0.9 - 0.6 * turned),
            joints_relative_m=best.points_m - best.points_m.mean(axis=0),
            presence=presence,
        )


@dataclass
class MadeProposer:
    """Stage one; `says` replaces what it would find in a frame."""

    frames: Sequence[Pair]
    finds: frozenset[Side] = frozenset(SIDES)
    says: dict[int, dict[Side, Region]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def propose(self, source: CropSource) -> dict[Side, Region]:
        frame = frame_shown(source)
        self.asked.append(frame)
        if frame in self.says:
            return self.says[frame]
        return {side: region_of(hand).scaled(1.15) for side, hand in self.frames[frame].items() if side in self.finds}


def apart(count: int, seed: int = 5, step_m: float = 0.002) -> list[Pair]:
    """A person's two hands beside each other, moving to the right."""
    rng = np.random.default_rng(seed)
    betas = 0.5 * rng.normal(size=10)
    pair: dict[Side, MadeHand] = {}
    places_m: dict[Side, float] = {"right": -0.15, "left": 0.15}
    for side, x in places_m.items():
        hand = random_hand(rng, side, betas)
        pair[side] = moved(hand, np.array([x, 0.0, 0.7]) - hand.points_m.mean(axis=0))
    return [
        {side: moved(hand, np.array([step_m * frame, 0, 0])) for side, hand in pair.items()} for frame in range(count)
    ]


def moved(hand: MadeHand, by_m: np.ndarray) -> MadeHand:
    """The same hand elsewhere."""
    return replace(hand, translation_m=hand.translation_m + by_m, points_m=hand.points_m + by_m)
