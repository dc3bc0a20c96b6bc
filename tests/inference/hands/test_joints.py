"""Joint orders agree with the names, the tree, and the frames that give every joint its bending axis."""

from __future__ import annotations

import numpy as np
import pytest

from inference.hands import joints
from inference.hands.joint_axes import joint_frames
from inference.hands.joints import JOINT_COUNT, JOINT_NAMES, PARENTS, POINT_NAMES, Side
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import pose_hand
from tests.stand_in_hand import mano_like

OPENPOSE_NAMES = ["wrist"] + [
    f"{finger}{part}" for finger in ("thumb", "index", "middle", "ring", "pinky") for part in ("1", "2", "3", "_tip")
]
INTERHAND_NAMES = [
    f"{finger}{part}" for finger in ("thumb", "index", "middle", "ring", "pinky") for part in ("_tip", "3", "2", "1")
] + ["wrist"]


def test_every_finger_is_a_chain_from_the_wrist() -> None:
    assert PARENTS[0] == -1
    for joint, name in enumerate(JOINT_NAMES[1:], start=1):
        finger, segment = name[:-1], int(name[-1])
        parent = JOINT_NAMES[PARENTS[joint]]
        assert parent == ("wrist" if segment == 1 else f"{finger}{segment - 1}")
        assert PARENTS[joint] < joint


def test_tips_belong_to_the_last_joint_of_their_finger() -> None:
    for tip, parent in zip(joints.TIP_NAMES, joints.TIP_PARENTS, strict=True):
        assert JOINT_NAMES[parent] == tip.replace("_tip", "3")
    assert POINT_NAMES[joints.MIDDLE_MCP] == "middle1"


@pytest.mark.parametrize(
    ("order", "names"),
    [(joints.MANO_TO_OPENPOSE, OPENPOSE_NAMES), (joints.MANO_TO_INTERHAND, INTERHAND_NAMES)],
    ids=["openpose", "interhand"],
)
def test_reordered_points_carry_the_names_of_the_other_order(order: np.ndarray, names: list[str]) -> None:
    assert [POINT_NAMES[point] for point in order] == names
    assert sorted(order) == list(range(joints.POINT_COUNT))


def test_openpose_order_and_back_is_the_identity() -> None:
    points = np.arange(joints.POINT_COUNT)
    np.testing.assert_array_equal(points[joints.MANO_TO_OPENPOSE][joints.OPENPOSE_TO_MANO], points)
    np.testing.assert_array_equal(points[joints.OPENPOSE_TO_MANO][joints.MANO_TO_OPENPOSE], points)


def test_skeleton_edges_form_one_tree_over_all_points() -> None:
    reached = {0}
    for parent, child in joints.SKELETON_EDGES:
        assert parent in reached
        assert child not in reached
        reached.add(child)
    assert reached == set(range(joints.POINT_COUNT))


@pytest.mark.parametrize("side", ["right", "left"])
def test_joint_frames_are_rotations_with_y_along_the_bone(side: Side) -> None:
    model = mano_like(side)
    points = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    frames = joint_frames(points, side)
    np.testing.assert_allclose(
        np.swapaxes(frames, -1, -2) @ frames, np.tile(np.eye(3), (JOINT_COUNT, 1, 1)), atol=1e-14
    )
    np.testing.assert_allclose(np.linalg.det(frames), 1, atol=1e-14)
    for parent, child in joints.SKELETON_EDGES:
        if parent != 0:
            bone = points[child] - points[parent]
            np.testing.assert_allclose(frames[parent, :, 1], bone / np.linalg.norm(bone), atol=1e-14)


def test_left_frames_are_the_mirror_image_of_right_frames() -> None:
    model = mano_like("right")
    points = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    right, left = joint_frames(points, "right"), joint_frames(points * [-1, 1, 1], "left")
    mirror = np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(left[..., 1], right[..., 1] * mirror, atol=1e-14)  # bones
    np.testing.assert_allclose(left[..., 2], right[..., 2] * mirror, atol=1e-14)  # where curling goes
    np.testing.assert_allclose(left[..., 0], -right[..., 0] * mirror, atol=1e-14)  # an axis mirrors with a sign


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_positive_turn_about_x_curls_the_long_fingers_to_the_palm(side: Side) -> None:
    model = mano_like(side)
    points = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    frames = joint_frames(points, side)
    across = np.cross(points[1] - points[0], points[7] - points[0])
    palm = across / np.linalg.norm(across) * (1 if side == "right" else -1)
    for base in (1, 4, 7, 10):
        rotvec = np.zeros((JOINT_COUNT, 3))
        rotvec[base] = 0.5 * frames[base, :, 0]
        posed = pose_hand(model, rotvec_to_matrix(rotvec), np.zeros(model.shape_count), model.joint_template[0])
        moved = posed.points_m[base + 2] - points[base + 2]
        assert moved @ palm > 0.01
