"""The two nets on rendered hands: palms and landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from inference.detect.crops import CropSource
from inference.detect.evidence import distance, distortion, same_hand
from inference.detect.landmark_net import LandmarkNet
from inference.detect.palm_detector import PalmDetector
from inference.detect.region import Region
from inference.hands.joints import MIDDLE_MCP


@pytest.fixture(scope="module")
def palms(weights_dir):
    return PalmDetector(weights_dir, 1, ["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def landmarks(weights_dir):
    return LandmarkNet(weights_dir, 1, ["CPUExecutionProvider"])


@pytest.mark.parametrize("turn", [0.0, 0.6, np.pi])
def test_a_palm_lies_between_wrist_and_knuckles_in_any_view(palms, rendered, turn):
    picture = rendered("right_spread")
    view = Region.whole(480, 480).scaled(1.3).turned(turn)
    found = palms.detect(CropSource(picture.rgb), [view], 0.5)
    assert len(found) == 1
    joints, size = picture.joints_px["right"], picture.hand_size_px("right")
    assert np.linalg.norm(found[0].keypoints_px[0] - joints[0]) < 0.12 * size
    assert np.linalg.norm(found[0].keypoints_px[2] - joints[MIDDLE_MCP]) < 0.12 * size
    up = joints[MIDDLE_MCP] - joints[0]
    assert abs(found[0].region.angle_rad - np.arctan2(up[0], -up[1])) < 0.3


def test_several_views_are_one_call_and_sorted_by_score(palms, rendered):
    source = CropSource(rendered("two_apart").rgb)
    whole = Region.whole(480, 480)
    found = palms.detect(source, [whole, whole.scaled(1.5)], 0.5)
    assert len(found) == 4
    assert [palm.score for palm in found] == sorted((palm.score for palm in found), reverse=True)
    assert palms.detect(source, [], 0.5) == []


def test_a_batch_gives_what_single_calls_give(landmarks, rendered):
    picture = rendered("two_apart")
    source = CropSource(picture.rgb)
    regions = [Region.from_joints(picture.joints_px[side]) for side in ("right", "left")] * 10
    together = landmarks.read(source, regions)
    alone = [landmarks.read(source, [region])[0] for region in regions[:2]]
    assert len(together) == 20
    for index, answer in enumerate(together):
        np.testing.assert_allclose(answer.joints_px, alone[index % 2].joints_px, atol=1e-2)
    assert landmarks.read(source, []) == []


def test_a_mirrored_look_is_the_look_at_the_mirrored_picture(landmarks, rendered):
    picture = rendered("right_spread")
    mirror = picture.mirrored()
    region = Region.from_joints(picture.joints_px["right"])
    mirrored_region = Region((479 - region.center_px[0], region.center_px[1]), region.side_px, -region.angle_rad)
    look = landmarks.read(CropSource(picture.rgb), [region], [True])[0]
    other = landmarks.read(CropSource(mirror.rgb), [mirrored_region])[0]
    np.testing.assert_allclose(look.joints_px, other.joints_px * [-1, 1] + [479, 0], atol=0.5)
    assert look.right_probability == pytest.approx(1 - other.right_probability, abs=0.02)
    np.testing.assert_allclose(look.joints_relative_m, other.joints_relative_m * [-1, 1, 1], atol=1e-3)


@pytest.mark.parametrize("turn", [-0.5, 0.5])
def test_the_shape_in_metres_turns_with_the_picture_not_with_the_region(landmarks, rendered, turn):
    picture = rendered("right_spread")
    region = Region.from_joints(picture.joints_px["right"])
    plain, turned = landmarks.read(CropSource(picture.rgb), [region, region.turned(turn)])
    assert same_hand(plain, turned)
    assert distance(plain, turned) < 0.03
    assert np.linalg.norm(plain.joints_relative_m - turned.joints_relative_m, axis=1)[:, None].mean() < 0.012
    assert distortion(turned) < 0.05
    wrist_to_middle = turned.joints_relative_m[18] - turned.joints_relative_m[0]
    assert 0.12 < np.linalg.norm(wrist_to_middle) < 0.22


def test_fingers_keep_their_order(landmarks, rendered):
    # Seen from the palm of an upright right hand, the thumb is rightmost, the pinky leftmost.
    picture = rendered("right_spread")
    answer = landmarks.read(CropSource(picture.rgb), [Region.from_joints(picture.joints_px["right"])])[0]
    tips_x = answer.joints_px[16:, 0]
    assert list(np.argsort(-tips_x)) == [0, 1, 2, 3, 4]
