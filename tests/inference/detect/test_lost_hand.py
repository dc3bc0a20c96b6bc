"""What may be taken for a hand that was lost a moment ago, and how large two hands of one person may be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from inference.detect.crops import CropSource
from inference.detect.evidence import sizes_suit
from inference.detect.lost_hand import LostHand
from inference.detect.region import Region
from inference.detect.search import search_near


@pytest.fixture(scope="module")
def reading(finder, rendered):
    """A right hand, seen well."""
    return finder.find_readings(CropSource(rendered("right_spread").rgb))["right"]


def moved(reading, scale=1.0, shift_px=(0.0, 0.0), turn_rad=0.0):
    """The same reading scaled and turned about its middle, then shifted."""
    points = reading.landmarks.joints_px
    turn = np.array([[math.cos(turn_rad), math.sin(turn_rad)], [-math.sin(turn_rad), math.cos(turn_rad)]])
    points = points.mean(axis=0) + scale * (points - points.mean(axis=0)) @ turn + shift_px
    return replace(reading, landmarks=replace(reading.landmarks, joints_px=points))


@pytest.mark.parametrize(
    ("change", "possible"),
    [
        ({}, True),
        ({"shift_px": (80.0, -40.0)}, True),
        ({"scale": 1.2}, True),
        ({"scale": 1 / 1.2}, True),
        ({"scale": 1.4}, False),
        ({"scale": 1 / 1.4}, False),
        ({"turn_rad": math.radians(40)}, True),
        ({"turn_rad": math.radians(-80)}, False),
    ],
)
def test_size_and_direction_of_the_lost_hand(reading, change, possible):
    lost = LostHand("right", reading.landmarks.next_region)
    assert lost.may_be(moved(reading, **change), {}) is possible


def test_directions_are_compared_around_the_circle(reading):
    lost = LostHand("right", reading.landmarks.next_region.turned(2 * math.pi - 0.1))
    assert lost.may_be(reading, {})
    assert Region((0, 0), 1, math.pi - 0.1).turn_from(Region((0, 0), 1, 0.1 - math.pi)) == pytest.approx(0.2)


def test_a_lost_hand_keeps_its_side(reading):
    assert not LostHand("left", reading.landmarks.next_region).may_be(reading, {})


@pytest.mark.parametrize(("share", "possible"), [(0.0, False), (0.15, False), (0.4, True)])
def test_a_lost_hand_is_not_found_inside_the_other_one(reading, share, possible):
    shift = share * reading.landmarks.next_region.side_px
    other = moved(reading, shift_px=(shift, 0.0))
    assert LostHand("right", reading.landmarks.next_region).may_be(reading, {"left": other}) is possible


@pytest.mark.parametrize(
    ("scale", "shift", "suit"),
    [(1.0, 0.3, True), (1.5, 0.3, True), (1.9, 0.3, False), (1.9, 3.0, True), (2.8, 4.0, False)],
)
def test_two_hands_that_touch_are_of_much_the_same_size(reading, scale, shift, suit):
    side_px = reading.landmarks.next_region.side_px
    other = moved(reading, scale, (shift * side_px, 0.0))
    assert sizes_suit(reading, other) is suit
    assert sizes_suit(other, reading) is suit


def test_a_lost_hand_is_found_near_its_place_and_only_as_large_as_it_was(finder, rendered, relative_error):
    picture = rendered("right_spread")
    source, place = CropSource(picture.rgb), Region.from_joints(picture.joints_px["right"])
    found = search_near(finder.reader, source, LostHand("right", place), {})
    assert found is not None
    assert relative_error(picture, "right", found.landmarks.joints_px) < 0.06
    # A hand that moved on further than a track could follow shows by its palm.
    jumped = replace(place, center_px=(place.center_px[0] + 0.6 * place.side_px, place.center_px[1]))
    assert search_near(finder.reader, source, LostHand("right", jumped), {}) is not None
    assert search_near(finder.reader, source, LostHand("right", place.scaled(1.7)), {}) is None
    assert search_near(finder.reader, source, LostHand("left", place), {}) is None
