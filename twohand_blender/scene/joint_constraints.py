"""Optional constraints that hold the finger bones within what joints can do."""

from __future__ import annotations

from typing import Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.hands.joints import JOINT_COUNT
from ...inference.hands.model import HandModel
from ...inference.hands.rotations import rotvec_to_matrix
from .armature import pose_bones, rest_axes
from .axes import MODEL_TO_REST

Array = NDArray[np.float64]

CONSTRAINT_NAME: Final = "Anatomical Limits"
EULER_ORDER: Final = "YZX"
"""Twist first, then abduction, then flexion. These angles exist for every pose of a hand: the order breaks down only
where a finger is spread by 90 degrees (in Blender's usual XYZ it would be at 90 degrees of twist, but flexion and
abduction would change places in a fist)."""

_STEPS: Final = {0: 1, 1: 65, 2: 17, 3: 9}
"""Samples of each range, by how many axes the joint turns about."""
_MARGIN_RAD: Final = {0: 0.0, 1: np.deg2rad(0.005), 2: np.deg2rad(0.1), 3: np.deg2rad(0.1)}
"""More than what the extremes can lie beyond the samples (measured: 0.07 degrees with nine samples)."""


def add_joint_constraints(armature_object: bpy.types.Object, model: HandModel) -> None:
    """Give each finger bone a Limit Rotation constraint, which Blender's rotation tools respect as well.

    What the animator keys stays as it is; the bone shows it held at the limits. The limits are those of
    `euler_limits`: no pose within the model's limits is changed.

    Parameters
    ----------
    armature_object : made by `armature.build_armature`, for any shape of the model
    model : its `joint_axes` and `joint_limits_rad` count
    """
    bone_axes = MODEL_TO_REST.T @ rest_axes(armature_object, model.side)
    held = euler_limits(model.joint_limits_rad, np.swapaxes(bone_axes, -1, -2) @ model.joint_axes)
    for joint, bone in enumerate(pose_bones(armature_object, model.side)):
        if joint == 0:
            continue
        constraint = bone.constraints.new("LIMIT_ROTATION")
        assert isinstance(constraint, bpy.types.LimitRotationConstraint)  # noqa: S101 - narrows the type
        constraint.name = CONSTRAINT_NAME
        constraint.owner_space = "LOCAL"
        constraint.euler_order = EULER_ORDER
        constraint.use_transform_limit = True
        constraint.use_legacy_behavior = False
        for axis, (low, high) in zip("xyz", held[joint].tolist(), strict=True):
            setattr(constraint, f"use_limit_{axis}", True)
            setattr(constraint, f"min_{axis}", low)
            setattr(constraint, f"max_{axis}", high)


def euler_limits(limits_rad: Array, joint_to_bone: Array) -> Array:
    """(16, 3, 2) the smallest ranges of Euler angles about a bone's X, Y and Z that hold every allowed pose.

    The model's limits bound the components of a rotation vector. In a hinge these are Euler angles; where a joint
    also spreads and twists the angles mix, and the ranges are up to 8 degrees wider at the knuckles and 16 at the base
    of the thumb. The bones of a take's shape point a little (2 degrees at most) off those of the mean shape, whose
    axes the limits refer to: that widens them, too.

    Parameters
    ----------
    limits_rad : (16, 3, 2) lowest and highest flexion, twist and abduction
    joint_to_bone : (16, 3, 3) turns the model's joint axes, to which the limits refer, into the bone's
    """
    held = np.array(limits_rad, dtype=np.float64)
    for joint in range(1, JOINT_COUNT):
        free = int(np.count_nonzero(limits_rad[joint, :, 1] > limits_rad[joint, :, 0]))
        steps = [np.linspace(low, high, _STEPS[free] if high > low else 1) for low, high in limits_rad[joint]]
        poses = rotvec_to_matrix(np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3))
        angles = euler_angles(joint_to_bone[joint] @ poses @ joint_to_bone[joint].T)
        held[joint] = np.stack([angles.min(axis=0) - _MARGIN_RAD[free], angles.max(axis=0) + _MARGIN_RAD[free]], axis=1)
    return held


def euler_angles(matrices: Array) -> Array:
    """(..., 3) angles about X, Y and Z of rotations (..., 3, 3) in the order YZX: R = Rx Rz Ry."""
    about_x = np.arctan2(matrices[..., 2, 1], matrices[..., 1, 1])
    about_y = np.arctan2(matrices[..., 0, 2], matrices[..., 0, 0])
    about_z = -np.arcsin(np.clip(matrices[..., 0, 1], -1.0, 1.0))
    return np.stack([about_x, about_y, about_z], axis=-1)
