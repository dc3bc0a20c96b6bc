"""Hands in a single picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import SIDES, Side
from .crops import CropSource
from .evidence import PRESENCE_NEEDED, Reading, weigh
from .landmark_net import LandmarkNet
from .observation import HandObservation
from .palm_detector import PalmDetector
from .region import Box, Region
from .sides import assign_sides, drop_duplicates

PALM_THRESHOLD: Final = 0.5
_BOX_TURNS: Final = 8


class HandFinder:
    """Finds at most one right and one left hand in a picture.

    Parameters
    ----------
    weights_dir : folder that holds the nets
    threads : CPU threads that a net may use
    providers : onnxruntime's execution providers; None takes CUDA where there is one, else the CPU

    Raises
    ------
    HandsError
        MODEL_MISSING, MODEL_DAMAGED or RUNTIME_MISSING
    """

    def __init__(self, weights_dir: Path, threads: int = 2, providers: Sequence[str] | None = None) -> None:
        self._palms = PalmDetector(weights_dir, threads, providers)
        self._landmarks = LandmarkNet(weights_dir, threads, providers)

    def find(self, rgb: NDArray[np.uint8], boxes: Mapping[Side, Box] | None = None) -> dict[Side, HandObservation]:
        """The hands in one picture.

        Parameters
        ----------
        rgb : (H, W, 3) uint8, upright
        boxes : where the user says that a hand is; the detector is not asked about that side

        Returns
        -------
        One observation for each side that was found; a hand that was not found is absent.
        """
        source = CropSource(rgb)
        found = self.find_readings(source, boxes)
        return {side: observation(side, reading) for side, reading in found.items()}

    def find_readings(self, source: CropSource, boxes: Mapping[Side, Box] | None = None) -> dict[Side, Reading]:
        """As `find`, with the evidence for each hand."""
        found: dict[Side, Reading] = {}
        for side, box in (boxes or {}).items():
            reading = self.read_box(source, side, box)
            if reading is not None:
                found[side] = reading
        free: list[Side] = [side for side in SIDES if side not in (boxes or {})]
        if free:
            known = list(found.values())
            candidates = drop_duplicates([*known, *self.search(source)])
            others = [item for item in candidates if not any(item is other for other in known)]
            found |= assign_sides(others, free)
        return found

    def search(self, source: CropSource) -> list[Reading]:
        """Credible hands that the palm detector leads to, best first, each once."""
        views = [Region.whole(source.width, source.height)]
        palms = self._palms.detect(source, views, PALM_THRESHOLD)
        first = self._landmarks.read(source, [palm.region for palm in palms if palm.region.usable])
        regions = [item.next_region for item in first if item.presence >= PRESENCE_NEEDED / 2]
        return drop_duplicates([item for item in self.read(source, regions) if item.credible])

    def read(self, source: CropSource, regions: Sequence[Region]) -> list[Reading]:
        """A reading for every usable region, in order; each is looked at twice, once mirrored."""
        usable = [region for region in regions if region.usable]
        count = len(usable)
        looks = self._landmarks.read(source, usable * 2, [False] * count + [True] * count)
        size = (source.width, source.height)
        return [weigh(plain, mirrored, size) for plain, mirrored in zip(looks[:count], looks[count:], strict=True)]

    def read_box(self, source: CropSource, side: Side, box: Box) -> Reading | None:
        """The hand in a user's box, its side as the user says; None where there is none."""
        around = Region.from_box(box)
        if not around.usable:
            return None
        regions = [around.turned(2 * math.pi * turn / _BOX_TURNS) for turn in range(_BOX_TURNS)]
        palms = self._palms.detect(source, [around.scaled(1.5)], PALM_THRESHOLD / 2)
        regions += [palm.region for palm in palms if _center_in_box(palm.region, box) and palm.region.usable]
        looks = self._landmarks.read(source, regions)
        looks = [look for look in looks if look.presence >= PRESENCE_NEEDED and _center_in_box(look.next_region, box)]
        looks.sort(key=lambda look: -look.presence * (0.5 + look.probability(side)))
        readings = self.read(source, [look.next_region for look in looks[:4]])
        credible = [item for item in readings if item.credible and _center_in_box(item.landmarks.next_region, box)]
        return max(credible, key=lambda item: item.quality * (0.5 + item.landmarks.probability(side)), default=None)


def observation(side: Side, reading: Reading) -> HandObservation:
    """What the other modules see of a reading."""
    return HandObservation(
        side=side,
        joints_px=reading.landmarks.joints_px,
        joints_confidence=reading.joints_confidence,
        joints_relative_m=reading.landmarks.joints_relative_m,
        presence=reading.landmarks.presence,
    )


def _center_in_box(region: Region, box: Box) -> bool:
    x, y, width, height = box
    margin = 0.25 * max(width, height)
    return (
        x - margin <= region.center_px[0] <= x + width + margin
        and y - margin <= region.center_px[1] <= y + height + margin
    )
