# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The rig an animator gets: where the bones lie, how they turn, and that making it leaves the session as it was."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Quaternion, Vector
from scene_access import current_scene, pose_of, view_layer
from take_factory import make_take, open_models
from twohand_extension.inference.hands.joints import PARENTS, SIDES, Side
from twohand_extension.inference.hands.skinning import shaped_rest
from twohand_extension.twohand_blender.scene import armature, axes, build, names


@pytest.fixture
def built(empty_file: None) -> build.BuiltHands:
    result = build.build_take(bpy.context, make_take(1), open_models())
    for rig in result.armatures.values():
        bpy.data.objects[rig].animation_data_clear()
        for bone in pose_of(bpy.data.objects[rig]).bones:
            bone.location, bone.rotation_quaternion = (0, 0, 0), (1, 0, 0, 0)
    view_layer().update()
    return result


def rig_of(built: build.BuiltHands, side: Side) -> bpy.types.Object:
    return bpy.data.objects[built.armatures[side]]


def test_names_are_a_hand_and_fifteen_fingers_and_unique_over_both_hands() -> None:
    assert names.bone_names("right")[:4] == ("hand_R", "index_01_R", "index_02_R", "index_03_R")
    assert names.bone_names("left")[13:] == ("thumb_01_L", "thumb_02_L", "thumb_03_L")
    assert len({*names.bone_names("right"), *names.bone_names("left")}) == 32


def test_armatures_sort_before_meshes() -> None:
    assert max(names.armature_name(side) for side in SIDES) < min(names.mesh_name(side) for side in SIDES)


@pytest.mark.parametrize("side", SIDES)
def test_bones_lie_on_the_rest_joints_of_the_takes_shape(built: build.BuiltHands, side: Side) -> None:
    take, model = make_take(1), open_models()[side]
    vertices, joints = shaped_rest(model, take.betas[SIDES.index(side)])
    bones = armature.rest_bones(rig_of(built, side), side)
    np.testing.assert_allclose([bone.head_local for bone in bones], axes.model_to_rest(joints), atol=1e-7)
    for tip, joint in enumerate((15, 3, 6, 12, 9)):
        expected = axes.model_to_rest(vertices[model.tip_vertices[tip]])
        np.testing.assert_allclose(bones[joint].tail_local, expected, atol=1e-7)
    for joint, bone in enumerate(bones):
        assert bone.parent == (bones[PARENTS[joint]] if joint else None)
        assert bone.use_deform
        assert bone.use_connect == (joint > 0 and PARENTS[joint] > 0)


@pytest.mark.parametrize("side", SIDES)
def test_rest_is_a_t_pose_with_the_palm_down(built: build.BuiltHands, side: Side) -> None:
    bones = armature.rest_bones(rig_of(built, side), side)
    hand, thumb = bones[0], bones[13]
    sideways = -1 if side == "right" else 1
    assert hand.vector.normalized().x * sideways > 0.98
    assert (thumb.tail_local - thumb.head_local).y < -0.01, "in front, where Blender's characters look"
    assert hand.z_axis.z < -0.9, "the palm looks down"
    assert rig_of(built, side).matrix_world.is_identity


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("joint", range(1, 16))
def test_turning_about_x_curls_the_finger_towards_the_palm(built: build.BuiltHands, side: Side, joint: int) -> None:
    rig = rig_of(built, side)
    bones = armature.pose_bones(rig, side)
    last = bones[joint + (3 - joint) % 3]
    start = last.tail.copy()
    pinky_knuckle = bones[7].head.copy()
    bones[joint].rotation_quaternion = Quaternion((1, 0, 0), math.radians(30))
    view_layer().update()
    moved = last.tail - start
    assert moved.length > 0.008
    if joint < 13:
        assert moved.normalized().z < -0.7, "down, where the palm looks"
    else:
        assert (last.tail - pinky_knuckle).length < (start - pinky_knuckle).length - 0.004, "towards the little finger"


@pytest.mark.parametrize("side", SIDES)
def test_y_runs_along_the_finger(built: build.BuiltHands, side: Side) -> None:
    for bone in armature.rest_bones(rig_of(built, side), side):
        assert (bone.matrix_local.to_3x3() @ Vector((0, 1, 0))).angle(bone.tail_local - bone.head_local) < 1e-3


def test_left_is_the_mirror_of_right(empty_file: None) -> None:
    take = make_take(1)
    take.betas[1] = take.betas[0]
    built = build.build_take(bpy.context, take, open_models())
    right, left = (armature.rest_axes(rig_of(built, side), side) for side in SIDES)
    mirror = np.diag([-1.0, 1.0, 1.0])
    # A mirrored frame is left-handed: the flexion axis X turns round, Y and Z are mirrored.
    np.testing.assert_allclose(left, mirror @ right @ np.diag([-1.0, 1.0, 1.0]), atol=1e-5)


def test_pose_bones_hold_quaternions_and_only_the_hand_moves(built: build.BuiltHands) -> None:
    for side in SIDES:
        bones = armature.pose_bones(rig_of(built, side), side)
        assert {bone.rotation_mode for bone in bones} == {"QUATERNION"}
        assert [all(bone.lock_location) for bone in bones] == [False] + [True] * 15


def test_mode_active_object_and_selection_of_the_user_stay(empty_file: None) -> None:
    scene = current_scene()
    rig_data = bpy.data.armatures.new("Mine")
    mine, other = bpy.data.objects.new("Mine", rig_data), bpy.data.objects.new("Other", None)
    for item in (mine, other):
        scene.collection.objects.link(item)
        item.select_set(True)
    view_layer().objects.active = mine
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig_data.edit_bones.new("b")
    bone.tail = (0, 0, 1)
    build.build_take(bpy.context, make_take(1), open_models())
    assert view_layer().objects.active == mine and mine.mode == "EDIT"
    assert set(view_layer().objects.selected) == {mine, other}
    assert [item.name for item in rig_data.edit_bones] == ["b"]


def test_a_collection_that_is_excluded_from_the_view_layer_is_no_obstacle(empty_file: None) -> None:
    take = make_take(1)
    first = build.build_take(bpy.context, take, open_models())
    view_layer().layer_collection.children[first.collection].exclude = True
    again = build.build_take(bpy.context, take, open_models())
    assert again == first
    assert view_layer().layer_collection.children[first.collection].exclude
    assert len(bpy.data.collections[first.collection].objects) == 5
