"""The armature of a hand: a `hand` bone that carries the wrist's motion, and 15 finger bones."""

from __future__ import annotations

from typing import Final

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import ArrayLike, NDArray

from ...inference.hands.joint_axes import child_points, joint_frames
from ...inference.hands.joints import JOINT_COUNT, JOINT_NAMES, PARENTS, Side
from .axes import model_to_rest
from .editing import edit_bones_of
from .names import armature_name, bone_names

_PALETTES: Final = {"wrist": 2, "thumb": 1, "index": 9, "middle": 3, "ring": 4, "pinky": 6}
"""Blender's bone colour sets by joint name without its number: fingers are told apart at a glance."""


def build_armature(context: bpy.types.Context, side: Side, rest_points_m: ArrayLike) -> bpy.types.Object:
    """An armature object with 16 deforming bones at the hand's rest joints, linked to no collection.

    Every bone's +Y runs along the finger (fingertip bones end at the fingertip) and a positive turn about its +X curls
    the finger towards the palm, on both hands (`joint_axes.joint_frames`).

    Parameters
    ----------
    context : its view layer is used to enter edit mode; mode, active object and selection are restored
    side : which hand
    rest_points_m : (21, 3) rest joints and fingertips in the model's axes, metres, for the take's shape: bones do not
        move when shape keys are changed afterwards
    """
    armature = bpy.data.armatures.new(armature_name(side))
    armature_object = bpy.data.objects.new(armature_name(side), armature)
    points = model_to_rest(rest_points_m)
    roll_axes = model_to_rest(joint_frames(rest_points_m, side)[:, :, 2])
    names, ends = bone_names(side), child_points()
    with edit_bones_of(context, armature_object) as edit_bones:
        for joint in range(JOINT_COUNT):
            bone = edit_bones.new(names[joint])
            bone.head, bone.tail = points[joint].tolist(), points[ends[joint]].tolist()
            bone.align_roll(Vector(roll_axes[joint].tolist()))
            if joint > 0:
                parent = PARENTS[joint]
                bone.parent = edit_bones[names[parent]]
                bone.use_connect = parent != 0
    armature_object.show_in_front = True
    for joint, bone in enumerate(rest_bones(armature_object, side)):
        bone.color.palette = f"THEME{_PALETTES[JOINT_NAMES[joint].rstrip('123')]:02d}"  # type: ignore[assignment]  # a literal of 20 names
    for joint, pose_bone in enumerate(pose_bones(armature_object, side)):
        pose_bone.rotation_mode = "QUATERNION"
        pose_bone.lock_location = (joint > 0,) * 3
    return armature_object


def rest_bones(armature_object: bpy.types.Object, side: Side) -> list[bpy.types.Bone]:
    """The 16 rest bones in MANO joint order."""
    armature = armature_object.data
    assert isinstance(armature, bpy.types.Armature)  # noqa: S101 - narrows the type
    return [armature.bones[name] for name in bone_names(side)]


def pose_bones(armature_object: bpy.types.Object, side: Side) -> list[bpy.types.PoseBone]:
    """The 16 pose bones in MANO joint order."""
    pose = armature_object.pose
    assert pose is not None  # noqa: S101 - every armature object has one
    return [pose.bones[name] for name in bone_names(side)]


def rest_axes(armature_object: bpy.types.Object, side: Side) -> NDArray[np.float64]:
    """(16, 3, 3) rest axes of the bones as columns, in armature axes, as Blender itself rounds them."""
    return np.array([bone.matrix_local.to_3x3() for bone in rest_bones(armature_object, side)], dtype=np.float64)


def wrist_rest_m(armature_object: bpy.types.Object, side: Side) -> NDArray[np.float64]:
    """(3,) head of the `hand` bone at rest, in armature axes, metres."""
    return np.array(rest_bones(armature_object, side)[0].head_local, dtype=np.float64)
