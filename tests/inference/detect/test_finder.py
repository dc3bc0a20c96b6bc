"""Hands in single pictures, rendered with known joints."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

ONE_HAND = ("right_spread", "left_back")
TWO_HANDS = ("two_apart", "two_fingertips")


@pytest.mark.parametrize("name", ONE_HAND)
@pytest.mark.parametrize("in_a_mirror", [False, True])
def test_one_hand_has_its_anatomical_side_and_its_joints(finder, rendered, relative_error, name, in_a_mirror):
    picture = rendered(name)
    picture = picture.mirrored() if in_a_mirror else picture
    (side,) = picture.joints_px
    found = finder.find(picture.rgb)
    assert list(found) == [side]
    assert found[side].side == side
    assert relative_error(picture, side, found[side].joints_px) < 0.06
    assert found[side].presence > 0.7
    assert found[side].joints_confidence.min() > 0.2


@pytest.mark.parametrize("name", TWO_HANDS)
@pytest.mark.parametrize("in_a_mirror", [False, True])
def test_two_hands_have_their_sides_and_their_joints(finder, rendered, relative_error, name, in_a_mirror):
    picture = rendered(name)
    picture = picture.mirrored() if in_a_mirror else picture
    found = finder.find(picture.rgb)
    assert list(found) == ["right", "left"]
    for side, observation in found.items():
        assert relative_error(picture, side, observation.joints_px) < 0.06


def test_of_crossed_hands_what_is_found_is_right(finder, rendered, relative_error):
    picture = rendered("two_crossed")
    found = finder.find(picture.rgb)
    assert "right" in found
    for side, observation in found.items():
        assert relative_error(picture, side, observation.joints_px) < 0.1


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_turned_pictures_show_the_same_hand(finder, rendered, relative_error, quarter):
    picture = rendered("right_spread")
    turned = np.ascontiguousarray(np.rot90(picture.rgb, quarter))
    found = finder.find(turned)
    assert list(found) == ["right"]
    # A point (x, y) of the picture lies at (y, W-1-x) after np.rot90.
    back = found["right"].joints_px
    for _ in range(quarter):
        back = np.stack([479 - back[:, 1], back[:, 0]], axis=1)
    assert relative_error(picture, "right", back) < 0.06


@pytest.mark.parametrize("name", ["right_spread", "two_apart"])
def test_hands_in_the_dark_are_found(finder, rendered, relative_error, name):
    picture = rendered(name)
    noise = np.random.default_rng(0).normal(0, 1.5, picture.rgb.shape)
    dark = np.clip(0.1 * picture.rgb + noise, 0, 255).astype(np.uint8)
    found = finder.find(dark)
    assert found
    for side, observation in found.items():
        assert relative_error(picture, side, observation.joints_px) < 0.08


@pytest.mark.parametrize("factor", [0.25, 6.0])
def test_small_and_large_pictures_show_the_same_hand(finder, rendered, relative_error, factor):
    picture = rendered("right_spread")
    scaled = cv2.resize(picture.rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    found = finder.find(scaled.astype(np.uint8, copy=False))
    joints = (found["right"].joints_px + 0.5) / factor - 0.5
    assert relative_error(picture, "right", joints) < 0.07


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 128, np.uint8),
        np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8),
        cv2.resize(np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8), (640, 480)),
        np.full((1, 1, 3), 200, np.uint8),
        np.full((3, 40_000, 3), 200, np.uint8),
    ],
    ids=["black", "grey", "noise", "clouds", "one pixel", "a long strip"],
)
def test_where_no_hand_is_none_is_found(finder, rgb):
    assert finder.find(rgb) == {}


def test_a_hand_painted_over_is_not_found(finder, rendered):
    picture = rendered("right_spread")
    rgb = picture.rgb.copy()
    low, high = picture.joints_px["right"].min(axis=0).astype(int), picture.joints_px["right"].max(axis=0).astype(int)
    rgb[low[1] - 20 : high[1] + 20, low[0] - 20 : high[0] + 20] = rgb[10, 10]
    assert finder.find(rgb) == {}


def box_around(joints_px, margin=12.0):
    low, high = joints_px.min(axis=0) - margin, joints_px.max(axis=0) + margin
    return (*low, *(high - low))


def test_boxes_say_where_and_which_side(finder, rendered, relative_error):
    picture = rendered("two_apart")
    boxes = {side: box_around(joints) for side, joints in picture.joints_px.items()}
    found = finder.find(picture.rgb, boxes)
    assert list(found) == ["right", "left"]
    for side, observation in found.items():
        assert relative_error(picture, side, observation.joints_px) < 0.07


def test_a_box_overrides_the_side_that_the_net_sees(finder, rendered, relative_error):
    picture = rendered("right_spread")
    found = finder.find(picture.rgb, {"left": box_around(picture.joints_px["right"])})
    assert list(found) == ["left"]
    assert relative_error(picture, "right", found["left"].joints_px) < 0.07


def test_with_a_box_for_one_hand_the_other_is_still_searched(finder, rendered, relative_error):
    picture = rendered("two_apart")
    found = finder.find(picture.rgb, {"left": box_around(picture.joints_px["left"])})
    assert list(found) == ["right", "left"]
    assert relative_error(picture, "right", found["right"].joints_px) < 0.06


@pytest.mark.parametrize("box", [(5, 5, 60, 60), (-500, -500, 50, 50), (0, 0, 0, 0), (10, 10, 1e9, 1e9)])
def test_a_box_without_a_hand_gives_none_and_is_not_replaced_by_the_detector(finder, rendered, box):
    assert finder.find(rendered("right_spread").rgb, {"right": box}) == {}


def test_points_outside_of_the_picture_weigh_little(finder, rendered):
    picture = rendered("right_spread")
    cut = int(picture.joints_px["right"][18, 1]) + 25  # below the middle fingertip
    found = finder.find(np.ascontiguousarray(picture.rgb[cut:]))
    observation = found["right"]
    assert observation.joints_px[18, 1] < 0
    assert observation.joints_confidence[18] < 0.6 * observation.joints_confidence[0]
