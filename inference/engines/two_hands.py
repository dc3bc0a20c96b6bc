"""Engine `twohand`: stage one of the open two-hand network finds hands, stage two reads them, the fit poses them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..clip import Clip
from ..crops import SquareCrop, crop_around
from ..detect.crops import CropSource
from ..detect.observation import HandObservation
from ..detect.region import Region
from ..fit.clip_shape import SHARED, ClipShape
from ..fit.hand_fitter import FittedHand, HandFitter
from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from .answer_placement import PlacedHand, knuckle_offset_m, place_answer
from .crop_answer import CropAnswer
from .engine import NO_BOXES, Box, FrameBoxes, HandInFrame
from .fitted_frames import as_fitted, followed_back, hand_in_frame, refined
from .hand_evidence import Expectation
from .pair_reader import PairAnswer
from .second_hand import look_beside, trust

_LEAST_PRESENCE: Final[dict[Expectation, float]] = {"new": 0.5, "followed": 0.3, "boxed": 0.1}
_LEAST_CERTAINTY: Final[dict[Expectation, float]] = {"new": 0.1, "followed": 0.05, "boxed": 0.04}
"""Median over the joints. That of a new hand: with 0.06 there were 33 wrong hands among 271, with 0.1 26 among 261; on
the pictures of `open_proposer`'s numbers."""
_SEARCH_EVERY: Final = 5
"""With a hand missing, it is looked for every so many frames, and at once after a loss."""
_BOX_TURNS: Final = 8
_LOOKS: Final = 2
"""After the first look in a square that somebody found, so many more in the squares that the joints ask for."""
_LARGEST_TURN_RAD: Final = 1.2
"""That a hand turns in the picture between two frames; in the dance clip hands get to 0.8."""
_SAME_HAND: Final = 0.15
"""Mean distance of the joints of two hands, as a share of the smaller square, under which they are one hand."""


class SquareReader(Protocol):
    """Reads one or two hands of a picture in their squares."""

    def read(self, source: CropSource, regions: Mapping[Side, Region]) -> PairAnswer:
        """A hand for each square, whether one is there or not."""
        ...


class Proposer(Protocol):
    """Says where hands may be."""

    def propose(self, source: CropSource) -> dict[Side, Region]:
        """At most one square a side."""
        ...


class Opinion(Protocol):
    """Where else joints may be (`SecondOpinion`)."""

    def fused(
        self, source: CropSource, hands: Mapping[Side, HandObservation], answer: CropAnswer
    ) -> dict[Side, HandObservation]:
        """The hands with better joints; `answer` has their poses."""
        ...


class Nets(NamedTuple):
    """What looks at pictures, see `TwoHandsEngine`."""

    reader: SquareReader
    proposer: Proposer
    second_opinion: Opinion | None


class Sight(NamedTuple):
    """What the networks say of one frame.

    Parameters
    ----------
    hands : those that are there
    answer : poses, shapes and the relation of the last look, None where there was none; a hand that is missing in
        `hands` means nothing in it
    """

    hands: dict[Side, HandObservation]
    answer: CropAnswer | None

    def without(self, sides: Iterable[Side]) -> Sight:
        """The same without some hands."""
        left_out = set(sides)
        return Sight({side: hand for side, hand in self.hands.items() if side not in left_out}, self.answer)


class TwoHandsEngine:
    """Both stages and hand models, loaded once.

    Parameters
    ----------
    reader : stage two
    proposer : stage one
    models : the open hand
    settings : see `Engine.settings`
    second_opinion : what else is asked where joints are, before the fit; None: nobody
    """

    name = "twohand"

    def __init__(
        self,
        reader: SquareReader,
        proposer: Proposer,
        models: Mapping[Side, HandModel],
        settings: Mapping[str, Any],
        second_opinion: Opinion | None = None,
    ) -> None:
        self.models, self.settings = models, settings
        self._nets = Nets(reader, proposer, second_opinion)

    def start(self, camera: Camera) -> TwoHandsRun:
        """See `Engine.start`."""
        # The network was taught the model's own joints: nothing lies between them and what it sees.
        fitter = HandFitter(self.models, camera, offsets_m=np.zeros((21, 3)))
        return TwoHandsRun(self._nets, fitter)


class TwoHandsRun:
    """One clip through the engine."""

    def __init__(self, nets: Nets, fitter: HandFitter) -> None:
        self._reader, self._proposer, self._second_opinion = nets
        self._fitter = fitter
        self._previous: dict[Side, FittedHand] = {}
        self._frames_to_search = 0
        self._pinned: frozenset[Side] = frozenset()  # sides that the user said, as long as the hand is followed
        self._unread_boxes: frozenset[Side] = frozenset()

    @property
    def unread_boxes(self) -> frozenset[Side]:
        """See `EngineRun.unread_boxes`."""
        return self._unread_boxes

    def reconstruct_frame(self, rgb: NDArray[np.uint8], boxes: FrameBoxes = NO_BOXES) -> dict[Side, HandInFrame]:
        """See `EngineRun.reconstruct_frame`."""
        source = CropSource(rgb)
        sight = self._see(source, boxes)
        seen = self._agreed(source, sight)
        fitted = self._fitter.fit_frame(seen, self._previous, self._offset_m(sight))
        self._previous = fitted
        self._pinned = frozenset(side for side in (*self._pinned, *boxes.given) if side in fitted)
        return {side: hand_in_frame(seen[side], hand) for side, hand in fitted.items()}

    def place(self, sight: Sight) -> dict[Side, PlacedHand]:
        """The hands as the networks alone have them, without the fit: poses, shapes and relation are stage two's."""
        crop = _crop_of(sight)
        if crop is None or sight.answer is None:
            return {}
        answer = replace(sight.answer, peaks_px=crop.to_crop(sight.answer.peaks_px))
        return place_answer(answer, crop, self._fitter.camera, self._fitter.models, list(sight.hands))

    def see(self, rgb: NDArray[np.uint8], boxes: FrameBoxes = NO_BOXES) -> Sight:
        """What the networks alone say of the next frame."""
        return self._see(CropSource(rgb), boxes)

    def _see(self, source: CropSource, boxes: FrameBoxes) -> Sight:
        self._frames_to_search -= 1
        expected = self._expected(boxes.given, self._previous)
        regions = self._where_they_were(set(boxes.given))
        regions |= {
            side: region for side, box in boxes.given.items() if (region := self._in_box(source, side, box)) is not None
        }
        seen = self._settled(source, regions, expected)
        strayed = self._strayed(seen, expected)
        is_new_view = not self._previous or not any(
            side in seen.hands and side not in strayed for side in self._previous
        )
        if is_new_view:
            # The first frame, a cut, or another picture: no hand is where one was, so none is followed.
            seen, self._pinned = seen.without(strayed), frozenset()
            expected = self._expected(boxes.given, followed=())
        if any(side not in seen.hands for side in self._previous):
            self._frames_to_search = 0
        missing: list[Side] = [side for side in SIDES if side not in seen.hands and side not in boxes.given]
        if missing and self._frames_to_search <= 0:
            seen = self._search(source, seen, missing, boxes, expected)
            if is_new_view:
                seen = self._with_second_hand(source, seen, missing, expected)
            self._frames_to_search = _SEARCH_EVERY
        if strayed := self._strayed(seen, expected):
            # What led astray is still there: the hand is looked for in the next frame.
            seen = seen.without(strayed)
            self._frames_to_search = 1
        self._unread_boxes = frozenset(side for side in boxes.given if side not in seen.hands)
        return seen

    def look_back(
        self,
        rgb: NDArray[np.uint8],
        later: Mapping[Side, HandInFrame],
        beside: Mapping[Side, HandInFrame],
        pinned: frozenset[Side],
    ) -> dict[Side, HandInFrame]:
        """See `EngineRun.look_back`."""
        known: dict[Side, HandInFrame] = {**later, **beside}
        regions: dict[Side, Region] = {side: Region.from_joints(self._joints_px(hand)) for side, hand in known.items()}
        expected: dict[Side, Expectation] = {side: "boxed" if side in pinned else "followed" for side in known}
        source = CropSource(rgb)
        answer = self._reader.read(source, _usable(regions))
        hands = self._believed({side: hand for side, hand in answer.hands.items() if side in later}, expected)
        # What this frame already has is not found a second time.
        taken = [self._joints_px(hand) for hand in beside.values()]
        hands = self._agreed(source, Sight(hands, answer.answer))
        back: dict[Side, HandObservation] = {
            side: hand
            for side, hand in hands.items()
            if regions[side].leads_to(Region.from_joints(hand.joints_px))
            and not any(_same_hand(hand.joints_px, joints_px) for joints_px in taken)
        }
        return followed_back(self._fitter, back, later)

    def state(self) -> dict[str, Any]:
        """See `EngineRun.state`."""
        return {"frames_to_search": self._frames_to_search, "pinned": sorted(self._pinned)}

    def resume(self, last_hands: Mapping[Side, HandInFrame], state: Mapping[str, Any]) -> None:
        """See `EngineRun.resume`."""
        self._frames_to_search = int(state["frames_to_search"])
        self._pinned = frozenset(side for side in SIDES if side in state["pinned"])
        self._previous = as_fitted(last_hands)

    def refine(self, clip: Clip, shape: ClipShape = SHARED) -> Clip:
        """See `EngineRun.refine`."""
        return refined(clip, self._fitter, shape, related=True)

    def _agreed(self, source: CropSource, sight: Sight) -> dict[Side, HandObservation]:
        """The hands as the fit is given them."""
        if self._second_opinion is None or sight.answer is None:
            return sight.hands
        return self._second_opinion.fused(source, sight.hands, sight.answer)

    def _offset_m(self, sight: Sight) -> NDArray[np.float64] | None:
        """What the left hand is to the right one (`fit.relation`), where the network saw both."""
        crop = _crop_of(sight)
        if crop is None or sight.answer is None or len(sight.hands) < len(SIDES):
            return None
        return knuckle_offset_m(sight.answer, crop, self._fitter.camera, self._fitter.models)

    # --- where to look ----------------------------------------------------------------------------------------------

    def _joints_px(self, hand: HandInFrame | FittedHand) -> NDArray[np.float64]:
        return self._fitter.camera.project(hand.joints_m)

    def _where_they_were(self, boxed: set[Side]) -> dict[Side, Region]:
        regions: dict[Side, Region] = {
            side: Region.from_joints(self._joints_px(hand))
            for side, hand in self._previous.items()
            if side not in boxed
        }
        return _usable(regions)

    def _in_box(self, source: CropSource, side: Side, box: Box) -> Region | None:
        """The square of the hand in a user's box: as stage one sees it there, or turned so that stage two is surest."""
        around = Region.from_box(box)
        if not around.usable:
            return None
        turned = [around.turned(2 * math.pi * turn / _BOX_TURNS) for turn in range(_BOX_TURNS)]
        seen = self._proposer.propose(source).get(side)
        if seen is not None and _lies_in(seen, box):
            turned.append(seen)
        looks = [self._reader.read(source, {side: region}).hands[side] for region in turned]
        best = max(range(len(turned)), key=lambda index: trust(looks[index]))
        region = Region.from_joints(looks[best].joints_px)
        return region if region.usable and _lies_in(region, box) else turned[best]

    def _search(
        self,
        source: CropSource,
        seen: Sight,
        missing: list[Side],
        boxes: FrameBoxes,
        expected: Mapping[Side, Expectation],
    ) -> Sight:
        """Look for what is missing where stage one says, or between two boxes of the user."""
        proposed = self._proposer.propose(source)
        regions: dict[Side, Region] = {side: Region.from_joints(hand.joints_px) for side, hand in seen.hands.items()}
        for side in missing:
            if side in boxes.hints:
                hinted = self._in_box(source, side, boxes.hints[side])
                if hinted is not None:
                    regions[side] = hinted
            elif side in proposed:
                regions[side] = proposed[side]
        found = self._settled(source, _usable(regions), expected)
        # The second hand in sight must not cost the first: what was seen alone stays, unless both are the same hand.
        kept = self._believed({**seen.hands, **found.hands}, expected)
        answer = found.answer if found.hands else seen.answer
        if len(kept) == len(SIDES) > len(found.hands):  # each from a look of its own, which cannot tell their relation
            together: dict[Side, Region] = {side: Region.from_joints(hand.joints_px) for side, hand in kept.items()}
            answer = self._reader.read(source, _usable(together)).answer
        return Sight(kept, answer)

    def _with_second_hand(
        self, source: CropSource, seen: Sight, missing: list[Side], expected: Mapping[Side, Expectation]
    ) -> Sight:
        """Where one hand is seen in a picture about which nothing was known: the other one, if it holds the first.

        It takes as long as twenty frames do, so that a clip can afford it once.
        """
        still: list[Side] = [side for side in missing if side not in seen.hands]
        if len(still) != 1 or len(seen.hands) != 1:
            return seen
        both = look_beside(self._reader, source, still[0], seen.hands)
        if both is None:
            return seen
        kept = self._believed({**both.hands, **seen.hands}, expected)
        return Sight(kept, both.answer) if len(kept) == len(SIDES) else seen

    # --- what is there ----------------------------------------------------------------------------------------------

    def _expected(self, boxed: Iterable[Side], followed: Iterable[Side]) -> dict[Side, Expectation]:
        given, known = set(boxed), set(followed)
        return {side: "boxed" if side in given else "followed" if side in known else "new" for side in SIDES}

    def _settled(self, source: CropSource, regions: dict[Side, Region], expected: Mapping[Side, Expectation]) -> Sight:
        """Read, look again in the squares that the joints ask for, and keep what can be believed."""
        if not regions:
            return Sight({}, None)
        answer = self._reader.read(source, regions)
        kept = self._believed(answer.hands, expected)
        for _ in range(_LOOKS):
            wanted: dict[Side, Region] = {side: Region.from_joints(hand.joints_px) for side, hand in kept.items()}
            wanted = _usable(wanted)
            if not wanted or (set(wanted) == set(regions) and all(wanted[s].resembles(regions[s]) for s in wanted)):
                break
            regions = wanted
            answer = self._reader.read(source, regions)
            kept = self._believed(answer.hands, expected)
        return Sight(kept, answer.answer)

    def _strayed(self, seen: Sight, expected: Mapping[Side, Expectation]) -> list[Side]:
        """Followed hands that are further from where they were than a hand gets in a frame: on something else now."""
        before = self._where_they_were({side for side in SIDES if expected[side] != "followed"})
        now: dict[Side, Region] = {side: Region.from_joints(hand.joints_px) for side, hand in seen.hands.items()}
        return [
            side
            for side, region in now.items()
            if side in before
            and not (before[side].leads_to(region) and before[side].turn_from(region) <= _LARGEST_TURN_RAD)
        ]

    def _believed(
        self, hands: Mapping[Side, HandObservation], expected: Mapping[Side, Expectation]
    ) -> dict[Side, HandObservation]:
        """Without hands that are not there, or that are the other hand a second time."""
        kept: dict[Side, HandObservation] = {
            side: hand
            for side, hand in hands.items()
            if hand.presence >= _LEAST_PRESENCE[expected[side]]
            and float(np.median(hand.joints_confidence)) >= _LEAST_CERTAINTY[expected[side]]
        }
        if len(kept) == len(SIDES) and _same_hand(kept["right"].joints_px, kept["left"].joints_px):
            # It is what the user calls it, else what it looks more like.
            weaker = min(kept, key=lambda side: (expected[side] == "boxed" or side in self._pinned, trust(kept[side])))
            del kept[weaker]
        return kept


def _crop_of(sight: Sight) -> SquareCrop | None:
    """The square round all hands of a frame, whose middle the network's answer looks along; None without hands."""
    if not sight.hands:
        return None
    return crop_around(np.concatenate([hand.joints_px for hand in sight.hands.values()]))


def _same_hand(joints_px: NDArray[np.float64], others_px: NDArray[np.float64]) -> bool:
    """Whether points (21, 2) of two hands lie so close that they are one hand's."""
    size = min(Region.from_joints(points).side_px for points in (joints_px, others_px))
    return float(np.linalg.norm(joints_px - others_px, axis=1).mean()) < _SAME_HAND * size


def _usable(regions: Mapping[Side, Region]) -> dict[Side, Region]:
    return {side: region for side, region in regions.items() if region.usable}


def _lies_in(region: Region, box: Box) -> bool:
    x, y, width, height = box
    return x <= region.center_px[0] <= x + width and y <= region.center_px[1] <= y + height
