"""Both nets behind one door: palms in views, hands in regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .crops import CropSource
from .evidence import PRESENCE_NEEDED, Reading, weigh
from .landmark_net import LandmarkNet, Landmarks
from .palm_detector import PalmDetector
from .region import Region

_POLISH_SCALES: Final = (1.0, 1.15, 1.3)
_POLISH_TURNS_RAD: Final = (-0.25, 0.0, 0.25)


class HandReader:
    """Reads hands from pictures: the nets, and how their answers are combined.

    Parameters
    ----------
    weights_dir : folder that holds the nets
    threads, providers : see `nets.load_net`
    """

    def __init__(self, weights_dir: Path, threads: int = 2, providers: Sequence[str] | None = None) -> None:
        self._palms = PalmDetector(weights_dir, threads, providers)
        self._landmarks = LandmarkNet(weights_dir, threads, providers)

    def palm_regions(self, source: CropSource, views: Sequence[Region], threshold: float) -> list[Region]:
        """Where palms say that hands are, best first, near repetitions left out."""
        palms = self._palms.detect(source, views, threshold)
        return different([palm.region for palm in palms if palm.region.usable])

    def look(self, source: CropSource, regions: Sequence[Region]) -> list[Landmarks]:
        """One quick look at every region."""
        return self._landmarks.read(source, regions)

    def read(self, source: CropSource, regions: Sequence[Region]) -> list[Reading]:
        """A reading of every usable region, in order; each is looked at twice, once mirrored."""
        usable = [region for region in regions if region.usable]
        count = len(usable)
        looks = self._landmarks.read(source, usable * 2, [False] * count + [True] * count)
        size = (source.width, source.height)
        return [weigh(plain, mirrored, size) for plain, mirrored in zip(looks[:count], looks[count:], strict=True)]

    def settle(self, source: CropSource, regions: Sequence[Region]) -> list[Reading]:
        """Readings of the regions that the hands in `regions` ask for: a quick look, then a reading."""
        looks = [look for look in self.look(source, regions) if look.presence >= PRESENCE_NEEDED / 2]
        return self.read(source, different([look.next_region for look in looks if look.next_region.usable]))

    def polish(self, source: CropSource, reading: Reading) -> Reading:
        """The best of several readings of one hand, from regions somewhat larger and turned.

        On rendered hands with known joints this takes a tenth off the error.
        """
        region = reading.landmarks.next_region
        regions = [region.scaled(scale).turned(turn) for scale in _POLISH_SCALES for turn in _POLISH_TURNS_RAD]
        return max([reading, *self.read(source, regions)], key=lambda item: item.quality)


def different(regions: Sequence[Region]) -> list[Region]:
    """`regions` without those that are nearly an earlier one."""
    kept: list[Region] = []
    for region in regions:
        if not any(region.resembles(other) for other in kept):
            kept.append(region)
    return kept
