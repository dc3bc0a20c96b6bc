"""Posing in numpy and in torch: against smplx, and by the laws that any posing of a hand obeys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import smplx
import torch
from hypothesis import given
from numpy.typing import NDArray

from inference.hands.joints import JOINT_COUNT, PARENTS, SIDES, SKELETON_EDGES, Side
from inference.hands.model import HandModel
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import PosedHand, forward_kinematics, pose_hand, shaped_rest
from inference.hands.torch_layer import HandLayer, PoseOrigin
from tests.rotation_strategies import hand_poses, rotvecs
from tests.stand_in_hand import mano_like, small_hand, write_mano_pickle

Array = NDArray[np.float64]
FRAMES = 6
SMPLX_TOLERANCE_M = 1e-6
EXACT_M = 1e-13
MIRROR = np.array([-1.0, 1.0, 1.0])
OPEN_HAND = Path(__file__).resolve().parents[3] / "weights" / "open_hand.npz"


@dataclass
class Motion:
    """Random strong poses of one clip."""

    rotvec: Array
    betas: Array
    wrist_m: Array


def random_motion(shapes: int, spread_rad: float = 0.6) -> Motion:
    rng = np.random.default_rng(3)
    return Motion(
        rng.normal(0, spread_rad, (FRAMES, JOINT_COUNT, 3)),
        rng.normal(0, 1.5, (FRAMES, shapes)),
        rng.normal(0, 0.3, (FRAMES, 3)),
    )


def add_mean(model: HandModel, rotvec: Array) -> Array:
    return np.concatenate([rotvec[..., :1, :], rotvec[..., 1:, :] + model.pose_mean_rotvec], axis=-2)


def pose_with_smplx(folder: Path, side: Side, motion: Motion, transl: Array, origin: PoseOrigin) -> PosedHand:
    """The reference; its 16 joints and, as fingertips, the vertices that our model names."""
    layer = smplx.MANO(
        str(write_mano_pickle(folder, side)),
        is_rhand=side == "right",
        use_pca=False,
        flat_hand_mean=origin == "flat",
        batch_size=FRAMES,
        dtype=torch.float64,
    )
    with torch.no_grad():
        output = layer(
            betas=torch.tensor(motion.betas),
            global_orient=torch.tensor(motion.rotvec[:, 0]),
            hand_pose=torch.tensor(motion.rotvec[:, 1:].reshape(FRAMES, 45)),
            transl=torch.tensor(transl),
        )
    vertices = output.vertices.numpy()
    tips = vertices[:, mano_like(side).tip_vertices]
    return PosedHand(vertices, np.concatenate([output.joints.numpy()[:, :JOINT_COUNT], tips], axis=1))


@pytest.mark.parametrize("origin", ["flat", "mean"])
@pytest.mark.parametrize("side", SIDES)
def test_numpy_posing_equals_smplx(tmp_path: Path, side: Side, origin: PoseOrigin) -> None:
    model = mano_like(side)
    motion = random_motion(model.shape_count)
    _, rest_joints = shaped_rest(model, motion.betas)
    # smplx moves the hand from where it rests; we say where the wrist is: wrist = transl + J0(betas).
    expected = pose_with_smplx(tmp_path, side, motion, motion.wrist_m - rest_joints[:, 0], origin)
    rotvec = motion.rotvec if origin == "flat" else add_mean(model, motion.rotvec)
    posed = pose_hand(model, rotvec_to_matrix(rotvec), motion.betas, motion.wrist_m)
    np.testing.assert_allclose(posed.vertices_m, expected.vertices_m, rtol=0, atol=SMPLX_TOLERANCE_M)
    np.testing.assert_allclose(posed.points_m, expected.points_m, rtol=0, atol=SMPLX_TOLERANCE_M)
    np.testing.assert_allclose(posed.points_m[:, 0], motion.wrist_m, rtol=0, atol=EXACT_M)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("origin", ["flat", "mean"])
@pytest.mark.parametrize("side", SIDES)
def test_torch_posing_equals_smplx(tmp_path: Path, side: Side, origin: PoseOrigin, dtype: torch.dtype) -> None:
    model = mano_like(side)
    motion = random_motion(model.shape_count)
    _, rest_joints = shaped_rest(model, motion.betas)
    expected = pose_with_smplx(tmp_path, side, motion, motion.wrist_m - rest_joints[:, 0], origin)
    layer = HandLayer(model, dtype)
    rotvec, betas, wrist_m = (torch.tensor(a, dtype=dtype) for a in (motion.rotvec, motion.betas, motion.wrist_m))
    posed = layer(layer.rotations_from_rotvec(rotvec, origin), betas, wrist_m)
    np.testing.assert_allclose(posed.vertices_m, expected.vertices_m, rtol=0, atol=SMPLX_TOLERANCE_M)
    np.testing.assert_allclose(posed.points_m, expected.points_m, rtol=0, atol=SMPLX_TOLERANCE_M)


@pytest.mark.parametrize("side", SIDES)
def test_numpy_and_torch_agree_on_the_shipped_hand(side: Side) -> None:
    right = HandModel.load(OPEN_HAND)
    model = right if side == "right" else right.mirrored()
    motion = random_motion(model.shape_count)
    posed = pose_hand(model, rotvec_to_matrix(motion.rotvec), motion.betas, motion.wrist_m)
    layer = HandLayer(model, torch.float64)
    rotations = layer.rotations_from_rotvec(torch.tensor(motion.rotvec), "flat")
    in_torch = layer(rotations, torch.tensor(motion.betas), torch.tensor(motion.wrist_m))
    np.testing.assert_allclose(in_torch.vertices_m, posed.vertices_m, rtol=0, atol=EXACT_M)
    np.testing.assert_allclose(in_torch.points_m, posed.points_m, rtol=0, atol=EXACT_M)


def test_a_hand_at_rest_is_the_shaped_template_moved_to_the_wrist() -> None:
    model = small_hand("right")
    betas, wrist = np.linspace(-2, 2, model.shape_count), np.array([0.1, -0.2, 0.7])
    vertices, joints = shaped_rest(model, betas)
    posed = pose_hand(model, np.tile(np.eye(3), (JOINT_COUNT, 1, 1)), betas, wrist)
    np.testing.assert_allclose(posed.vertices_m, vertices - joints[0] + wrist, rtol=0, atol=EXACT_M)
    np.testing.assert_allclose(posed.points_m[:JOINT_COUNT], joints - joints[0] + wrist, rtol=0, atol=EXACT_M)


@given(hand_poses())
def test_a_mirrored_pose_gives_exactly_the_mirrored_hand(rotvec: Array) -> None:
    right = small_hand("right")
    betas, wrist = np.linspace(-1, 2, right.shape_count), np.array([0.3, 0.1, -0.2])
    posed_right = pose_hand(right, rotvec_to_matrix(rotvec), betas, wrist)
    posed_left = pose_hand(right.mirrored(), rotvec_to_matrix(rotvec * [1, -1, -1]), betas, wrist * MIRROR)
    np.testing.assert_array_equal(posed_left.vertices_m, posed_right.vertices_m * MIRROR)
    np.testing.assert_array_equal(posed_left.points_m, posed_right.points_m * MIRROR)


@given(hand_poses(), rotvecs())
def test_turning_the_whole_hand_turns_every_point_about_the_origin_of_the_wrist(rotvec: Array, turn: Array) -> None:
    model = small_hand("right")
    betas, wrist, moved = np.ones(model.shape_count), np.array([0.1, 0.2, 0.3]), np.array([-1.0, 0.5, 2.0])
    local, turn_matrix = rotvec_to_matrix(rotvec), rotvec_to_matrix(turn)
    before = pose_hand(model, local, betas, wrist)
    turned = local.copy()
    turned[0] = turn_matrix @ local[0]
    after = pose_hand(model, turned, betas, moved)
    expected = (before.vertices_m - wrist) @ turn_matrix.T + moved
    np.testing.assert_allclose(after.vertices_m, expected, rtol=0, atol=EXACT_M)


@given(hand_poses())
def test_bones_keep_their_length_in_every_pose(rotvec: Array) -> None:
    _, rest = shaped_rest(small_hand("left"), np.full(10, 0.7))
    _, joints = forward_kinematics(rotvec_to_matrix(rotvec), rest, np.zeros(3))
    children = np.arange(1, JOINT_COUNT)
    parents = np.array(PARENTS)[1:]
    np.testing.assert_allclose(
        np.linalg.norm(joints[children] - joints[parents], axis=-1),
        np.linalg.norm(rest[children] - rest[parents], axis=-1),
        atol=EXACT_M,
    )


def test_turning_a_joint_moves_only_what_hangs_on_it() -> None:
    model = mano_like("right")
    rest = pose_hand(model, np.tile(np.eye(3), (JOINT_COUNT, 1, 1)), np.zeros(10), np.zeros(3)).points_m
    children: dict[int, set[int]] = {joint: set() for joint in range(JOINT_COUNT)}
    for parent, child in reversed(SKELETON_EDGES[: JOINT_COUNT - 1]):
        children[parent] |= {child} | children[child]
    for joint in range(JOINT_COUNT):
        rotvec = np.zeros((JOINT_COUNT, 3))
        rotvec[joint] = [0.3, 0.8, -0.5]
        _, moved = forward_kinematics(rotvec_to_matrix(rotvec), model.joint_template, np.zeros(3))
        stayed = np.linalg.norm(moved - rest[:JOINT_COUNT], axis=-1) < 1e-9
        assert set(np.flatnonzero(~stayed)) == children[joint]


def test_leading_shapes_broadcast_in_numpy_and_torch() -> None:
    model = small_hand("right")
    rng = np.random.default_rng(1)
    local = rotvec_to_matrix(rng.normal(0, 0.5, (4, JOINT_COUNT, 3)))
    betas = rng.normal(size=(3, 1, model.shape_count))
    wrist = rng.normal(size=3)
    posed = pose_hand(model, local, betas, wrist)
    in_torch = HandLayer(model, torch.float64)(torch.tensor(local), torch.tensor(betas), torch.tensor(wrist))
    assert posed.vertices_m.shape == (3, 4, 40, 3)
    assert posed.points_m.shape == (3, 4, 21, 3)
    single = pose_hand(model, local[2], betas[1, 0], wrist)
    np.testing.assert_allclose(posed.vertices_m[1, 2], single.vertices_m, rtol=0, atol=EXACT_M)
    np.testing.assert_allclose(in_torch.vertices_m, posed.vertices_m, rtol=0, atol=EXACT_M)
    np.testing.assert_allclose(in_torch.points_m, posed.points_m, rtol=0, atol=EXACT_M)
