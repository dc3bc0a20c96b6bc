"""Following hands against time: from a later frame into the one before it, which shows no such hand yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..hands.joints import Side
from .crops import CropSource
from .evidence import SAME_HAND, Reading, same_hand
from .observation import HandObservation
from .reader import HandReader
from .region import Region
from .sides import SIDE_NEEDED


def trace(
    reader: HandReader,
    rgb: NDArray[np.uint8],
    joints_px: Mapping[Side, ArrayLike],
    beside_px: Sequence[NDArray[np.float64]],
    pinned: frozenset[Side] = frozenset(),
) -> dict[Side, HandObservation]:
    """The hands of a neighbouring frame in this one, where they were, by the rules of `HandTracker`; no search.

    Without the votes of many frames a side is believed only while the net does not contradict it.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    joints_px : (21, 2) points of each hand in the neighbouring frame, MANO order
    beside_px : (21, 2) points of hands that are known in this frame: none of them is found a second time
    pinned : sides that the user said
    """
    source = CropSource(rgb)
    regions: dict[Side, Region] = {side: Region.from_joints(points) for side, points in joints_px.items()}
    regions = {side: region for side, region in regions.items() if region.usable}
    found: dict[Side, Reading] = {}
    for (side, region), reading in zip(regions.items(), reader.read(source, list(regions.values())), strict=True):
        landmarks = reading.landmarks
        if (
            reading.tenable
            and region.leads_to(landmarks.next_region)
            and (side in pinned or landmarks.probability(side) >= SIDE_NEEDED)
            and not any(_lies_on(reading, points) for points in beside_px)
        ):
            found[side] = reading
    if len(found) == 2 and same_hand(found["right"].landmarks, found["left"].landmarks):
        del found[min(found, key=lambda side: found[side].landmarks.probability(side) * found[side].quality)]
    return {side: reading.observation(side) for side, reading in found.items()}


def _lies_on(reading: Reading, points_px: NDArray[np.float64]) -> bool:
    """Whether a reading shows the hand whose points are known."""
    side_px = min(reading.landmarks.next_region.side_px, Region.from_joints(points_px).side_px)
    gap_px = float(np.linalg.norm(reading.landmarks.joints_px - points_px, axis=1).mean())
    return gap_px < SAME_HAND * side_px
