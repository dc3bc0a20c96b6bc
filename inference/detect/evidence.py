"""How far an answer of the landmark net can be believed.

The net's own presence stays near one on wrong mixtures of two hands. Two things tell more: whether the mirror image of
the same region gives the same points, and whether the net's two answers (points in the picture and shape in metres)
describe the same hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import Side
from .landmark_net import Landmarks
from .observation import HandObservation

PRESENCE_NEEDED: Final = 0.5
_DISAGREEMENT_SCALE: Final = 0.038
"""Mean distance of the mirrored look, as a share of the region's side. Correct hands: 0.004 to 0.03."""
_DISTORTION_SCALE: Final = 0.075
"""Root mean square between the points and the shape, as a share of the region's side. Correct hands: 0.015 to 0.05."""
_LARGEST_DISAGREEMENT: Final = 0.06
_LARGEST_DISTORTION: Final = 0.12
CREDIBLE_QUALITY: Final = 0.6
"""On 30 rendered pairs of touching hands nine tenths of the readings above it are right, few below."""
TENABLE_QUALITY: Final = 0.25
"""For a hand that was seen in the same place a moment ago."""
SAME_HAND: Final = 0.15
"""Mean distance of two answers' points, as a share of the smaller region, under which they are the same hand."""
_LARGEST_SIZE_RATIO: Final = 2.5
_LARGEST_SIZE_RATIO_TOUCHING: Final = 1.7
"""Of the regions' sides. On 126 rendered pairs five were beyond: in four the smaller hand was wrong (a part of a hand
taken for a whole one); the other correct ones went up to 1.56."""
_SMALLEST_HAND_PX: Final = 12.0


@dataclass(frozen=True)
class Reading:
    """Landmarks with the evidence for them.

    Parameters
    ----------
    landmarks : mean of the plain and the mirrored look
    joints_confidence : (21,) from 0 to 1
    disagreement : mean distance between both looks, as a share of the region's side
    distortion : how badly points and shape fit each other, as a share of the region's side
    """

    landmarks: Landmarks
    joints_confidence: NDArray[np.float64]
    disagreement: float
    distortion: float

    @property
    def quality(self) -> float:
        """From 0 to 1: presence, lowered by disagreement and distortion."""
        penalty = (self.disagreement / _DISAGREEMENT_SCALE) ** 2 + (self.distortion / _DISTORTION_SCALE) ** 2
        return self.landmarks.presence * float(np.exp(-0.5 * penalty))

    def observation(self, side: Side) -> HandObservation:
        """What the other modules see of it, as the hand of `side`."""
        return HandObservation(
            side=side,
            joints_px=self.landmarks.joints_px,
            joints_confidence=self.joints_confidence,
            joints_relative_m=self.landmarks.joints_relative_m,
            presence=self.landmarks.presence,
        )

    @property
    def promising(self) -> bool:
        """Whether this may be a hand, worth a closer look (`HandReader.polish`)."""
        region = self.landmarks.next_region
        return (
            self.landmarks.presence >= PRESENCE_NEEDED
            and self.disagreement <= _LARGEST_DISAGREEMENT
            and self.distortion <= _LARGEST_DISTORTION
            and region.usable
            and region.side_px >= _SMALLEST_HAND_PX
        )

    @property
    def tenable(self) -> bool:
        """Whether a hand that is being followed may be here."""
        return self.promising and self.quality >= TENABLE_QUALITY

    @property
    def credible(self) -> bool:
        """Whether this is a hand, and the points are where its joints are."""
        return self.promising and self.quality >= CREDIBLE_QUALITY


def weigh(plain: Landmarks, mirrored: Landmarks, picture_size_px: tuple[int, int]) -> Reading:
    """The evidence in two looks at the same region, the second mirrored (`LandmarkNet.read`)."""
    merged = plain.merged(mirrored)
    side = plain.region.side_px
    spread = np.linalg.norm(plain.joints_px - mirrored.joints_px, axis=1) / side
    confidence = merged.presence * np.exp(-0.5 * (spread / _DISAGREEMENT_SCALE) ** 2)
    confidence *= _inside(merged.joints_px, picture_size_px, side)
    return Reading(merged, np.clip(confidence, 0, 1), float(spread.mean()), distortion(merged))


def distortion(landmarks: Landmarks) -> float:
    """Root mean square distance of the points from the shape seen from afar, as a share of the next region's side."""
    points = landmarks.joints_px - landmarks.joints_px.mean(axis=0)
    shape = landmarks.joints_relative_m[:, :2] - landmarks.joints_relative_m[:, :2].mean(axis=0)
    extent = (shape**2).sum()
    scale = (points * shape).sum() / extent if extent > 0 else 0.0
    side = landmarks.next_region.side_px
    error = float(np.sqrt(((points - scale * shape) ** 2).sum(axis=1).mean()))
    return error / side if side > 0 else float("inf")


def distance(one: Landmarks, other: Landmarks) -> float:
    """Mean distance of the points of two answers, as a share of the smaller one's region."""
    side = min(one.next_region.side_px, other.next_region.side_px)
    gap = float(np.linalg.norm(one.joints_px - other.joints_px, axis=1).mean())
    return gap / side if side > 0 else float("inf")


def same_hand(one: Landmarks, other: Landmarks) -> bool:
    """Whether two answers describe the same hand in the picture."""
    return distance(one, other) < SAME_HAND


def sizes_suit(one: Reading, other: Reading) -> bool:
    """Whether two hands can be the hands of one person: of much the same size, unless they are apart in the picture."""
    first, second = one.landmarks.next_region, other.landmarks.next_region
    smaller, larger = sorted([first.side_px, second.side_px])
    touching = math.dist(first.center_px, second.center_px) < larger
    return larger <= smaller * (_LARGEST_SIZE_RATIO_TOUCHING if touching else _LARGEST_SIZE_RATIO)


def _inside(joints_px: NDArray[np.float64], size_px: tuple[int, int], side_px: float) -> NDArray[np.float64]:
    """(21,) one inside the picture, falling to a small rest a twentieth of a hand's region outside of it."""
    limit = np.array(size_px, dtype=np.float64) - 0.5
    beyond = np.maximum(np.maximum(-0.5 - joints_px, joints_px - limit), 0).max(axis=1)
    return 0.1 + 0.9 * np.exp(-0.5 * (beyond / (0.05 * side_px)) ** 2)
