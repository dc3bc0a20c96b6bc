"""Hands through a sequence of pictures: each is followed from frame to frame, and searched for when it is lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..hands.joints import SIDES, Side
from .crops import CropSource
from .evidence import Reading, same_hand
from .finder import HandFinder, lies_in
from .lost_hand import LostHand
from .observation import HandObservation
from .region import Box, Region
from .search import glance, search, search_beside, search_near
from .sides import SIDE_NEEDED

_VOTE_LIMIT: Final = math.log(0.97 / 0.03)
"""Log odds of one frame's vote: no single frame can outweigh many."""
_VOTES_KEPT: Final = 30.0
_VOTES_TO_SWAP: Final = 12.0
"""Log odds against its side (some five sure frames) that make a track change it."""


@dataclass
class _Track:
    """One hand that is followed.

    Parameters
    ----------
    region : where it is looked for in the next frame
    seen : where it was last seen well
    votes : log odds that it is a right hand
    pinned : the user said which it is
    reading : of the last frame
    """

    region: Region
    seen: Region
    votes: float = 0.0
    pinned: bool = False
    reading: Reading | None = None

    def vote(self, reading: Reading) -> None:
        probability = min(max(reading.landmarks.right_probability, 1e-6), 1 - 1e-6)
        vote = math.log(probability / (1 - probability))
        self.votes += min(max(vote, -_VOTE_LIMIT), _VOTE_LIMIT) * reading.quality
        self.votes = min(max(self.votes, -_VOTES_KEPT), _VOTES_KEPT)

    def against(self, side: Side) -> float:
        """Log odds against `side`."""
        return -self.votes if side == "right" else self.votes


class HandTracker:
    """Follows at most one right and one left hand through a sequence, one `observe` a frame.

    Parameters
    ----------
    finder : finds and reads hands in single pictures
    search_every : with a hand missing, the palm detector is asked every so many frames (and at once after a loss); one
        of two hands that was lost a moment ago is looked for near its last place in every frame
    """

    def __init__(self, finder: HandFinder, search_every: int = 5) -> None:
        self._finder = finder
        self._search_every = search_every
        self._tracks: dict[Side, _Track] = {}
        self._lost: LostHand | None = None
        self._frames_to_search = 0
        self._searches = 0
        self._unread_boxes: frozenset[Side] = frozenset()

    @property
    def unread_boxes(self) -> frozenset[Side]:
        """The sides whose box in the last frame shows no hand that the nets understand."""
        return self._unread_boxes

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that are being followed."""
        return tuple(side for side in SIDES if side in self._tracks)

    def observe(
        self,
        rgb: NDArray[np.uint8],
        boxes: Mapping[Side, Box] | None = None,
        hints: Mapping[Side, Box] | None = None,
    ) -> dict[Side, HandObservation]:
        """The hands in the next frame.

        Parameters
        ----------
        rgb : (H, W, 3) uint8
        boxes : where the user says that hands are in this frame; such a hand's track starts anew there
        hints : where a hand that is being searched for may be

        Returns
        -------
        One observation for each side that was seen.
        """
        source = CropSource(rgb)
        started = self._start_in_boxes(source, boxes or {})
        lost = self._follow(source, [side for side in self._tracks if side not in started])
        lost |= self._part_collapsed()
        self._settle_sides()
        self._frames_to_search -= 1
        self._search_near(source)
        if len(self._tracks) < len(SIDES) and (lost or self._frames_to_search <= 0):
            self._search(source, hints or {})
            self._frames_to_search = self._search_every
        return {
            side: track.reading.observation(side)
            for side, track in sorted(self._tracks.items(), key=lambda item: SIDES.index(item[0]))
            if track.reading is not None
        }

    def lose(self, side: Side) -> None:
        """Stop following one hand; it is searched for again in the next frame."""
        if side in self._tracks:
            self._lose(side)
            self._frames_to_search = 0

    def reset(self) -> None:
        """Forget everything, as for the first frame of another sequence."""
        self._tracks.clear()
        self._lost = None
        self._frames_to_search = self._searches = 0

    def resume(self, joints_px: Mapping[Side, ArrayLike]) -> None:
        """Go on from the points (21, 2) of an earlier frame, MANO order, as if they had just been observed."""
        self.reset()
        for side, joints in joints_px.items():
            region = Region.from_joints(joints)
            if region.usable:
                self._tracks[side] = _Track(region, region, votes=_VOTES_KEPT / 2 * (1 if side == "right" else -1))

    def state(self) -> dict[str, Any]:
        """All that the next frames depend on, as JSON values, for `restore`."""
        return {
            "frames_to_search": self._frames_to_search,
            "searches": self._searches,
            "lost": asdict(self._lost) if self._lost else None,
            "tracks": {
                side: {
                    "region": asdict(track.region),
                    "seen": asdict(track.seen),
                    "votes": track.votes,
                    "pinned": track.pinned,
                }
                for side, track in self._tracks.items()
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where another tracker was when it gave this `state`."""
        self._frames_to_search, self._searches = int(state["frames_to_search"]), int(state["searches"])
        lost = state["lost"]
        self._lost = LostHand(_side(lost["side"]), _region(lost["region"]), lost["frames_left"]) if lost else None
        self._tracks = {
            _side(name): _Track(
                _region(track["region"]), _region(track["seen"]), float(track["votes"]), bool(track["pinned"])
            )
            for name, track in state["tracks"].items()  # in their order: it is the order in which the net reads them
        }

    def feedback(self, side: Side, joints_px: ArrayLike) -> None:
        """Look for a hand in the next frame where its fitted model lies, points (21, 2), rather than at the net's."""
        track, region = self._tracks.get(side), Region.from_joints(joints_px)
        if track is not None and region.usable:
            track.region = region

    def _start_in_boxes(self, source: CropSource, boxes: Mapping[Side, Box]) -> list[Side]:
        """Start tracks in the user's boxes; a hand that is followed elsewhere is dropped. The sides started."""
        started: list[Side] = []
        unread: set[Side] = set()
        for side, box in boxes.items():
            reading = self._finder.read_box(source, side, box)
            if reading is not None:
                self._start(side, reading, pinned=True)
                started.append(side)
                continue
            unread.add(side)
            if side in self._tracks and not lies_in(self._tracks[side].region, box):
                del self._tracks[side]
        self._unread_boxes = frozenset(unread)
        return started

    def _start(self, side: Side, reading: Reading, pinned: bool = False) -> None:
        region = reading.landmarks.next_region
        track = _Track(region, region, pinned=pinned, reading=reading)
        track.vote(reading)
        self._tracks[side] = track

    def _follow(self, source: CropSource, sides: list[Side]) -> bool:
        """Read every track's region; true where a hand was lost."""
        readings = self._finder.reader.read(source, [self._tracks[side].region for side in sides])
        lost = False
        for side, reading in zip(sides, readings, strict=True):
            track = self._tracks[side]
            if reading.tenable and track.region.leads_to(reading.landmarks.next_region):
                track.reading, track.region = reading, reading.landmarks.next_region
                track.seen = track.region if reading.credible else track.seen
                track.vote(reading)
            else:
                self._lose(side)
                lost = True
        return lost

    def _part_collapsed(self) -> bool:
        """Drop the weaker of two tracks that came to lie on the same hand."""
        readings = {side: track.reading for side, track in self._tracks.items() if track.reading is not None}
        if len(readings) < 2 or not same_hand(readings["right"].landmarks, readings["left"].landmarks):
            return False
        # The hand under both tracks is what the user calls it, else what the net sees there now.
        weaker: Side = min(
            SIDES,
            key=lambda side: (
                self._tracks[side].pinned,
                readings[side].landmarks.probability(side) * readings[side].quality,
            ),
        )
        del self._tracks[weaker]
        return True

    def _settle_sides(self) -> None:
        """Change the side of a track that many frames voted against."""
        wrong: list[Side] = [
            side for side, track in self._tracks.items() if not track.pinned and track.against(side) > _VOTES_TO_SWAP
        ]
        if len(wrong) == len(SIDES):
            self._tracks = {"right": self._tracks["left"], "left": self._tracks["right"]}
        elif len(wrong) == 1 and len(self._tracks) == 1:
            other: Side = "left" if wrong[0] == "right" else "right"
            self._tracks[other] = self._tracks.pop(wrong[0])

    def _lose(self, side: Side) -> None:
        track = self._tracks.pop(side)
        self._lost = LostHand(side, replace(track.seen, center_px=track.region.center_px)) if self._tracks else None

    def _search_near(self, source: CropSource) -> None:
        """Look for the hand that was lost a moment ago where it was, while the other one is followed."""
        lost = self._lost
        if lost is None:
            return
        if lost.side in self._tracks or not self._tracks or not lost.frames_left:
            self._lost = None
            return
        lost.frames_left -= 1
        reading = search_near(self._finder.reader, source, lost, self._known())
        if reading is not None:
            self._start(lost.side, reading)
            self._lost = None

    def _known(self) -> dict[Side, Reading]:
        return {side: track.reading for side, track in self._tracks.items() if track.reading is not None}

    def _search(self, source: CropSource, hints: Mapping[Side, Box]) -> None:
        """Look for the missing hands: thoroughly in the first frame, later everywhere or around the other hand."""
        self._search_hints(source, hints)
        known = self._known()
        free: list[Side] = [side for side in SIDES if side not in self._tracks]
        if not free:
            return
        reader = self._finder.reader
        found: dict[Side, Reading] = {}
        if self._searches == 0:
            found = search(reader, source, known, free)
        elif self._searches % 2 and len(known) == 1:
            second = search_beside(reader, source, next(iter(known.values())), free[0])
            if second is not None:
                found = {free[0]: second}
        else:
            found = glance(reader, source, known, free)
        self._searches += 1
        lost = self._lost
        for side, reading in found.items():
            if lost is None or side != lost.side or lost.may_be(reading, known):
                self._start(side, reading)

    def _search_hints(self, source: CropSource, hints: Mapping[Side, Box]) -> None:
        """Look for the missing hands between the places where the user has shown them."""
        missing: list[Side] = [side for side in SIDES if side in hints and side not in self._tracks]
        for side in missing:
            reading = self._finder.read_box(source, side, hints[side])
            others = [track.reading for track in self._tracks.values() if track.reading is not None]
            if (
                reading is not None
                and reading.credible
                and reading.landmarks.probability(side) >= SIDE_NEEDED
                and not any(same_hand(reading.landmarks, other.landmarks) for other in others)
            ):
                self._start(side, reading)


def _side(name: str) -> Side:
    return "right" if name == "right" else "left"


def _region(state: Mapping[str, Any]) -> Region:
    x, y = state["center_px"]
    return Region((float(x), float(y)), float(state["side_px"]), float(state["angle_rad"]))
