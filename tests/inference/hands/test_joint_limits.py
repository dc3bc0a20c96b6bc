"""Joint axes and limits: part of the model, the same in its file, mirrored with it, and outside of its hash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.fit.kinematics import Skeletons
from inference.hands.joint_axes import joint_frames
from inference.hands.joint_limits import LIMITS, joint_limits, mirrored_limits
from inference.hands.joints import JOINT_NAMES, SIDES, Side
from inference.hands.model import HandModel, HandModelError
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import pose_hand
from tests.stand_in_hand import mano_like, small_hand

SHIPPED = Path(__file__).resolve().parents[3] / "weights" / "open_hand.npz"
ANATOMY = ("joint_axes", "joint_limits_rad")


def test_the_shipped_file_holds_axes_and_limits() -> None:
    with np.load(SHIPPED) as file:
        stored = {name: file[name] for name in ANATOMY}
    model = HandModel.load(SHIPPED)
    points = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    np.testing.assert_allclose(stored["joint_axes"], joint_frames(points, "right"), atol=1e-12)
    np.testing.assert_allclose(stored["joint_limits_rad"], joint_limits("right"), atol=1e-12)
    np.testing.assert_array_equal(stored["joint_axes"], model.joint_axes)


@pytest.mark.parametrize("side", SIDES)
def test_the_limits_are_the_tables_in_degrees(side: Side) -> None:
    degrees = np.rad2deg(joint_limits(side))
    np.testing.assert_allclose(degrees[0], [[-180, 180]] * 3)
    for joint, name in enumerate(JOINT_NAMES[1:], start=1):
        flexion, twist, abduction = LIMITS[name[:-1]][int(name[-1]) - 1]
        np.testing.assert_allclose(degrees[joint, 0], [flexion.low_deg, flexion.high_deg])
        for row, limit in zip(degrees[joint, 1:], (twist, abduction), strict=True):
            right = [limit.low_deg, limit.high_deg]
            np.testing.assert_allclose(row, right if side == "right" else [-right[1], -right[0]])


def test_a_model_without_them_gets_them_by_the_rule() -> None:
    model = mano_like("left")
    points = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    np.testing.assert_allclose(model.joint_axes, joint_frames(points, "left"), atol=1e-4)
    np.testing.assert_array_equal(model.joint_limits_rad, joint_limits("left"))


def test_they_come_back_from_a_file_digit_by_digit(tmp_path: Path) -> None:
    model = replace(small_hand("right"), joint_limits_rad=joint_limits("right") * 0.9)
    model.save(tmp_path / "hand.npz")
    back = HandModel.load(tmp_path / "hand.npz")
    for name in ANATOMY:
        np.testing.assert_array_equal(getattr(back, name), getattr(model, name))


def test_a_file_of_before_is_read(tmp_path: Path) -> None:
    model, path = mano_like("right"), tmp_path / "hand.npz"
    model.save(path)
    with np.load(path) as file:
        np.savez(path.with_name("before.npz"), **{name: file[name] for name in file.files if name not in ANATOMY})
    before = HandModel.load(path.with_name("before.npz"))
    np.testing.assert_array_equal(before.joint_axes, model.joint_axes)
    np.testing.assert_array_equal(before.joint_limits_rad, model.joint_limits_rad)


def test_a_take_of_before_still_names_the_same_model() -> None:
    model = small_hand("right")
    turned: Any = model.joint_axes @ rotvec_to_matrix([0.0, 0.3, 0.0])
    assert replace(model, joint_axes=turned, joint_limits_rad=joint_limits("right") / 2).sha256 == model.sha256


def test_the_mirrored_models_are_those_of_the_mirrored_rest_pose() -> None:
    right = HandModel.load(SHIPPED)
    left = right.mirrored()
    points = np.concatenate([left.joint_template, left.v_template[left.tip_vertices]])
    np.testing.assert_allclose(left.joint_axes, joint_frames(points, "left"), atol=1e-12)
    np.testing.assert_allclose(left.joint_limits_rad, joint_limits("left"), atol=1e-12)
    for name in ANATOMY:
        np.testing.assert_array_equal(getattr(left.mirrored(), name), getattr(right, name))


@pytest.mark.parametrize("end", [0, 1])
def test_the_ends_of_the_ranges_are_mirror_images(end: int) -> None:
    """Turned to the end of every range, left and right look alike: signs and ranges fit together."""
    right = HandModel.load(SHIPPED)
    points = []
    for model in (right, right.mirrored()):
        limits = model.joint_limits_rad
        # The lowest twist and abduction of one hand mirror the highest of the other.
        ends = (end,) * 3 if model.side == "right" else (end, 1 - end, 1 - end)
        angles = np.stack([limits[:, axis, which] for axis, which in enumerate(ends)], axis=-1)
        angles[0] = 0.0
        rotations = rotvec_to_matrix((model.joint_axes @ angles[..., None])[..., 0])
        points.append(pose_hand(model, rotations, np.zeros(model.shape_count), np.zeros(3)).points_m)
    np.testing.assert_allclose(points[1], points[0] * [-1, 1, 1], atol=1e-7)


def test_mirroring_limits_leaves_no_minus_zero() -> None:
    limits = mirrored_limits(joint_limits("right"))
    assert not np.any(np.signbit(limits[limits == 0]))


def test_the_fit_keeps_to_the_models_own_limits() -> None:
    right = HandModel.load(SHIPPED)
    limits = right.joint_limits_rad.copy()
    limits[2, 0] = [-0.1, 1.5]
    own = replace(right, joint_limits_rad=limits)
    for hand in (own, own.mirrored()):
        skeletons = Skeletons([hand])
        index = list(zip(skeletons.free_finger.tolist(), skeletons.free_axis.tolist(), strict=True)).index((0, 3))
        np.testing.assert_allclose(skeletons.limits[index, :2], [-0.1, 1.5], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("joint_axes", lambda array: array[:15], "has shape"),
        ("joint_axes", lambda array: array * np.nan, "not finite"),
        ("joint_axes", lambda array: array * 1.1, "no right-handed frames"),
        ("joint_axes", lambda array: array * [-1.0, 1.0, 1.0], "no right-handed frames"),
        ("joint_limits_rad", lambda array: array[..., :1], "has shape"),
        ("joint_limits_rad", lambda array: array[..., ::-1], "above its highest"),
    ],
)
def test_impossible_ones_are_refused(name: str, change: Any, sentence: str) -> None:
    model = small_hand("right")
    changes: Any = {name: change(getattr(model, name))}
    with pytest.raises(HandModelError, match=sentence):
        replace(model, **changes)
