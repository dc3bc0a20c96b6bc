"""The engine `intershape` on made hands with a stand-in for the network: where it looks, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.clip import ClipBuilder
from inference.crops import SquareCrop
from inference.engines.answer_placement import place_answer
from inference.engines.clip_placement import weighted_median
from inference.engines.crop_answer import CropAnswer
from inference.engines.engine import FrameBoxes, HandInFrame
from inference.engines.hand_evidence import LARGEST_ERROR_SHARE, THRESHOLDS, hand_confidence, is_there
from inference.engines.intershape import InterShapeEngine, InterShapeRun, tightened
from inference.hands.joints import SIDES, Side
from inference.hands.rotations import quat_wxyz_to_matrix
from inference.hands.skinning import pose_hand
from tests.inference.engines.made_network import CAMERA, MadeDetector, MadeReader, Pair, answer_for, made_picture
from tests.inference.fit.made_hands import MadeHand, models
from tests.inference.fit.made_predictions import interacting_pair

Array = NDArray[np.float64]
BOTH: frozenset[Side] = frozenset(SIDES)


def drifting(count: int, seed: int = 3, step_m: float = 0.004) -> list[Pair]:
    """A pair of hands that moves to the right."""
    pair = interacting_pair(np.random.default_rng(seed), np.array([-0.1, 0.02, 0.75]))
    return [
        {side: moved(hand, np.array([step_m * frame, 0, 0])) for side, hand in pair.items()} for frame in range(count)
    ]


def moved(hand: MadeHand, by_m: Array) -> MadeHand:
    return replace(hand, translation_m=hand.translation_m + by_m, points_m=hand.points_m + by_m)


def only(pair: Pair, *sides: Side) -> Pair:
    return {side: pair[side] for side in sides}


class Session:
    """An engine run with its stand-ins."""

    def __init__(self, frames: Sequence[Pair], finds: frozenset[Side] = BOTH) -> None:
        self.frames = frames
        self.reader, self.detector = MadeReader(frames), MadeDetector(frames, finds)
        self.engine = InterShapeEngine(self.reader, self.detector, models(), {"network": "made"})
        self.run: InterShapeRun = self.engine.start(CAMERA)

    def frame(self, index: int, boxes: FrameBoxes | None = None) -> dict[Side, HandInFrame]:
        return self.run.reconstruct_frame(made_picture(index), boxes or FrameBoxes())

    def looks(self, frame: int) -> list[SquareCrop]:
        return [crop for seen, crop in self.reader.crops if seen == frame]


def assert_like(hands: dict[Side, HandInFrame], truth: Pair, tolerance_m: float = 5e-4) -> None:
    assert set(hands) == set(truth)
    for side, hand in hands.items():
        np.testing.assert_allclose(hand.joints_m, truth[side].points_m, atol=tolerance_m)
        np.testing.assert_allclose(hand.joints_px, CAMERA.project(truth[side].points_m), atol=0.3)


# --- one answer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corner", [(100.0, 60.0), (-150.0, -90.0), (420.0, 250.0)])
def test_an_exact_answer_is_placed_exactly(corner: tuple[float, float]) -> None:
    """Wrist to wrist to 0.1 mm and joints to 0.01 px, wherever in the picture the crop lies."""
    for seed in range(8):
        crop = SquareCrop(corner, 310.0)
        ray = np.append((np.array(crop.centre_px) - CAMERA.principal_px) / CAMERA.focal_px, 1.0)
        truth = interacting_pair(np.random.default_rng(seed), 0.7 * ray)
        placed = place_answer(answer_for(truth, crop, sure=1.0), crop, CAMERA, models(), SIDES)
        wrists = placed["left"].translation_m - placed["right"].translation_m
        expected = truth["left"].points_m[0] - truth["right"].points_m[0]
        inside = [np.all(crop.to_crop(CAMERA.project(truth[side].points_m)) >= 0) for side in SIDES]
        if not all(inside):
            continue  # peaks stop at the crop's edge
        np.testing.assert_allclose(wrists, expected, atol=1e-5)
        for side in SIDES:
            px = CAMERA.project(placed[side].joints_m)
            np.testing.assert_allclose(px, CAMERA.project(truth[side].points_m), atol=1e-3)
            np.testing.assert_allclose(placed[side].joints_m, truth[side].points_m, atol=1e-4)
            model = models()[side]
            rotations = quat_wxyz_to_matrix(placed[side].quat_wxyz)
            again = pose_hand(model, rotations, placed[side].betas, placed[side].translation_m).points_m
            np.testing.assert_allclose(again, placed[side].joints_m, atol=1e-6)


def test_a_hand_of_its_own_is_placed_by_its_own_joints() -> None:
    truth, crop = interacting_pair(np.random.default_rng(1)), SquareCrop((150.0, 50.0), 330.0)
    answer = answer_for(truth, crop)
    wrong = replace(answer, trans=np.array([2.0, 9.0, 9.0, 9.0]))
    for side in SIDES:
        placed = place_answer(wrong, crop, CAMERA, models(), [side])
        assert set(placed) == {side}
        np.testing.assert_allclose(placed[side].joints_m, truth[side].points_m, atol=1e-4)
    assert place_answer(answer, crop, CAMERA, models(), []) == {}


def test_head_and_peaks_must_both_speak_for_a_hand() -> None:
    sure = np.full(21, 0.5)
    for expected, needed in THRESHOLDS.items():
        assert is_there(0.9, sure, needed), expected
        assert not is_there(needed.head - 0.01, sure, needed)
        assert not is_there(0.9, np.full(21, needed.peak - 0.001), needed)
    few = np.concatenate([np.full(15, 0.4), np.zeros(6)])  # covered joints are no reason to doubt
    assert is_there(0.9, few, THRESHOLDS["new"])
    assert hand_confidence(0.9, sure, 0.0) == pytest.approx(0.9)
    assert hand_confidence(0.9, sure, LARGEST_ERROR_SHARE) == 0
    assert hand_confidence(0.9, np.full(21, 0.03), 0.0) < 0.1


def test_tightening_asks_for_a_crop_only_where_it_changes_something() -> None:
    truth = interacting_pair(np.random.default_rng(2), np.array([0.0, 0.0, 0.8]))
    loose = SquareCrop((0.0, -80.0), 640.0)
    tight = tightened(loose, answer_for(truth, loose))
    assert tight is not None
    assert tight.side_px < 0.7 * loose.side_px
    assert tightened(tight, answer_for(truth, tight)) is None
    assert tightened(loose, answer_for({}, loose)) is None


# --- frame after frame ----------------------------------------------------------------------------------------------


def test_the_first_frame_is_looked_at_twice_and_the_next_ones_once() -> None:
    session = Session(drifting(6))
    for index, truth in enumerate(session.frames):
        assert_like(session.frame(index), truth)
    assert session.detector.asked == [0]
    assert [len(session.looks(index)) for index in range(6)] == [2, 1, 1, 1, 1, 1]
    first, second = session.looks(0)
    assert second.side_px < first.side_px


def test_the_crop_follows_the_hands() -> None:
    session = Session(drifting(30, step_m=0.008))
    for index in range(30):
        session.frame(index)
    centres = [session.looks(index)[-1].centre_px[0] for index in range(30)]
    # The crop of a frame lies where the hands were in the one before.
    before = [CAMERA.project(session.frames[index]["right"].points_m)[:, 0].mean() for index in (0, 28)]
    assert centres[29] - centres[1] == pytest.approx(before[1] - before[0], rel=0.2)
    assert session.detector.asked == [0]


def test_hands_that_the_detector_does_not_see_are_looked_for_in_the_whole_picture() -> None:
    session = Session(drifting(1), finds=frozenset())
    assert_like(session.frame(0), session.frames[0])
    assert session.looks(0)[0].side_px == pytest.approx(640, rel=0.01)


def test_one_found_hand_is_enough_for_both() -> None:
    session = Session(drifting(1), finds=frozenset({"right"}))
    assert_like(session.frame(0), session.frames[0])


def test_a_lost_hand_is_searched_at_once_and_then_now_and_then() -> None:
    frames = drifting(14)
    frames[4:12] = [only(pair, "right") for pair in frames[4:12]]
    session = Session(frames)
    for index, truth in enumerate(frames):
        assert_like(session.frame(index), truth)
    assert session.detector.asked == [0, 4, 9]


def test_an_empty_picture_shows_nothing() -> None:
    session = Session([{}] * 7)
    assert [session.frame(index) for index in range(7)] == [{}] * 7
    assert session.detector.asked == [0, 5]


def test_a_hand_that_enters_far_away_is_found_by_the_detector() -> None:
    pair = interacting_pair(np.random.default_rng(5), np.array([-0.2, 0.0, 0.8]))
    far = moved(pair["left"], np.array([0.35, 0.05, 0.0]))
    together: Pair = {"right": pair["right"], "left": far}
    frames: list[Pair] = [*[only(pair, "right")] * 3, *[together] * 6]
    session = Session(frames)
    seen = [set(session.frame(index)) for index in range(9)]
    assert seen[2] == {"right"}
    assert seen[-1] == {"right", "left"}


# --- the user's boxes -----------------------------------------------------------------------------------------------


def box_round(hand: MadeHand) -> tuple[float, float, float, float]:
    low, high = (edge(CAMERA.project(hand.points_m), axis=0) for edge in (np.min, np.max))
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def test_boxes_say_where_to_look_without_the_detector() -> None:
    session = Session(drifting(1), finds=frozenset())
    boxes = FrameBoxes(given={side: box_round(hand) for side, hand in session.frames[0].items()})
    assert_like(session.frame(0, boxes), session.frames[0])
    assert session.detector.asked == []
    assert session.run.unread_boxes == frozenset()


def test_a_box_without_its_hand_is_told_and_no_hand_comes_of_it() -> None:
    session = Session(drifting(2))
    right = session.frames[0]["right"]
    empty = (5.0, 400.0, 60.0, 60.0)
    hands = session.frame(0, FrameBoxes(given={"right": box_round(right), "left": empty}))
    assert set(hands) == {"right"}
    assert session.run.unread_boxes == {"left"}
    assert set(session.frame(1)) == {"right", "left"}
    assert session.run.unread_boxes == frozenset()


def test_between_two_boxes_a_lost_hand_is_looked_for_there() -> None:
    pair = interacting_pair(np.random.default_rng(5), np.array([-0.2, 0.0, 0.8]))
    far = moved(pair["left"], np.array([0.35, 0.05, 0.0]))
    frames: list[Pair] = [{"right": pair["right"], "left": far}]
    plain = Session(frames, finds=frozenset({"right"}))
    assert set(plain.frame(0)) == {"right"}
    hinted = Session(frames, finds=frozenset({"right"}))
    assert "left" in hinted.frame(0, FrameBoxes(hints={"left": box_round(far), "right": box_round(pair["right"])}))


# --- stopping, looking back, refining -------------------------------------------------------------------------------


def test_a_resumed_run_goes_on_bit_for_bit() -> None:
    frames = drifting(12)
    frames[3:7] = [only(pair, "left") for pair in frames[3:7]]
    whole = Session(frames)
    results = [whole.frame(index) for index in range(12)]
    for stop in (1, 4, 6, 8):
        first, last = Session(frames), {}
        for index in range(stop):
            last = first.frame(index)
        second = Session(frames)
        second.run.resume(last, first.run.state())
        for index in range(stop, 12):
            again = second.frame(index)
            assert again.keys() == results[index].keys()
            for side, hand in again.items():
                np.testing.assert_array_equal(hand.joints_m, results[index][side].joints_m)


def test_looking_back_finds_the_hand_where_it_is_a_little_later() -> None:
    session = Session(drifting(3))
    later = session.frame(2)
    back = session.run.look_back(made_picture(1), later, {}, frozenset())
    assert_like(back, session.frames[1])
    beside: dict[Side, HandInFrame] = {"right": back["right"]}
    left = session.run.look_back(made_picture(1), {"left": later["left"]}, beside, frozenset({"left"}))
    assert_like(left, only(session.frames[1], "left"))


def test_looking_back_keeps_the_relation_to_the_other_hand() -> None:
    session = Session(drifting(3))
    later = session.frame(2)
    right = session.run.look_back(made_picture(1), later, {}, frozenset())["right"]
    shifted = replace(right, translation_m=right.translation_m + 0.01, joints_m=right.joints_m + 0.01)
    left = session.run.look_back(made_picture(1), {"left": later["left"]}, {"right": shifted}, frozenset())["left"]
    truth = session.frames[1]
    expected = truth["left"].points_m[0] - truth["right"].points_m[0]
    np.testing.assert_allclose(left.translation_m - shifted.translation_m, expected, atol=5e-4)


def test_a_hand_that_is_not_there_or_elsewhere_is_not_followed_back() -> None:
    frames = drifting(2)
    frames[0] = {"left": moved(frames[0]["left"], np.array([0.0, 0.0, 0.9]))}
    session = Session(frames)
    later = session.frame(1)
    assert session.run.look_back(made_picture(0), later, {}, frozenset()) == {}


def noisy_clip(frames: Sequence[Pair], noise: float) -> tuple[Session, Any]:
    session = Session(frames)
    rng = np.random.default_rng(0)
    builder = ClipBuilder(10)
    for index in range(len(frames)):
        hands: dict[Side, HandInFrame] = {
            side: replace(hand, betas=hand.betas + noise * rng.normal(size=10))
            for side, hand in session.frame(index).items()
        }
        builder.append(index + 1, hands)
    return session, builder.release()


def test_refining_gives_every_hand_one_shape_and_its_place_with_it() -> None:
    frames = drifting(9)
    frames[5] = only(frames[5], "left")
    session, clip = noisy_clip(frames, noise=0.1)
    refined = session.run.refine(clip)
    for index, side in enumerate(SIDES):
        seen = clip.present[index]
        assert np.ptp(refined.betas[index, seen], axis=0).max() == 0
        np.testing.assert_allclose(refined.betas[index, seen][0], frames[0][side].betas, atol=0.2)
        truth = np.array([pair[side].points_m for pair in frames if side in pair])
        np.testing.assert_allclose(refined.joints_m[index, seen], truth, atol=0.008)
        np.testing.assert_allclose(refined.translation_m[index, seen], refined.joints_m[index, seen, 0])
        np.testing.assert_array_equal(refined.quat_wxyz[index], clip.quat_wxyz[index])
        projected = CAMERA.project(refined.joints_m[index, seen])
        assert np.abs(projected - clip.joints_px[index, seen]).mean() < 1.0
    assert not refined.joints_m[0, 5].any()


def test_refining_exact_frames_changes_nothing() -> None:
    session, clip = noisy_clip(drifting(4), noise=0.0)
    refined = session.run.refine(clip)
    np.testing.assert_allclose(refined.joints_m, clip.joints_m, atol=1e-6)


def test_the_median_shape_forgets_bad_frames() -> None:
    betas = np.tile(np.arange(10.0), (9, 1))
    betas[:3] += 50
    assert weighted_median(betas, np.ones(9)).tolist() == list(range(10))
    assert weighted_median(betas, np.array([5.0] * 3 + [0.1] * 6))[0] == 50
    assert weighted_median(betas, np.zeros(9)).tolist() == list(range(10))


def test_an_answer_that_no_place_explains_is_no_hand() -> None:
    truth, crop = interacting_pair(np.random.default_rng(1)), SquareCrop((150.0, 50.0), 330.0)
    answer = answer_for(truth, crop)
    scattered: CropAnswer = replace(answer, peaks_px=np.random.default_rng(0).uniform(0, 255, (2, 21, 2)))
    placed = place_answer(scattered, crop, CAMERA, models(), SIDES)
    assert all(hand.error_share > 0.1 for hand in placed.values())
    nowhere = replace(answer, confidence=np.zeros((2, 21)))
    assert place_answer(nowhere, crop, CAMERA, models(), SIDES) == {}
