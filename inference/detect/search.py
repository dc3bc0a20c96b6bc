"""Finding both hands of a single picture, also where they touch and the palm detector sees only one of them.

Step by step, each taken only while a hand is missing: the whole picture; padded and turned views of it; where nothing
was found, its parts; the picture with the hand that was found painted over; and a search with the landmark net alone
around that hand. What is found beside a hand must suit it: the hands of one person differ in side, and hardly in size
where they touch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from ..hands.joints import SIDES, Side
from .cover import CoveredSource
from .crops import CropSource
from .evidence import Reading, same_hand, sizes_suit
from .lost_hand import LostHand
from .reader import HandReader, different
from .region import Region
from .sides import SIDE_NEEDED, assign_sides, drop_duplicates

_PALM_THRESHOLD: Final = 0.5
_PALM_THRESHOLD_SEARCHING: Final = 0.3
_PALM_THRESHOLD_COVERED: Final = 0.2
_SURE: Final = 0.8
"""Quality from which a hand is not looked for again."""
_LATE_PROBABILITY: Final = 0.6
"""Of the side, for a hand that only the search around another one found."""
_LATE_POLISHED: Final = 2
_NEAR_SCALE: Final = 1.25
_NEAR_VIEWS: Final = (1.8, 3.0)
_TILE_SHARE: Final = 0.5
_RING_RADII: Final = (0.0, 0.35, 0.7)
_RING_STEPS: Final = 8
_RING_TURNS: Final = 6
_RING_PRESENCE: Final = 0.6
_RING_KEPT: Final = 12


def search(
    reader: HandReader, source: CropSource, known: Mapping[Side, Reading], free: Sequence[Side]
) -> dict[Side, Reading]:
    """Hands for the sides in `free`, `known` being the hands of the other sides; see the module's text."""
    found = glance(reader, source, known, free)
    if len(found) < len(free) or min(reading.quality for reading in found.values()) < _SURE:
        views = _turned_views(Region.whole(source.width, source.height))
        regions = reader.palm_regions(source, views, _PALM_THRESHOLD_SEARCHING)
        found = _confirmed(reader, source, [*found.values(), *reader.settle(source, regions)], known, free)
    if not found and not known:
        regions = reader.palm_regions(source, _tiles(source.width, source.height), _PALM_THRESHOLD)
        found = _confirmed(reader, source, reader.settle(source, regions), known, free)
    together: dict[Side, Reading] = {**known, **found}
    missing: list[Side] = [side for side in free if side not in found]
    if len(missing) == 1 and len(together) == 1:
        side, first = missing[0], next(iter(together.values()))
        second = search_beside(reader, source, first, side) or _search_ring(reader, source, first, side)
        if second is not None:
            found[side] = second
    return {side: found[side] for side in SIDES if side in found}


def glance(
    reader: HandReader, source: CropSource, known: Mapping[Side, Reading], free: Sequence[Side]
) -> dict[Side, Reading]:
    """The first step of `search` alone: what the palm detector sees in the whole picture."""
    whole = Region.whole(source.width, source.height)
    regions = reader.palm_regions(source, [whole], _PALM_THRESHOLD)
    return _confirmed(reader, source, reader.settle(source, regions), known, free)


def search_near(
    reader: HandReader, source: CropSource, lost: LostHand, known: Mapping[Side, Reading]
) -> Reading | None:
    """The hand that was lost a moment ago, near its last place: there as it lay, else as its palm shows."""
    readings = reader.settle(source, [lost.region, lost.region.scaled(_NEAR_SCALE)])
    found = _confirmed(reader, source, [item for item in readings if lost.may_be(item, known)], known, [lost.side])
    if not found:
        views = [lost.region.scaled(scale) for scale in _NEAR_VIEWS]
        readings = reader.settle(source, reader.palm_regions(source, views, _PALM_THRESHOLD_SEARCHING))
        found = _confirmed(reader, source, [item for item in readings if lost.may_be(item, known)], known, [lost.side])
    return next((item for item in found.values() if lost.may_be(item, known)), None)


def search_beside(reader: HandReader, source: CropSource, first: Reading, side: Side) -> Reading | None:
    """The third step alone: the hand of `side` that palms show once `first`, of the other side, is painted over."""
    covered = CoveredSource(source, first.landmarks.joints_px)
    around = first.landmarks.next_region
    views = [Region.whole(source.width, source.height), around.scaled(1.6), around.scaled(2.6)]
    views += [around.scaled(2.0).turned(math.pi / 2 * quarter) for quarter in (1, 2, 3)]
    regions = reader.palm_regions(covered, views, _PALM_THRESHOLD_COVERED)
    return _second(reader, source, _read_both(reader, source, covered, regions), first, side)


def _search_ring(reader: HandReader, source: CropSource, first: Reading, side: Side) -> Reading | None:
    """The last step: the landmark net alone, on regions around the first hand."""
    covered = CoveredSource(source, first.landmarks.joints_px)
    looks = [
        look
        for look in reader.look(covered, _ring(first.landmarks.next_region))
        if look.presence >= _RING_PRESENCE and look.probability(side) >= _LATE_PROBABILITY and look.next_region.usable
    ]
    looks.sort(key=lambda look: -look.presence)
    regions = different([look.next_region for look in looks])[:_RING_KEPT]
    return _second(reader, source, _read_both(reader, source, covered, regions), first, side)


def _confirmed(
    reader: HandReader,
    source: CropSource,
    readings: Sequence[Reading],
    known: Mapping[Side, Reading],
    free: Sequence[Side],
) -> dict[Side, Reading]:
    """The hands among promising readings that are none of the known ones and hold after a closer look."""
    others = [reading for reading in readings if reading.promising and not _is_known(reading, known)]
    assigned = assign_sides(drop_duplicates(others), free)
    polished: dict[Side, Reading] = {side: reader.polish(source, reading) for side, reading in assigned.items()}
    distinct = drop_duplicates(list(polished.values()))
    confirmed: dict[Side, Reading] = {
        side: reading
        for side, reading in polished.items()
        if reading.credible
        and reading.landmarks.probability(side) >= SIDE_NEEDED
        and not _is_known(reading, known)
        and all(sizes_suit(reading, other) for other in known.values())
        and any(reading is other for other in distinct)
    }
    if len(confirmed) == len(SIDES) and not sizes_suit(confirmed["right"], confirmed["left"]):
        del confirmed[min(confirmed, key=lambda side: confirmed[side].quality)]
    return confirmed


def _is_known(reading: Reading, known: Mapping[Side, Reading]) -> bool:
    return any(same_hand(reading.landmarks, other.landmarks) for other in known.values())


def _read_both(reader: HandReader, source: CropSource, covered: CropSource, regions: Sequence[Region]) -> list[Reading]:
    """Readings from the covered picture, which leads to the second hand, and from the picture, which shows more."""
    hidden = reader.settle(covered, regions)
    return hidden + reader.read(source, [reading.landmarks.next_region for reading in hidden])


def _second(
    reader: HandReader, source: CropSource, readings: Sequence[Reading], first: Reading, side: Side
) -> Reading | None:
    """The best of `readings` that can be the hand of `side` of the person whose other hand is `first`."""
    candidates = [item for item in drop_duplicates(readings) if item.promising and _pairs_with(item, first, side)]
    closer = [better for item in candidates[:_LATE_POLISHED] for better in (item, reader.polish(source, item))]
    accepted = [item for item in closer if item.credible and _pairs_with(item, first, side)]
    return max(accepted, key=lambda item: item.quality, default=None)


def _pairs_with(reading: Reading, first: Reading, side: Side) -> bool:
    return (
        reading.landmarks.probability(side) >= _LATE_PROBABILITY
        and sizes_suit(reading, first)
        and not same_hand(reading.landmarks, first.landmarks)
    )


def _turned_views(whole: Region) -> list[Region]:
    """Padded and turned views of the whole picture: the detector knows upright hands of middling size best."""
    views = [whole.scaled(1.4), whole.scaled(1.9)]
    views += [whole.turned(math.pi / 2 * quarter) for quarter in (1, 2, 3)]
    views += [whole.scaled(1.2).turned(math.pi / 4 + math.pi / 2 * quarter) for quarter in range(4)]
    return views


def _tiles(width: int, height: int) -> list[Region]:
    """Overlapping squares half as large as the picture, for small hands."""
    side = _TILE_SHARE * max(width, height)
    columns, rows = (max(1, math.ceil(2 * length / side) - 1) for length in (width, height))
    return [
        Region(((column + 1) / (columns + 1) * width - 0.5, (row + 1) / (rows + 1) * height - 0.5), side)
        for row in range(rows)
        for column in range(columns)
    ]


def _ring(around: Region) -> list[Region]:
    """Regions of a hand's size on rings around it, in all turns."""
    regions: list[Region] = []
    for radius in _RING_RADII:
        for step in range(_RING_STEPS if radius else 1):
            angle = 2 * math.pi * step / _RING_STEPS
            x = around.center_px[0] + radius * around.side_px * math.cos(angle)
            y = around.center_px[1] + radius * around.side_px * math.sin(angle)
            regions += [Region((x, y), around.side_px, 2 * math.pi * turn / _RING_TURNS) for turn in range(_RING_TURNS)]
    return regions
