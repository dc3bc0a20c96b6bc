"""Hands through sequences that are put together from rendered pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from inference.detect.crops import CropSource
from inference.detect.search import search_near
from inference.detect.trace import trace
from inference.detect.tracker import HandTracker
from inference.hands.joints import SIDES, Side

WIDTH, HEIGHT = 960, 540


class Stage:
    """A wide picture on which the rendered right hand and its mirror image are moved about."""

    def __init__(self, picture):
        self.hands = {"right": picture, "left": picture.mirrored()}
        self.background = np.median(picture.rgb[:40].reshape(-1, 3), axis=0).astype(np.uint8)

    def frame(self, **places):
        """(rgb, joints by side) with hands at places (x, y, scale, turn in degrees); later ones cover earlier ones."""
        rgb = np.full((HEIGHT, WIDTH, 3), self.background, np.uint8)
        joints = {}
        for side, (x, y, scale, turn) in places.items():
            picture = self.hands[side]
            matrix = cv2.getRotationMatrix2D((239.5, 239.5), -turn, scale)
            matrix[:, 2] += np.array([x, y]) - 239.5
            warped = cv2.warpAffine(picture.rgb, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_CONSTANT)
            foreground = np.abs(picture.rgb.astype(int) - self.background).max(axis=-1) > 18
            mask = cv2.warpAffine(foreground.astype(np.float32), matrix, (WIDTH, HEIGHT))[..., None]
            rgb = (mask * warped + (1 - mask) * rgb).astype(np.uint8)
            joints[side] = picture.joints_px[side] @ matrix[:, :2].T + matrix[:, 2]
        return rgb, joints


@pytest.fixture(scope="module")
def stage(rendered):
    return Stage(rendered("right_spread"))


def apart(step):
    """Both hands apart, moving, growing and turning smoothly."""
    return {
        "right": (260 + 6 * step, 270 + 20 * np.sin(step / 3), 0.8 + 0.01 * step, 3 * np.sin(step / 4)),
        "left": (720 - 5 * step, 280 - 3 * step, 0.8, -2.0 * step),
    }


def error(observation, joints_px):
    distance = np.linalg.norm(observation.joints_px - joints_px, axis=1).mean()
    return distance / np.ptp(joints_px, axis=0).max()


def test_moving_hands_are_followed(finder, stage):
    tracker = HandTracker(finder)
    for step in range(16):
        rgb, truth = stage.frame(**apart(step))
        seen = tracker.observe(rgb)
        assert list(seen) == ["right", "left"], step
        for side in SIDES:
            assert seen[side].side == side
            assert error(seen[side], truth[side]) < 0.07, (step, side)
    assert tracker.sides == ("right", "left")


def test_a_hand_that_leaves_is_absent_and_comes_back(finder, stage):
    tracker = HandTracker(finder, search_every=2)
    both = apart(3)
    for _ in range(2):
        assert len(tracker.observe(stage.frame(**both)[0])) == 2
    for _ in range(4):
        assert list(tracker.observe(stage.frame(right=both["right"])[0])) == ["right"]
    assert tracker.sides == ("right",)
    returned = [tracker.observe(stage.frame(**both)[0]) for _ in range(4)]
    assert list(returned[-1]) == ["right", "left"]
    assert error(returned[-1]["left"], stage.frame(**both)[1]["left"]) < 0.07


def test_a_hand_that_jumps_is_found_again_at_once_or_lost_but_never_wrong(finder, stage):
    tracker = HandTracker(finder)
    tracker.observe(stage.frame(right=(250, 280, 0.8, 0))[0])
    rgb, truth = stage.frame(right=(700, 280, 0.8, 0))
    seen = tracker.observe(rgb)
    assert list(seen) == ["right"]
    assert error(seen["right"], truth["right"]) < 0.07


def test_nothing_is_followed_into_an_empty_picture(finder, stage):
    tracker = HandTracker(finder)
    assert tracker.observe(stage.frame(**apart(0))[0])
    empty = stage.frame()[0]
    assert tracker.observe(empty) == {}
    assert tracker.sides == ()


def test_a_hand_that_passes_in_front_takes_no_second_side(finder, stage):
    # The right hand covers the left one completely: what is seen there afterwards is the right hand, once.
    tracker, seen, truth = HandTracker(finder), {}, {}
    for step in range(13):
        x = 300 + 30 * step
        rgb, truth = stage.frame(left=(660, 280, 0.7, 0), right=(x, 280, 0.85, 0))
        seen = tracker.observe(rgb)
        for side, observation in seen.items():
            if step < 6:
                assert error(observation, truth[side]) < 0.1, (step, side)
        if len(seen) == 2:
            gap = np.linalg.norm(seen["right"].joints_px - seen["left"].joints_px, axis=1).mean()
            assert gap > 30, step
    assert "right" in seen
    assert error(seen["right"], truth["right"]) < 0.1


def test_two_tracks_on_one_hand_become_one(finder, stage):
    rgb, truth = stage.frame(right=(400, 280, 0.8, 0))
    tracker = HandTracker(finder)
    tracker.resume({"right": truth["right"], "left": truth["right"]})
    seen = tracker.observe(rgb)
    assert list(seen) == ["right"]
    assert error(seen["right"], truth["right"]) < 0.07


def test_boxes_start_tracks(finder, stage):
    rgb, truth = stage.frame(**apart(0))
    tracker = HandTracker(finder, search_every=1000)
    low, size = truth["left"].min(axis=0) - 10, np.ptp(truth["left"], axis=0) + 20
    seen = tracker.observe(rgb, {"left": (*low, *size)})
    assert error(seen["left"], truth["left"]) < 0.07
    rgb, truth = stage.frame(**apart(1))
    assert error(tracker.observe(rgb)["left"], truth["left"]) < 0.07


def test_a_user_s_side_outlives_the_net_s_opinion(finder, stage):
    tracker = HandTracker(finder)
    for step in range(10):
        rgb, truth = stage.frame(right=(300 + 5 * step, 280, 0.8, 0))
        low, size = truth["right"].min(axis=0) - 10, np.ptp(truth["right"], axis=0) + 20
        seen = tracker.observe(rgb, {"left": (*low, *size)} if step == 0 else None)
        assert list(seen) == ["left"], step


def test_tracking_goes_on_from_earlier_joints_without_a_search(finder, stage):
    rgb, truth = stage.frame(**apart(4))
    tracker = HandTracker(finder)
    tracker.resume({side: joints + 6 for side, joints in truth.items()})
    assert tracker.sides == ("right", "left")
    seen = tracker.observe(rgb)
    for side in SIDES:
        assert error(seen[side], truth[side]) < 0.07


def test_losing_and_resetting(finder, stage):
    rgb, _ = stage.frame(**apart(0))
    tracker = HandTracker(finder)
    tracker.observe(rgb)
    tracker.lose("left")
    assert tracker.sides == ("right",)
    assert list(tracker.observe(rgb)) == ["right", "left"]
    tracker.reset()
    assert tracker.sides == ()
    assert list(tracker.observe(rgb)) == ["right", "left"]


def test_feedback_moves_the_region(finder, stage):
    tracker = HandTracker(finder, search_every=1000)
    tracker.observe(stage.frame(right=(250, 280, 0.8, 0))[0])
    rgb, truth = stage.frame(right=(600, 280, 0.8, 0))
    tracker.feedback("right", truth["right"])
    tracker.feedback("left", truth["right"])
    assert tracker.sides == ("right",)
    assert error(tracker.observe(rgb)["right"], truth["right"]) < 0.07


def box_of(joints):
    return (*(joints.min(axis=0) - 10), *(np.ptp(joints, axis=0) + 20))


def test_a_box_in_a_later_frame_decides_the_side(finder, stage):
    tracker = HandTracker(finder)
    places = {"right": (300, 280, 0.8, 0)}
    rgb, truth = stage.frame(**places)
    assert list(tracker.observe(rgb)) == ["right"]
    assert list(tracker.observe(rgb, {"left": box_of(truth["right"])})) == ["left"]
    assert tracker.unread_boxes == frozenset()
    for _ in range(6):
        assert list(tracker.observe(rgb)) == ["left"]


def test_an_empty_box_is_told_and_stops_no_hand_inside_it(finder, stage):
    tracker = HandTracker(finder, search_every=1000)
    rgb, _ = stage.frame(right=(300, 280, 0.8, 0))
    tracker.observe(rgb)
    assert list(tracker.observe(rgb, {"left": (700, 200, 150, 150)})) == ["right"]
    assert tracker.unread_boxes == {"left"}
    tracker.observe(rgb)
    assert tracker.unread_boxes == frozenset()
    tracker.observe(rgb, {"right": (700, 200, 150, 150)})
    assert tracker.unread_boxes == {"right"}


def test_a_hint_leads_to_a_hand_that_no_palm_shows(finder, stage, monkeypatch):
    rgb, truth = stage.frame(**apart(0))
    reader = finder.reader
    tracker = HandTracker(finder, search_every=1)
    monkeypatch.setattr(reader, "palm_regions", lambda *_: [])
    monkeypatch.setattr(tracker, "_searches", 2)  # the thorough search of the first frame would find it without palms
    assert tracker.observe(rgb) == {}
    assert list(tracker.observe(rgb, hints={"left": box_of(truth["left"])})) == ["left"]
    assert list(tracker.observe(rgb, hints={"right": box_of(truth["left"])})) == ["left"], "one hand, one side"


def test_a_hand_is_traced_to_where_it_came_from(finder, stage):
    truth = stage.frame(**apart(6))[1]
    points: dict[Side, np.ndarray] = {side: truth[side] for side in SIDES}
    for step in range(5, -1, -1):
        rgb, truth = stage.frame(**apart(step))
        seen = trace(finder.reader, rgb, points, [])
        assert list(seen) == ["right", "left"], step
        for side in SIDES:
            assert error(seen[side], truth[side]) < 0.07, (step, side)
        points = {side: seen[side].joints_px for side in SIDES}


def test_nothing_is_traced_onto_another_hand_or_into_nothing(finder, stage):
    rgb, truth = stage.frame(right=(400, 280, 0.8, 0))
    points = truth["right"]
    assert trace(finder.reader, rgb, {"right": points + 500}, []) == {}
    assert trace(finder.reader, rgb, {"left": points}, []) == {}, "the net contradicts the side"
    assert list(trace(finder.reader, rgb, {"left": points}, [], frozenset({"left"}))) == ["left"]
    assert trace(finder.reader, rgb, {"right": points}, [points + 3]) == {}
    both = trace(finder.reader, rgb, {"right": points, "left": points + 2}, [], frozenset(SIDES))
    assert len(both) == 1
    assert trace(finder.reader, rgb, {"right": np.full((21, 2), np.nan)}, []) == {}


@pytest.fixture
def near(monkeypatch):
    """The sides that were searched for near their last place, in order."""
    sides: list[Side] = []

    def watched(reader, source, lost, known):
        sides.append(lost.side)
        return search_near(reader, source, lost, known)

    monkeypatch.setattr("inference.detect.tracker.search_near", watched)
    return sides


def test_a_lost_hand_is_looked_for_near_its_last_place_at_once(finder, stage, near):
    tracker = HandTracker(finder, search_every=1000)
    both = apart(3)
    tracker.observe(stage.frame(**both)[0])
    for _ in range(3):
        assert list(tracker.observe(stage.frame(right=both["right"])[0])) == ["right"]
    assert near == ["left"] * 3
    rgb, truth = stage.frame(**both)
    resumed = HandTracker(finder, search_every=1000)
    resumed.restore(json.loads(json.dumps(tracker.state())))
    for one in (tracker, resumed):
        seen = one.observe(rgb)
        assert list(seen) == ["right", "left"], "without the search in the whole picture"
        assert error(seen["left"], truth["left"]) < 0.07
    assert near == ["left"] * 5
    assert list(tracker.observe(rgb)) == ["right", "left"]
    assert near == ["left"] * 5, "a hand that was found is not looked for"


def test_a_lost_hand_is_not_looked_for_near_for_ever(finder, stage, near):
    tracker = HandTracker(finder, search_every=1000)
    both = apart(3)
    tracker.observe(stage.frame(**both)[0])
    for _ in range(12):
        tracker.observe(stage.frame(right=both["right"])[0])
    assert 3 <= len(near) < 10


def test_a_hand_of_another_size_does_not_replace_a_lost_one_at_once(finder, stage):
    # A small hand that appears as the large one vanishes is another's, or what is left of it behind something.
    tracker = HandTracker(finder, search_every=1)
    right = (160, 380, 0.6, 0)
    tracker.observe(stage.frame(right=right, left=(740, 280, 0.9, 0))[0])
    rgb, truth = stage.frame(right=right, left=(440, 130, 0.5, 0))
    seen = [tracker.observe(rgb) for _ in range(12)]
    assert list(seen[0]) == list(seen[3]) == ["right"]
    assert list(seen[-1]) == ["right", "left"], "it is believed in the end"
    assert error(seen[-1]["left"], truth["left"]) < 0.07


def test_with_no_hand_left_nothing_is_compared_with_what_was_lost(finder, stage, near):
    # As after a cut: what the next shot shows has nothing to do with the one before.
    tracker = HandTracker(finder)
    tracker.observe(stage.frame(**apart(3))[0])
    assert tracker.observe(stage.frame()[0]) == {}
    seen = [tracker.observe(stage.frame(left=(300, 270, 0.55, 0))[0]) for _ in range(6)]
    assert list(seen[-1]) == ["left"]
    assert near == []


class FlickeringReader:
    """Reads like the real one, but calls every hand a left one in some frames."""

    def __init__(self, reader, flickers):
        self._reader = reader
        self.flickers = flickers

    def __getattr__(self, name):
        return getattr(self._reader, name)

    def read(self, source, regions):
        readings = self._reader.read(source, regions)
        if not self.flickers:
            return readings
        return [replace(item, landmarks=replace(item.landmarks, right_probability=0.02)) for item in readings]


class FlickeringFinder:
    def __init__(self, finder):
        self.reader = FlickeringReader(finder.reader, False)
        self.read_box = finder.read_box


def test_one_flickering_frame_swaps_no_side_but_many_do(finder, stage):
    flickering: Any = FlickeringFinder(finder)
    tracker = HandTracker(flickering, search_every=1000)
    rgb, _ = stage.frame(right=(300, 280, 0.8, 0))
    for _ in range(3):
        assert list(tracker.observe(rgb)) == ["right"]
    flickering.reader.flickers = True
    assert list(tracker.observe(rgb)) == ["right"]
    flickering.reader.flickers = False
    assert list(tracker.observe(rgb)) == ["right"]
    flickering.reader.flickers = True
    sides = [list(tracker.observe(rgb)) for _ in range(14)]
    assert sides[:3] == [["right"]] * 3
    assert sides[-1] == ["left"]


def test_the_stage_shows_what_the_finder_knows(finder, stage):
    # The composed frames themselves are plain enough that a single picture gives both hands.
    rgb, truth = stage.frame(**apart(0))
    found = finder.find_readings(CropSource(rgb))
    assert set(found) == set(truth)
