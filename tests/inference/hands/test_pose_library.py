"""The named poses: within what joints can do, what their names say, the same in the shipped file, on both hands."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.hands.joint_limits import joint_limits
from inference.hands.joints import SIDES, TIP_NAMES, Side
from inference.hands.model import HandModel
from inference.hands.open_hand import load_hand_models
from inference.hands.pose_library import POSES, Finger, Thumb, joint_quat_wxyz, local_quat_wxyz, pose_angles_rad
from inference.hands.rotations import quat_wxyz_to_matrix
from inference.hands.skinning import pose_hand
from tests.stand_in_hand import mano_like
from tools import build_pose_library
from tools.open_hand.overlap import deepest_overlaps_m, in_millimetres

WEIGHTS = Path(__file__).resolve().parents[3] / "weights"
FILE = WEIGHTS / "open_hand_poses.npz"
TIPS = [f"{name.removesuffix('_tip')}" for name in TIP_NAMES]


@cache
def models() -> dict[Side, HandModel]:
    return load_hand_models(WEIGHTS)


def points_m(name: str, model: HandModel) -> NDArray[np.float64]:
    matrices = quat_wxyz_to_matrix(local_quat_wxyz(POSES[name], model))
    return pose_hand(model, matrices, np.zeros(model.shape_count), np.zeros(3)).points_m


def extended(name: str) -> set[str]:
    """The fingers that are stretched out; a thumb is where its tip keeps away from the palm."""
    posed, flat = points_m(name, models()["right"]), points_m("flat", models()["right"])
    found = set()
    for tip, (finger, knuckle) in enumerate(zip(TIPS, (4, 1, 4, 10, 7), strict=True)):
        out, full = (points[16 + tip] - points[knuckle] for points in (posed, flat))
        reach, along = np.linalg.norm(out) / np.linalg.norm(full), out @ full / (full @ full)
        if reach > 0.96 and (finger == "thumb" or along > 0.8):
            found.add(finger)
    return found


def test_there_are_24_different_poses() -> None:
    assert len(POSES) == 24
    angles = np.stack([pose_angles_rad(pose) for pose in POSES.values()])
    apart = np.rad2deg(np.abs(angles[:, None] - angles[None]).max(axis=(2, 3))) + 180 * np.eye(24)
    assert apart.min() > 5.0
    assert all(name.replace("_", "").isalpha() and name.islower() for name in POSES)
    assert len({pose.description for pose in POSES.values()}) == 24


@pytest.mark.parametrize("name", POSES)
def test_every_angle_lies_within_the_limits(name: str) -> None:
    angles, limits = pose_angles_rad(POSES[name]), joint_limits("right")
    assert np.all(angles >= limits[..., 0] - 1e-12) and np.all(angles <= limits[..., 1] + 1e-12)
    assert not angles[0].any(), "the wrist is not turned"


@pytest.mark.parametrize(
    ("name", "fingers"),
    [
        ("flat", {"thumb", "index", "middle", "ring", "pinky"}),
        ("fist", set()),
        ("point", {"index"}),
        ("peace", {"index", "middle"}),
        ("horns", {"index", "pinky"}),
        ("i_love_you", {"thumb", "index", "pinky"}),
        ("call_me", {"thumb", "pinky"}),
        ("thumbs_up", {"thumb"}),
        ("count_one", {"index"}),
        ("count_two", {"index", "middle"}),
        ("count_three", {"index", "middle", "ring"}),
        ("count_four", {"index", "middle", "ring", "pinky"}),
        ("count_five", {"thumb", "index", "middle", "ring", "pinky"}),
    ],
)
def test_the_fingers_that_a_name_speaks_of_are_out(name: str, fingers: set[str]) -> None:
    assert extended(name) == fingers


@pytest.mark.parametrize("name", ["pinch", "ok", "grasp_pen"])
def test_thumb_and_index_finger_meet(name: str) -> None:
    points = points_m(name, models()["right"])
    assert np.linalg.norm(points[16] - points[17]) < 0.022, "as far apart as two fingertips that touch are thick"


@pytest.mark.parametrize("name", POSES)
def test_no_finger_is_in_another_or_in_the_palm(name: str) -> None:
    """Skin that presses on skin gives way by a millimetre; two fingers that cross are five deep."""
    model = models()["right"]
    matrices = quat_wxyz_to_matrix(local_quat_wxyz(POSES[name], model))
    posed = pose_hand(model, matrices, np.zeros(model.shape_count), np.zeros(3))
    deepest = deepest_overlaps_m(model, posed.vertices_m)
    assert max(deepest.values(), default=0.0) < 0.0015, in_millimetres(deepest)


def test_the_overlap_of_two_fingers_is_measured() -> None:
    model = models()["right"]
    assert deepest_overlaps_m(model, model.v_template) == {}
    crossed = replace(
        POSES["flat"], index=Finger(0.0, 0.0, 0.0, 18.0), middle=Finger(0.0, 0.0, 0.0, -18.0), thumb=Thumb()
    )
    matrices = quat_wxyz_to_matrix(local_quat_wxyz(crossed, model))
    deepest = deepest_overlaps_m(model, pose_hand(model, matrices, np.zeros(10), np.zeros(3)).vertices_m)
    assert set(deepest) == {("index", "middle"), ("middle", "index")}
    assert 0.004 < deepest["index", "middle"] < 0.009, "as deep as half a finger is thick"
    assert in_millimetres(deepest).startswith(("index in middle", "middle in index"))


def test_spread_fingers_are_further_apart_than_flat_ones() -> None:
    flat, spread = (points_m(name, models()["right"])[17:] for name in ("flat", "spread"))
    assert np.all(
        np.linalg.norm(np.diff(spread, axis=0), axis=1) > np.linalg.norm(np.diff(flat, axis=0), axis=1) + 0.01
    )


@pytest.mark.parametrize("name", POSES)
def test_the_left_hand_shows_the_mirror_image(name: str) -> None:
    right, left = (points_m(name, models()[side]) for side in SIDES)
    np.testing.assert_allclose(left, right * [-1, 1, 1], atol=1e-9)
    np.testing.assert_allclose(
        local_quat_wxyz(POSES[name], models()["left"]),
        local_quat_wxyz(POSES[name], models()["right"]) * [1, 1, -1, -1],
        atol=1e-9,
    )


@pytest.mark.parametrize("side", SIDES)
def test_joints_in_their_own_frames_and_in_the_models_are_one_rotation(side: Side) -> None:
    model = mano_like(side)
    own = quat_wxyz_to_matrix(joint_quat_wxyz(POSES["ok"], side))
    expected = model.joint_axes @ own @ np.swapaxes(model.joint_axes, -1, -2)
    np.testing.assert_allclose(quat_wxyz_to_matrix(local_quat_wxyz(POSES["ok"], model)), expected, atol=1e-9)


def test_the_shipped_file_holds_the_poses() -> None:
    with np.load(FILE, allow_pickle=False) as file:
        assert file["names"].tolist() == list(POSES)
        assert file["descriptions"].tolist() == [pose.description for pose in POSES.values()]
        assert str(file["licence"]) == "CC0-1.0"
        quat = np.stack([local_quat_wxyz(pose, models()["right"]) for pose in POSES.values()])
        angles = np.stack([pose_angles_rad(pose) for pose in POSES.values()])
        np.testing.assert_allclose(file["quat_wxyz"], quat, atol=1e-6)
        np.testing.assert_allclose(file["angles_rad"], angles, atol=1e-6)
        assert (file["thumbnails"].shape, file["thumbnails"].dtype) == ((24, 96, 96, 4), np.uint8)
    listed = dict(line.split()[::-1] for line in (WEIGHTS / "SHA256SUMS").read_text().splitlines())
    assert listed[FILE.name] == hashlib.sha256(FILE.read_bytes()).hexdigest()


def test_the_tool_makes_the_shipped_thumbnails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_pose_library, "POSES", {"horns": POSES["horns"]})
    made = build_pose_library.thumbnail(build_pose_library.pictures(models()["right"])["horns"])
    with np.load(FILE, allow_pickle=False) as file:
        shipped = file["thumbnails"][file["names"].tolist().index("horns")]
    # A vertex that lies on the border between two pixels may fall to either side on another machine.
    assert np.mean(np.abs(made.astype(int) - shipped.astype(int)) > 8) < 0.01
