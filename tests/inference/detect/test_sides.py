"""Sides and duplicates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.detect.evidence import Reading
from inference.detect.landmark_net import Landmarks
from inference.detect.region import Region
from inference.detect.sides import assign_sides, drop_duplicates

HAND_PX = np.random.default_rng(5).uniform(0, 100, (21, 2))


def reading(right_probability: float, x: float = 0.0, presence: float = 0.95, disagreement: float = 0.01) -> Reading:
    joints = HAND_PX + np.array([x, 0.0])
    look = Landmarks(joints, np.zeros((21, 3)), presence, right_probability, Region((x, 50.0), 200.0))
    return Reading(look, np.full(21, presence), disagreement, 0.02)


def test_two_sure_hands_get_their_sides():
    right, left = reading(0.95), reading(0.1, x=300)
    assert assign_sides([left, right]) == {"right": right, "left": left}


def test_one_hand_gets_one_side():
    left = reading(0.02)
    assert assign_sides([left]) == {"left": left}


def test_of_two_sure_right_hands_the_better_one_is_kept():
    better, worse = reading(0.97), reading(0.95, x=300, presence=0.6, disagreement=0.03)
    assert assign_sides([worse, better]) == {"right": better}


def test_a_hand_in_doubt_gives_way_to_the_other_side():
    sure, doubtful = reading(0.97), reading(0.55, x=300)
    assert assign_sides([doubtful, sure]) == {"right": sure, "left": doubtful}


def test_a_taken_side_is_not_given_again():
    assert assign_sides([reading(0.97)], free=["left"]) == {}
    left = reading(0.03)
    assert assign_sides([left, reading(0.9, x=300)], free=["left"]) == {"left": left}


def test_no_hands_no_sides():
    assert assign_sides([]) == {}


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.5, 1)), max_size=6))
def test_a_hand_never_gets_both_sides(hands):
    readings = [reading(right, x=300.0 * index, presence=presence) for index, (right, presence) in enumerate(hands)]
    assigned = assign_sides(readings)
    assert len({id(item) for item in assigned.values()}) == len(assigned)
    for side, item in assigned.items():
        assert item.landmarks.probability(side) >= 0.25


def test_of_one_hand_seen_twice_the_better_look_is_kept():
    good, bad, other = reading(0.9), reading(0.2, x=8, disagreement=0.03), reading(0.1, x=300)
    assert drop_duplicates([bad, other, good]) == [other, good] or drop_duplicates([bad, other, good]) == [good, other]


def test_quality_falls_with_disagreement_and_with_presence():
    best = reading(0.9)
    assert best.quality > reading(0.9, disagreement=0.03).quality > reading(0.9, disagreement=0.06).quality
    assert best.quality > reading(0.9, presence=0.6).quality


def test_credible_is_more_than_tenable_is_more_than_promising():
    good = reading(0.9)
    assert good.credible and good.tenable and good.promising
    shaky = replace(good, disagreement=0.05)
    assert not shaky.credible and shaky.tenable and shaky.promising
    worse = replace(good, disagreement=0.055, distortion=0.11)
    assert not worse.tenable and worse.promising
    assert not replace(good, disagreement=0.07).promising
    assert not reading(0.9, presence=0.4).promising
