"""Engine `intershape`: a crop round both hands, the two-hand network (Zhang et al., ICCV 2021), placement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..clip import Clip
from ..crops import SquareCrop, crop_around, sure_points, whole_picture
from ..detect.observation import HandObservation
from ..fit.clip_shape import SHARED, ClipShape
from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from .answer_placement import PlacedHand, place_answer
from .clip_placement import replace_clip
from .crop_answer import CropAnswer, CropReader
from .engine import NO_BOXES, Box, FrameBoxes, HandInFrame
from .hand_evidence import (
    GLIMPSE,
    LARGEST_ERROR_SHARE,
    THRESHOLDS,
    Expectation,
    hand_confidence,
    is_there,
)

Array = NDArray[np.float64]

_LOOSE_MARGIN: Final = 1.6
"""Of a crop round what the detector or the user says: the second hand may reach out of it."""
_FOLLOW_MARGIN: Final = 1.3
"""Of a crop round the hands of the frame before: a little more than the data set's, for what they move."""
_SEARCH_EVERY: Final = 5
"""With a hand missing, the detector is asked every so many frames, and at once after a loss."""
_LEAST_TIGHTENING: Final = 0.2
_ALIKE: Final = 0.1
"""Crops whose corners differ by less than this share of the side show the network the same."""
_BOX_MARGIN: Final = 0.25
_LARGEST_STEP_SHARE: Final = 0.5
"""Of a hand's own size, that its middle may move between two frames when it is followed back."""


class Detector(Protocol):
    """Finds hands in a whole picture (`detect.finder.HandFinder`)."""

    def find(self, rgb: NDArray[np.uint8], boxes: Mapping[Side, Box] | None = None) -> dict[Side, HandObservation]:
        """At most one hand a side."""
        ...


class InterShapeEngine:
    """Network, detector and hand models, loaded once.

    Parameters
    ----------
    reader : the network
    detector : finds the hands that the first crop is put round
    models : the hand models that the network's poses and betas refer to
    settings : what else changes results (see `Engine.settings`): configuration, hashes of weights
    """

    name = "intershape"

    def __init__(
        self, reader: CropReader, detector: Detector, models: Mapping[Side, HandModel], settings: Mapping[str, Any]
    ) -> None:
        self.models = models
        self.settings = settings
        self._reader, self._detector = reader, detector

    def start(self, camera: Camera) -> InterShapeRun:
        """See `Engine.start`."""
        return InterShapeRun(self._reader, self._detector, self.models, camera)


class InterShapeRun:
    """One clip through the engine."""

    def __init__(
        self, reader: CropReader, detector: Detector, models: Mapping[Side, HandModel], camera: Camera
    ) -> None:
        self._reader, self._detector, self._models, self._camera = reader, detector, models, camera
        self._followed: dict[Side, Array] = {}
        self._frames_to_search = 0
        self._unread_boxes: frozenset[Side] = frozenset()

    @property
    def unread_boxes(self) -> frozenset[Side]:
        """See `EngineRun.unread_boxes`."""
        return self._unread_boxes

    def reconstruct_frame(self, rgb: NDArray[np.uint8], boxes: FrameBoxes = NO_BOXES) -> dict[Side, HandInFrame]:
        """See `EngineRun.reconstruct_frame`."""
        self._frames_to_search -= 1
        hands = self._in_boxes(rgb, boxes.given) if boxes.given else self._where_they_were(rgb)
        if any(side not in hands for side in self._followed):
            self._frames_to_search = 0
        if len(hands) < len(SIDES) and self._frames_to_search <= 0:
            hands = self._search(rgb, hands, boxes)
            self._frames_to_search = _SEARCH_EVERY
        self._unread_boxes = frozenset(
            side for side, box in boxes.given.items() if side not in hands or not _lies_in(hands[side].joints_px, box)
        )
        kept: dict[Side, HandInFrame] = {side: hand for side, hand in hands.items() if side not in self._unread_boxes}
        self._follow(kept)
        return kept

    def look_back(
        self,
        rgb: NDArray[np.uint8],
        later: Mapping[Side, HandInFrame],
        beside: Mapping[Side, HandInFrame],
        pinned: frozenset[Side],
    ) -> dict[Side, HandInFrame]:
        """See `EngineRun.look_back`."""
        known: dict[Side, HandInFrame] = {**later, **beside}
        crop = crop_around(self._points_px(known.values()), _FOLLOW_MARGIN)
        if crop is None:
            return {}
        expected: dict[Side, Expectation] = {side: "boxed" if side in pinned else "followed" for side in known}
        hands = self._hands(self._reader.read(crop.cut(rgb)), crop, expected)
        back: dict[Side, HandInFrame] = {}
        for side, before in later.items():
            if side not in hands or not _leads_to(hands[side], before):
                continue
            hand = hands[side]
            other: Side | None = next((name for name in SIDES if name in beside and name in hands), None)
            if other is not None:
                # The other hand stays where it was put; the relation of the two is this answer's.
                moved = beside[other].translation_m - hands[other].translation_m
                hand = replace(hand, translation_m=hand.translation_m + moved, joints_m=hand.joints_m + moved)
            back[side] = hand
        return back

    def state(self) -> dict[str, Any]:
        """See `EngineRun.state`."""
        return {"frames_to_search": self._frames_to_search}

    def resume(self, last_hands: Mapping[Side, HandInFrame], state: Mapping[str, Any]) -> None:
        """See `EngineRun.resume`."""
        self._frames_to_search = int(state["frames_to_search"])
        self._follow(last_hands)

    def refine(self, clip: Clip, shape: ClipShape = SHARED) -> Clip:
        """See `EngineRun.refine`; unless they are given, the shapes are what the network says of each hand."""
        return replace_clip(clip, self._models, self._camera, shape.fixed)

    # --- where to look ----------------------------------------------------------------------------------------------

    def _follow(self, hands: Mapping[Side, HandInFrame]) -> None:
        self._followed = {side: self._camera.project(hands[side].joints_m) for side in SIDES if side in hands}

    def _where_they_were(self, rgb: NDArray[np.uint8]) -> dict[Side, HandInFrame]:
        """The hands of the frame before, and a second one that came to them."""
        if not self._followed:
            return {}
        crop = crop_around(np.concatenate(list(self._followed.values())), _FOLLOW_MARGIN)
        if crop is None:
            return {}
        expected = self._expected({})
        hands = self._hands(self._reader.read(crop.cut(rgb)), crop, expected)
        if set(hands) <= set(self._followed):
            return hands
        # A hand that came to the other one may reach out of the crop: look again at both.
        wider = crop_around(self._points_px(hands.values()), _FOLLOW_MARGIN)
        again = self._hands(self._reader.read(wider.cut(rgb)), wider, expected) if wider else {}
        return again if len(again) >= len(hands) else hands

    def _in_boxes(self, rgb: NDArray[np.uint8], given: Mapping[Side, Box]) -> dict[Side, HandInFrame]:
        """The hands where the user says, and the other one where it was or where the detector sees it."""
        others: dict[Side, Array] = {side: points for side, points in self._followed.items() if side not in given}
        if len(given) < len(SIDES) and not others:
            found = self._detector.find(rgb, given)
            others = {side: hand.joints_px for side, hand in found.items() if side not in given}
        points = [_corners(box) for box in given.values()] + list(others.values())
        return self._read_closely(rgb, crop_around(np.concatenate(points)), self._expected(given))

    def _search(
        self, rgb: NDArray[np.uint8], hands: dict[Side, HandInFrame], boxes: FrameBoxes
    ) -> dict[Side, HandInFrame]:
        """Ask the detector for what is missing, else the place between two boxes; at last look at everything."""
        missing: list[Side] = [side for side in SIDES if side not in hands]
        known = [self._points_px([hand]) for hand in hands.values()]
        hinted = {side: _corners(boxes.hints[side]) for side in missing if side in boxes.hints}
        found = self._detector.find(rgb)
        seen = {side: found[side].joints_px for side in missing if side in found}
        crops = [
            crop_around(np.concatenate([*known, *points.values()]), _LOOSE_MARGIN)
            for points in (hinted, seen)
            if points
        ]
        if not known and not crops:
            # Hands that hold each other may be found by the network alone.
            crops = [whole_picture((rgb.shape[1], rgb.shape[0]))]
        expected = self._expected(boxes.given)
        for crop in crops:
            again = self._read_closely(rgb, crop, expected)
            if _worth(again) > _worth(hands):
                hands = again
        return hands

    def _expected(self, given: Iterable[Side]) -> dict[Side, Expectation]:
        boxed = set(given)
        return {side: "boxed" if side in boxed else "followed" if side in self._followed else "new" for side in SIDES}

    # --- looking ----------------------------------------------------------------------------------------------------

    def _read_closely(
        self, rgb: NDArray[np.uint8], crop: SquareCrop | None, expected: Mapping[Side, Expectation]
    ) -> dict[Side, HandInFrame]:
        """Look at a crop, tighten it once round what the heat maps see there, and look again."""
        if crop is None or not crop.usable:
            return {}
        answer = self._reader.read(crop.cut(rgb))
        tight = tightened(crop, answer)
        if tight is not None:
            crop, answer = tight, self._reader.read(tight.cut(rgb))
        return self._hands(answer, crop, expected)

    def _hands(
        self, answer: CropAnswer, crop: SquareCrop, expected: Mapping[Side, Expectation]
    ) -> dict[Side, HandInFrame]:
        """The hands that the answer gives enough evidence for, placed together."""
        there: list[Side] = [
            side
            for index, side in enumerate(SIDES)
            if side in expected
            and is_there(answer.presence[index], answer.confidence[index], THRESHOLDS[expected[side]])
        ]
        placed = place_answer(answer, crop, self._camera, self._models, there)
        return {
            side: _hand_in_frame(answer, SIDES.index(side), hand)
            for side, hand in placed.items()
            if hand.error_share < LARGEST_ERROR_SHARE
        }

    def _points_px(self, hands: Iterable[HandInFrame]) -> Array:
        return np.concatenate([np.zeros((0, 2)), *(self._camera.project(hand.joints_m) for hand in hands)])


def tightened(crop: SquareCrop, answer: CropAnswer) -> SquareCrop | None:
    """The data set's crop round the peaks of an answer; None where there are none, or where nothing would change."""
    seen = [
        (crop.to_picture(answer.peaks_px[index]), answer.confidence[index])
        for index in range(len(SIDES))
        if is_there(answer.presence[index], answer.confidence[index], GLIMPSE)
    ]
    tight = crop_around(sure_points(seen))
    if tight is None or tight.side_px < _LEAST_TIGHTENING * crop.side_px:
        return None
    corners = np.array([crop.corner_px, np.add(crop.corner_px, crop.side_px)])
    change = np.abs(corners - [tight.corner_px, np.add(tight.corner_px, tight.side_px)]).max()
    return tight if change > _ALIKE * crop.side_px else None


def _hand_in_frame(answer: CropAnswer, index: int, hand: PlacedHand) -> HandInFrame:
    return HandInFrame(
        confidence=hand_confidence(float(answer.presence[index]), answer.confidence[index], hand.error_share),
        quat_wxyz=hand.quat_wxyz,
        translation_m=hand.translation_m,
        betas=hand.betas,
        joints_px=hand.seen_px,
        joints_px_confidence=answer.confidence[index],
        joints_m=hand.joints_m,
    )


def _worth(hands: Mapping[Side, HandInFrame]) -> tuple[int, float]:
    """More hands are better, then surer ones."""
    return len(hands), sum(hand.confidence for hand in hands.values())


def _corners(box: Box) -> Array:
    """(2, 2) top left and bottom right."""
    x, y, width, height = box
    return np.array([[x, y], [x + width, y + height]])


def _lies_in(joints_px: Array, box: Box) -> bool:
    """Whether a hand's middle lies in a box, with some margin."""
    low, high = _corners(box)
    margin = _BOX_MARGIN * np.max(high - low)
    middle = np.median(joints_px, axis=0)
    return bool(np.all((middle >= low - margin) & (middle <= high + margin)))


def _leads_to(hand: HandInFrame, later: HandInFrame) -> bool:
    """Whether a hand may be the one of the frame after: near it, and about as far away."""
    size = np.linalg.norm(np.ptp(later.joints_m, axis=0))
    step = np.linalg.norm(hand.joints_px.mean(axis=0) - later.joints_px.mean(axis=0))
    return bool(step <= _LARGEST_STEP_SHARE * np.ptp(later.joints_px, axis=0).max()) and bool(
        abs(hand.translation_m[2] - later.translation_m[2]) <= 2 * size
    )
