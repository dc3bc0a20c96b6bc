# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Limits on the bones: what a joint cannot do is held, what it can do is not touched."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest
from mathutils import Quaternion
from numpy.typing import NDArray
from scene_access import current_scene, evaluated, pose_of, view_layer, world_vertices_m
from take_factory import expected_vertices_m, make_take, open_models
from twohand_extension.inference.contract import Take
from twohand_extension.inference.hands import rotations
from twohand_extension.inference.hands.joint_limits import joint_limits
from twohand_extension.inference.hands.joints import SIDES, Side
from twohand_extension.twohand_blender.scene import armature, axes, build, joint_constraints, names

TOLERANCE_RAD = np.deg2rad(0.01)
TOLERANCE_M = 2e-5
"""Of a vertex, on every frame: Blender turns the rotation into Euler angles and back in single precision."""
SAME_AXES = np.tile(np.eye(3), (16, 1, 1))


def angles_within(rng: np.random.Generator, side: Side, count: int) -> NDArray[np.float64]:
    """(N, 16, 3) turns all over the allowed ranges, their ends among them."""
    limits = joint_limits(side)
    share = np.clip(rng.uniform(-0.2, 1.2, (count, 16, 3)), 0.0, 1.0)
    return limits[..., 0] + share * (limits[..., 1] - limits[..., 0])


def take_within_limits(frame_count: int, seed: int) -> Take:
    """A take of hands of any shape whose fingers go all over the limits and never beyond."""
    take, rng = make_take(frame_count, seed=seed), np.random.default_rng(seed)
    quat = take.quat_wxyz.copy()
    for hand, side in enumerate(SIDES):
        frames = open_models()[side].joint_axes
        rotvec = (frames @ angles_within(rng, side, frame_count)[..., None])[..., 0]
        quat[hand, :, 1:] = rotations.rotvec_to_quat_wxyz(rotvec)[:, 1:]
    return replace(take, quat_wxyz=quat)


def shown_rotvec(rig: bpy.types.Object, side: Side) -> NDArray[np.float64]:
    """(16, 3) how the bones stand after their constraints, as rotation vectors in their own axes."""
    posed = evaluated(rig)
    bones = [pose_of(posed).bones[name] for name in names.bone_names(side)]
    local = [
        posed.convert_space(pose_bone=bone, matrix=bone.matrix, from_space="POSE", to_space="LOCAL") for bone in bones
    ]
    return rotations.matrix_to_rotvec(np.array([matrix.to_3x3() for matrix in local], dtype=np.float64))


def limited_rig(side: Side) -> bpy.types.Object:
    take = make_take(1)
    take.betas[:] = 0.0
    built = build.build_take(bpy.context, take, open_models(), build.BuildOptions(limit_bones=True))
    rig = bpy.data.objects[built.armatures[side]]
    rig.animation_data_clear()
    return rig


def pose(rig: bpy.types.Object, side: Side, rotvec: NDArray[np.float64]) -> NDArray[np.float64]:
    for bone, quat in zip(armature.pose_bones(rig, side), rotations.rotvec_to_quat_wxyz(rotvec), strict=True):
        bone.location, bone.rotation_quaternion = (0, 0, 0), Quaternion(quat.tolist())
    view_layer().update()
    return shown_rotvec(rig, side)


def test_constraints_are_there_on_request_only(empty_file: None) -> None:
    built = build.build_take(bpy.context, make_take(1), open_models())
    assert not [
        c for rig in built.armatures.values() for b in pose_of(bpy.data.objects[rig]).bones for c in b.constraints
    ]
    built = build.build_take(bpy.context, make_take(1), open_models(), build.BuildOptions(limit_bones=True))
    for side, rig in built.armatures.items():
        hand, *fingers = armature.pose_bones(bpy.data.objects[rig], side)
        assert len(hand.constraints) == 0, "the hand goes where it likes"
        for bone in fingers:
            (constraint,) = bone.constraints
            assert isinstance(constraint, bpy.types.LimitRotationConstraint)
            assert (constraint.name, constraint.owner_space, constraint.influence) == (
                "Anatomical Limits",
                "LOCAL",
                1.0,
            )
            assert constraint.use_transform_limit, "rotating by hand stops there, too"


@pytest.mark.parametrize("side", SIDES)
def test_a_pose_within_the_limits_is_not_changed(empty_file: None, side: Side) -> None:
    rig = limited_rig(side)
    for rotvec in angles_within(np.random.default_rng(1), side, 40):
        rotvec[0] = 0.0
        np.testing.assert_allclose(pose(rig, side, rotvec), rotvec, atol=TOLERANCE_RAD)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("end", [0, 1])
def test_a_hinge_is_held_at_its_limit(empty_file: None, side: Side, end: int) -> None:
    limits, rig = joint_limits(side), limited_rig(side)
    hinges = [joint for joint in range(1, 16) if joint % 3 != 1 and joint != 14]
    rotvec = np.zeros((16, 3))
    rotvec[hinges, 0] = limits[hinges, 0, end] + (np.deg2rad(35.0) if end else -np.deg2rad(35.0))
    shown = pose(rig, side, rotvec)
    np.testing.assert_allclose(shown[hinges, 0], limits[hinges, 0, end], atol=TOLERANCE_RAD)
    np.testing.assert_allclose(shown[hinges, 1:], 0.0, atol=TOLERANCE_RAD)


@pytest.mark.parametrize("side", SIDES)
def test_a_hinge_neither_spreads_nor_twists(empty_file: None, side: Side) -> None:
    rig = limited_rig(side)
    rotvec = np.zeros((16, 3))
    rotvec[2], rotvec[15] = [0.0, 0.4, 0.0], [0.0, 0.0, -0.5]
    np.testing.assert_allclose(pose(rig, side, rotvec), 0.0, atol=TOLERANCE_RAD)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("end", [0, 1])
def test_a_knuckle_is_held_where_the_ranges_of_all_its_poses_end(
    empty_file: None, side: Side, axis: int, end: int
) -> None:
    rig = limited_rig(side)
    held = joint_constraints.euler_limits(joint_limits(side), SAME_AXES)
    knuckles = [1, 4, 7, 10, 13, 14]
    rotvec = np.zeros((16, 3))
    rotvec[knuckles, axis] = held[knuckles, axis, end] + (0.4 if end else -0.4)
    expected = np.zeros((16, 3))
    expected[knuckles, axis] = held[knuckles, axis, end]
    np.testing.assert_allclose(pose(rig, side, rotvec), expected, atol=TOLERANCE_RAD)


@pytest.mark.parametrize("side", SIDES)
def test_the_ranges_hold_every_allowed_pose_and_not_much_more(side: Side) -> None:
    limits = joint_limits(side)
    held = joint_constraints.euler_limits(limits, SAME_AXES)
    for rotvec in angles_within(np.random.default_rng(2), side, 4000):
        angles = joint_constraints.euler_angles(rotations.rotvec_to_matrix(rotvec[1:]))
        assert np.all(angles > held[1:, :, 0] - 1e-9) and np.all(angles < held[1:, :, 1] + 1e-9)
    wider = np.rad2deg(np.abs(held - limits)).max(axis=-1)
    hinges = [joint for joint in range(1, 16) if joint % 3 != 1 and joint != 14]
    assert wider[hinges].max() < 0.006
    assert wider[[1, 4, 7, 10], 0].max() < 8.0 and wider[13].max() < 16.5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_animation_within_the_limits_is_reproduced(empty_file: None, seed: int) -> None:
    take = take_within_limits(12, seed)
    built = build.build_take(bpy.context, take, open_models(), build.BuildOptions(limit_bones=True))
    for hand, side in enumerate(SIDES):
        expected = axes.camera_to_world(expected_vertices_m(take, hand))
        for index, frame in enumerate(take.frames):
            current_scene().frame_set(int(frame))
            error = np.linalg.norm(world_vertices_m(built.meshes[side]) - expected[index], axis=1)
            assert error.max() < TOLERANCE_M


def test_what_is_keyed_stays_and_shows_again_without_the_constraint(empty_file: None) -> None:
    rig = limited_rig("right")
    rotvec = np.zeros((16, 3))
    rotvec[2, 0] = 2.5
    assert pose(rig, "right", rotvec)[2, 0] < 2.1
    bone = pose_of(rig).bones["index_02_R"]
    bone.constraints[0].enabled = False
    view_layer().update()
    np.testing.assert_allclose(shown_rotvec(rig, "right")[2, 0], 2.5, atol=1e-5)
