"""The landmark net's points beside those of the two-hand network: fused joint by joint, as far as both agree.

Both nets err, largely on their own: what they agree on is nearer to the truth and trembles less than either. Where they
disagree, hands touch or hide each other, and the two-hand network is the one that knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..detect.crops import CropSource
from ..detect.landmark_net import Landmarks
from ..detect.observation import HandObservation
from ..detect.region import Region
from ..fit.kinematics import POINT_ORDER, Skeletons
from ..fit.landmark_offsets import landmark_offsets_m
from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from .crop_answer import CropAnswer

Array = NDArray[np.float64]

_SHARE: Final = 0.5
"""Of the landmark net where both agree to the pixel."""
_AGREEMENT: Final = 0.1
"""Distance of both points, as a share of the hand's box, at which a quarter of that is left."""


class LandmarkReader(Protocol):
    """The landmark net (`LandmarkNet`)."""

    def read(self, source: CropSource, regions: list[Region]) -> list[Landmarks]:
        """One answer a region, in the same order."""
        ...


class SecondOpinion:
    """Adds the landmark net's points to what the two-hand network saw.

    Parameters
    ----------
    net : the landmark net
    models : the hands that the two-hand network's poses are of
    """

    def __init__(self, net: LandmarkReader, models: Mapping[Side, HandModel]) -> None:
        self._net = net
        offsets_m = landmark_offsets_m(models["right"])
        self._landmarks = {side: Skeletons([models[side]], offsets_m) for side in SIDES}
        self._joints = {side: Skeletons([models[side]]) for side in SIDES}

    def fused(
        self, source: CropSource, hands: Mapping[Side, HandObservation], answer: CropAnswer
    ) -> dict[Side, HandObservation]:
        """The hands with their joints moved towards the landmark net's; `answer` has their poses."""
        regions: dict[Side, Region] = {side: Region.from_joints(hand.joints_px) for side, hand in hands.items()}
        asked: list[Side] = [side for side in hands if regions[side].usable]
        looks = self._net.read(source, [regions[side] for side in asked]) if asked else []
        fused = dict(hands)
        for side, look in zip(asked, looks, strict=True):
            hand = hands[side]
            apart_px = look.joints_px - self._beside_joints_px(side, hand.joints_px, answer) - hand.joints_px
            box_px = float(np.ptp(hand.joints_px, axis=0).max())
            squared = np.sum(apart_px**2, axis=1) / (_AGREEMENT * box_px) ** 2
            share = _SHARE * look.presence / (1.0 + squared) ** 2
            fused[side] = replace(hand, joints_px=hand.joints_px + share[:, None] * apart_px)
        return fused

    def _beside_joints_px(self, side: Side, joints_px: Array, answer: CropAnswer) -> Array:
        """(21, 2) from the joints to where the net sees its landmarks, on the posed hand as it is seen from afar."""
        index = SIDES.index(side)
        pose = (answer.quat_wxyz[index][None, None], np.zeros((1, 1, 3)), answer.betas[index][None, None])
        state = self._joints[side].state_from_quat(*pose)
        joints_m = self._joints[side].points_m(state)[0, 0, POINT_ORDER, :2]
        landmarks_m = self._landmarks[side].points_m(state)[0, 0, POINT_ORDER, :2]
        return (landmarks_m - joints_m) * _spread(joints_px) / max(_spread(joints_m), 1e-6)


def _spread(points: Array) -> float:
    """Root mean square distance of points (21, 2) from their middle."""
    return float(np.sqrt(np.mean(np.sum((points - points.mean(axis=0)) ** 2, axis=1))))
