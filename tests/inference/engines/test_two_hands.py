"""The engine `twohand` with stand-ins for both stages: where it looks and when, and what it believes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest

from inference.clip import ClipBuilder
from inference.detect.region import Region
from inference.engines.engine import Box, FrameBoxes, HandInFrame
from inference.engines.two_hands import TwoHandsEngine, TwoHandsRun
from inference.hands.joints import SIDES, Side
from tests.inference.engines.made_network import CAMERA, Pair, made_picture
from tests.inference.engines.made_pair import MadePairReader, MadeProposer, apart, moved, region_of
from tests.inference.fit.made_hands import MadeHand, models

BOTH: frozenset[Side] = frozenset(SIDES)


class Session:
    """An engine run with its stand-ins."""

    def __init__(self, frames: Sequence[Pair], finds: frozenset[Side] = BOTH) -> None:
        self.frames = frames
        self.reader, self.proposer = MadePairReader(frames), MadeProposer(frames, finds)
        self.engine = TwoHandsEngine(self.reader, self.proposer, models(), {"weights": "made"})
        self.run: TwoHandsRun = self.engine.start(CAMERA)

    def frame(self, index: int, boxes: FrameBoxes | None = None) -> dict[Side, HandInFrame]:
        return self.run.reconstruct_frame(made_picture(index), boxes or FrameBoxes())


def only(pair: Pair, *sides: Side) -> Pair:
    return {side: pair[side] for side in sides}


def box_round(hand: MadeHand) -> Box:
    joints = CAMERA.project(hand.points_m)
    x, y = joints.min(axis=0) - 5
    width, height = np.ptp(joints, axis=0) + 10
    return float(x), float(y), float(width), float(height)


def assert_like(hands: dict[Side, HandInFrame], truth: Pair) -> None:
    assert set(hands) == set(truth)
    for side, hand in hands.items():
        seen = CAMERA.project(truth[side].points_m)
        np.testing.assert_allclose(hand.joints_px, seen, atol=0.2)
        assert np.linalg.norm(CAMERA.project(hand.joints_m) - seen, axis=1).mean() < 3  # the fit


def test_both_hands_are_found_and_followed_without_asking_again() -> None:
    session = Session(apart(7))
    for index, truth in enumerate(session.frames):
        hands = session.frame(index)
        assert_like(hands, truth)
        assert min(hand.confidence for hand in hands.values()) > 0.7
    assert session.proposer.asked == [0]
    # The square of the frame before does for a hand that moves slowly: one look a frame.
    assert [frame for frame, _ in session.reader.asked if frame > 0] == list(range(1, 7))
    assert session.run.unread_boxes == frozenset()


def test_a_coarse_square_is_looked_at_again_where_the_joints_are() -> None:
    session = Session(apart(1))
    wide: dict[Side, Region] = {side: region_of(hand).scaled(1.6) for side, hand in session.frames[0].items()}
    session.proposer.says[0] = wide
    assert_like(session.frame(0), session.frames[0])
    looks = [regions for _, regions in session.reader.asked]
    assert looks[0] == wide
    for side in SIDES:
        assert looks[-1][side].resembles(region_of(session.frames[0][side]))


def test_a_lost_hand_is_looked_for_at_once_and_every_five_frames() -> None:
    whole = apart(18, step_m=0.001)
    frames = [pair if index < 2 or index > 12 else only(pair, "right") for index, pair in enumerate(whole)]
    session = Session(frames)
    there = [set(session.frame(index)) for index in range(18)]
    assert session.proposer.asked == [0, 2, 7, 12, 17]
    assert there == [set(SIDES)] * 2 + [{"right"}] * 15 + [set(SIDES)]


def test_a_hand_that_jumps_is_not_believed_before_the_next_frame() -> None:
    far = -0.16  # metres: more than half of its square
    frames: list[Pair] = [
        {**pair, "left": moved(pair["left"], np.array([0, far, 0]))} if index >= 2 else pair
        for index, pair in enumerate(apart(5, step_m=0.0))
    ]
    session = Session(frames)
    there = [set(session.frame(index)) for index in range(5)]
    assert there == [set(SIDES)] * 2 + [{"right"}] + [set(SIDES)] * 2


def test_pictures_that_are_no_motion_are_each_read_for_themselves() -> None:
    here = apart(1, step_m=0.0)[0]
    there: Pair = {side: moved(hand, np.array([0.05, 0.25, 0.5])) for side, hand in here.items()}
    frames = [here, there] * 3
    session = Session(frames)
    for index, truth in enumerate(frames):
        assert_like(session.frame(index), truth)


def test_the_second_of_two_hands_is_looked_for_beside_the_first_where_no_palm_shows_it() -> None:
    together = apart(8, step_m=0.0)[0]
    near: Pair = {**together, "left": moved(together["left"], np.array([-0.27, 0, 0]))}
    session = Session([near] * 2, finds=frozenset({"right"}))
    assert_like(session.frame(0), near)
    asked = [regions for frame, regions in session.reader.asked if frame == 0]
    assert sum("left" in regions for regions in asked) >= 15


def test_pictures_without_hands_are_searched_now_and_then() -> None:
    session = Session([{} for _ in range(11)])
    assert [session.frame(index) for index in range(11)] == [{}] * 11
    assert session.proposer.asked == [0, 5, 10]


def test_a_box_shows_a_hand_that_stage_one_does_not_see() -> None:
    session = Session(apart(3), finds=frozenset())
    assert session.frame(0) == {}
    box = FrameBoxes(given={"left": box_round(session.frames[1]["left"])})
    assert_like(session.frame(1, box), only(session.frames[1], "left"))
    assert session.run.unread_boxes == frozenset()
    turns = {round(regions["left"].angle_rad, 6) for frame, regions in session.reader.asked if frame == 1}
    assert len(turns) >= 8  # nobody knows which way it points
    assert_like(session.frame(2), only(session.frames[2], "left"))


def test_a_box_beside_every_hand_is_not_read() -> None:
    session = Session(apart(2))
    boxes = FrameBoxes(given={"left": (5.0, 5.0, 40.0, 40.0)})
    assert_like(session.frame(0, boxes), only(session.frames[0], "right"))
    assert session.run.unread_boxes == {"left"}
    session.frame(1)
    assert session.run.unread_boxes == frozenset()


def test_a_box_without_size_is_not_read() -> None:
    session = Session(apart(1))
    session.frame(0, FrameBoxes(given={"right": (50.0, 50.0, 0.0, 0.0)}))
    assert session.run.unread_boxes == {"right"}


def test_the_user_s_box_decides_the_side_of_a_hand_that_was_taken_for_the_other() -> None:
    frames = [only(pair, "right") for pair in apart(3)]
    session = Session(frames)
    session.reader.taken_for["left"] = 0.3
    assert set(session.frame(0)) == {"right"}
    hands = session.frame(1, FrameBoxes(given={"left": box_round(frames[1]["right"])}))
    assert set(hands) == {"left"}
    np.testing.assert_allclose(hands["left"].joints_px, CAMERA.project(frames[1]["right"].points_m), atol=0.2)
    assert session.run.unread_boxes == frozenset()


def test_the_side_that_the_user_said_stays_as_long_as_the_hand_is_followed() -> None:
    frames = [only(pair, "right") for pair in apart(14)]
    session = Session(frames)
    session.reader.taken_for["left"] = 0.6
    hands = session.frame(0, FrameBoxes(given={"left": box_round(frames[0]["right"])}))
    square = region_of(frames[0]["right"])
    for index in range(1, 14):
        session.proposer.says[index] = {"right": square, "left": square}
        hands = session.frame(index)
        assert set(hands) == {"left"}
    other = Session(frames)
    other.run.resume(hands, json.loads(json.dumps(session.run.state())))
    assert other.run.state() == session.run.state()
    assert session.run.state()["pinned"] == ["left"]


@pytest.mark.parametrize(("taken_for_left", "side"), [(0.6, "right"), (0.99, "left")])
def test_one_hand_is_not_found_twice(taken_for_left: float, side: Side) -> None:
    """Neither at first sight nor later, when the other side is searched beside a hand that is followed."""
    frames = [only(pair, "right") for pair in apart(6, step_m=0.0)]
    for first in (True, False):
        session = Session(frames)
        square = region_of(frames[0]["right"])
        if first:
            session.reader.taken_for["left"] = taken_for_left
        session.proposer.says = {0: {"right": square, "left": square} if first else {"right": square}}
        assert set(session.frame(0)) == ({side} if first else {"right"})
        if not first:
            for index in range(1, 5):
                session.frame(index)
            session.reader.taken_for["left"] = taken_for_left
            session.proposer.says = {5: {"left": square}}
            assert set(session.frame(5)) == {side}


def test_a_hint_is_where_a_missing_hand_is_looked_for() -> None:
    session = Session(apart(2), finds=frozenset({"right"}))
    hints = FrameBoxes(hints={side: box_round(session.frames[0][side]) for side in SIDES})
    assert_like(session.frame(0, hints), session.frames[0])
    blind = Session(apart(1), finds=frozenset({"right"}))
    assert_like(blind.frame(0), only(blind.frames[0], "right"))


def test_a_hand_far_away_from_its_square_of_before_is_lost() -> None:
    pair = apart(1)[0]
    jumped: Pair = {side: moved(hand, np.array([0.0, 0.0, 1.2])) for side, hand in pair.items()}
    session = Session([pair, jumped], finds=BOTH)
    session.frame(0)
    session.proposer.says[1] = {}
    assert session.frame(1) == {}


# --- looking back ---------------------------------------------------------------------------------------------------


def test_a_hand_is_followed_back() -> None:
    session = Session(apart(3))
    later = Session(session.frames).frame(2)
    back = session.run.look_back(made_picture(1), later, {}, frozenset())
    assert_like(back, session.frames[1])
    assert session.proposer.asked == []
    again = session.run.look_back(made_picture(1), later, {}, frozenset())
    for side in SIDES:
        for entry in fields(HandInFrame):
            np.testing.assert_array_equal(getattr(back[side], entry.name), getattr(again[side], entry.name))
    assert session.run.state() == Session(session.frames).run.state()


def test_a_hand_that_is_not_there_before_is_not_made_up() -> None:
    frames = apart(2)
    frames[0] = only(frames[0], "right")
    session = Session(frames)
    hands = Session(frames).frame(1)
    beside = Session(frames).frame(0)
    assert session.run.look_back(made_picture(0), only_hands(hands, "left"), beside, frozenset()) == {}


def test_looking_back_finds_no_known_hand_again() -> None:
    """The right hand of the frame lies where the left one is in the next."""
    frames = apart(2)
    there = frames[1]["left"].points_m.mean(axis=0) - frames[1]["right"].points_m.mean(axis=0)
    frames[0] = {"right": moved(frames[1]["right"], there)}
    session = Session(frames)
    session.reader.taken_for["left"] = 0.99
    later, beside = only_hands(Session(frames).frame(1), "left"), Session(frames).frame(0)
    assert set(beside) == {"right"}
    assert set(session.run.look_back(made_picture(0), later, {}, frozenset())) == {"left"}
    assert session.run.look_back(made_picture(0), later, beside, frozenset()) == {}


def only_hands(hands: dict[Side, HandInFrame], side: Side) -> dict[Side, HandInFrame]:
    return {side: hands[side]}


def test_a_side_that_the_user_said_is_believed_longer() -> None:
    frames = [only(pair, "right") for pair in apart(2)]
    session = Session(frames)
    session.reader.taken_for["left"] = 0.2
    boxes = FrameBoxes(given={"left": box_round(frames[1]["right"])})
    first = Session(frames)
    first.reader.taken_for["left"] = 0.2
    later = only_hands(first.frame(1, boxes), "left")
    assert session.run.look_back(made_picture(0), later, {}, frozenset()) == {}
    assert set(session.run.look_back(made_picture(0), later, {}, frozenset({"left"}))) == {"left"}


# --- going on, and the whole clip -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_a_run_that_goes_on_gives_what_it_would_have_given(cut: int) -> None:
    whole = apart(9)
    frames = [only(pair, "right") if 2 <= index < 5 else pair for index, pair in enumerate(whole)]
    session, first, second = Session(frames), Session(frames), Session(frames)
    expected = [session.frame(index) for index in range(9)]
    before = [first.frame(index) for index in range(cut)]
    second.run.resume(before[-1], json.loads(json.dumps(first.run.state())))
    after = [second.frame(index) for index in range(cut, 9)]
    assert first.proposer.asked + second.proposer.asked == session.proposer.asked
    for ours, theirs in zip(before + after, expected, strict=True):
        assert set(ours) == set(theirs)
        for side, hand in ours.items():
            for entry in fields(HandInFrame):
                np.testing.assert_array_equal(getattr(hand, entry.name), getattr(theirs[side], entry.name))


def test_a_clip_is_refined_with_one_shape() -> None:
    frames = apart(4)
    frames[2] = only(frames[2], "right")
    session = Session(frames)
    builder = ClipBuilder(10, 4)
    for index in range(4):
        builder.append(index, session.frame(index))
    refined = session.run.refine(builder.view())
    assert refined.present.tolist() == [[True] * 4, [True, True, False, False]]
    shapes = refined.betas[refined.present]
    np.testing.assert_allclose(shapes, np.broadcast_to(shapes[0], shapes.shape))
    assert (refined.betas[~refined.present] == 0).all()
    for index, pair in enumerate(frames):
        for row, side in enumerate(SIDES):
            if refined.present[row, index]:
                seen = CAMERA.project(refined.joints_m[row, index])
                true = CAMERA.project(pair[side].points_m)
                assert np.linalg.norm(seen - true, axis=1).mean() < 3


def test_what_the_engine_says_of_itself() -> None:
    engine = Session(apart(1)).engine
    assert engine.name == "twohand"
    assert engine.settings == {"weights": "made"}
    assert set(engine.models) == BOTH
