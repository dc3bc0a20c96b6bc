"""Which palm is given to which side, by what both stages say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from inference.detect.crops import CropSource
from inference.detect.landmark_net import Landmarks
from inference.detect.observation import HandObservation
from inference.detect.region import Region
from inference.engines.crop_answer import CropAnswer
from inference.engines.open_finder import FoundPalm
from inference.engines.open_proposer import OpenProposer
from inference.engines.pair_reader import PairAnswer
from inference.hands.joints import SIDES, Side

SOURCE = CropSource(np.zeros((64, 64, 3), np.uint8))
NO_ANSWER = CropAnswer(
    peaks_px=np.zeros((2, 21, 2)),
    confidence=np.zeros((2, 21)),
    presence=np.zeros(2),
    quat_wxyz=np.zeros((2, 16, 4)),
    betas=np.zeros((2, 10)),
    trans=np.zeros(4),
)


def palm(x: float, score: float, right: float = 0.5) -> FoundPalm:
    """A palm at a place; its left hand's square is one pixel lower."""
    return FoundPalm(score, right, {"right": Region((x, 20.0), 20.0), "left": Region((x, 21.0), 20.0)})


class LandmarkNet:
    """Says how probably a hand is a right one by the place's x; half where nothing else was told."""

    def __init__(self, right: Mapping[float, float]) -> None:
        self.right = right

    def read(self, source: CropSource, regions: Sequence[Region]) -> list[Landmarks]:
        assert source is SOURCE
        return [
            Landmarks(np.zeros((21, 2)), np.zeros((21, 3)), 1.0, self.right.get(region.center_px[0], 0.5), region)
            for region in regions
        ]


class Stages:
    """Stage one says `palms`, stage two the presence of each side by the place's x."""

    def __init__(
        self,
        palms: list[FoundPalm],
        presence: Mapping[float, tuple[float, float]],
        landmarks_right: Mapping[float, float] | None = None,
    ) -> None:
        self.palms, self.presence = palms, presence
        self.landmarks = LandmarkNet(landmarks_right or {})

    def find(self, source: CropSource) -> list[FoundPalm]:
        assert source is SOURCE
        return self.palms

    def read(self, source: CropSource, regions: Mapping[Side, Region]) -> PairAnswer:
        assert source is SOURCE
        hands: dict[Side, HandObservation] = {}
        for side, region in regions.items():
            there = self.presence[region.center_px[0]][SIDES.index(side)]
            hands[side] = HandObservation(side, np.zeros((21, 2)), np.ones(21), np.zeros((21, 3)), there)
        return PairAnswer(hands, NO_ANSWER)

    def proposed(self) -> dict[Side, float]:
        """The x of each side's place."""
        proposer = OpenProposer(self, self, self.landmarks)
        return {side: region.center_px[0] for side, region in proposer.propose(SOURCE).items()}


def test_stage_two_tells_the_sides() -> None:
    palms = [palm(10, 0.7), palm(40, 0.7)]
    assert Stages(palms, {10: (0.1, 0.9), 40: (0.9, 0.1)}).proposed() == {"right": 40, "left": 10}
    assert Stages(palms, {10: (0.9, 0.1), 40: (0.1, 0.9)}).proposed() == {"right": 10, "left": 40}


def test_the_landmark_net_tells_the_sides_where_stage_two_cannot() -> None:
    palms = [palm(10, 0.7), palm(40, 0.7)]
    alike: dict[float, tuple[float, float]] = {10: (0.8, 0.8), 40: (0.8, 0.8)}
    assert Stages(palms, alike, {10: 0.9, 40: 0.1}).proposed() == {"right": 10, "left": 40}
    assert Stages(palms, alike, {10: 0.1, 40: 0.9}).proposed() == {"right": 40, "left": 10}


def test_clasped_hands_may_share_a_palm_unless_each_has_its_own() -> None:
    assert Stages([palm(10, 0.7)], {10: (0.9, 0.9)}).proposed() == {"right": 10, "left": 10}
    two = Stages([palm(10, 0.7), palm(40, 0.7)], {10: (0.9, 0.8), 40: (0.8, 0.9)})
    assert two.proposed() == {"right": 10, "left": 40}


def test_a_palm_that_stage_one_doubts_is_no_hand() -> None:
    stages = Stages([palm(10, 0.7), palm(40, 0.2)], {10: (0.9, 0.2), 40: (0.9, 0.9)})
    assert stages.proposed() == {"right": 10}
    assert Stages([palm(10, 0.1)], {10: (0.9, 0.9)}).proposed() == {}


def test_the_square_is_that_of_the_side() -> None:
    stages = Stages([palm(10, 0.7)], {10: (0.1, 0.95)})
    proposed = OpenProposer(stages, stages, stages.landmarks).propose(SOURCE)
    assert proposed == {"left": Region((10.0, 21.0), 20.0)}


def test_stage_one_s_own_word_decides_where_stage_two_has_none() -> None:
    stages = Stages([palm(10, 0.7, right=0.2), palm(40, 0.7, right=0.8)], {10: (0.7, 0.7), 40: (0.7, 0.7)})
    assert stages.proposed() == {"right": 40, "left": 10}
