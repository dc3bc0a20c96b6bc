"""Whether a hand is there: the network's own head and its heat maps together, with all thresholds in one place.

The head says whether a hand is in the crop; the peaks say whether the joints were found. Either can be wrong alone:
the head on hands at the crop's edge, the peaks on the other hand's joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Expectation = Literal["new", "followed", "boxed"]
"""Why a hand is looked for: it was found by no one yet; it was there in the frame before; the user says it is there."""


@dataclass(frozen=True)
class PresenceThresholds:
    """The least that a hand must show.

    Parameters
    ----------
    head : presence by the network's own head, from 0 to 1
    peak : median confidence of its joints' peaks, from 0 to 1
    """

    head: float
    peak: float


THRESHOLDS: Final[dict[Expectation, PresenceThresholds]] = {
    "new": PresenceThresholds(head=0.5, peak=0.10),
    "followed": PresenceThresholds(head=0.3, peak=0.06),
    "boxed": PresenceThresholds(head=0.1, peak=0.06),
}
LARGEST_ERROR_SHARE: Final = 0.25
"""Median distance of the placed joints from their peaks, as a share of the box, at which nothing is believed."""
GLIMPSE: Final = PresenceThresholds(head=0.2, peak=0.05)
"""Enough for a hand to have a say in where the crop should be."""
_PLAIN_PEAK: Final = 0.3
"""Median peak from which the heat maps leave no doubt."""


def is_there(presence: float, confidence: NDArray[np.float64], needed: PresenceThresholds) -> bool:
    """Whether head and peaks (21,) both reach what is needed."""
    return presence >= needed.head and float(np.median(confidence)) >= needed.peak


def hand_confidence(presence: float, confidence: NDArray[np.float64], error_share: float) -> float:
    """From 0 to 1: the head, lowered by weak peaks and by joints that lie beside their peaks."""
    peaks = min(1.0, float(np.median(confidence)) / _PLAIN_PEAK)
    return float(np.clip(presence, 0, 1)) * peaks * max(0.0, 1.0 - error_share / LARGEST_ERROR_SHARE)
