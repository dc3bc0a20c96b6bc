"""Pose correctives that follow the bones: each shape key is driven by one element of a bone's rotation matrix.

The model adds ``posedirs . (R - I)`` of every finger joint, which is linear in R; so is the change from the model's
axes to the bone's. Written in the bone's own axes, a key's value is one element of the bone's local rotation minus the
identity, a polynomial of its quaternion: Blender evaluates such a "simple expression" without Python, also where
scripts are disabled.

The drivers read the bone's evaluated local rotation, not the quaternion property: so they follow constraints and other
rotation modes, need no unit quaternion, and survive renaming of bones.
"""

from __future__ import annotations

from typing import Final

import bpy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...inference.hands.joints import JOINT_COUNT, Side
from ...inference.hands.model import HandModel
from .axes import MODEL_TO_REST, model_to_rest
from .names import bone_name, corrective_key_name

ELEMENT_EXPRESSIONS: Final = (
    ("-2*(y*y+z*z)", "2*(x*y-w*z)", "2*(x*z+w*y)"),
    ("2*(x*y+w*z)", "-2*(x*x+z*z)", "2*(y*z-w*x)"),
    ("2*(x*z-w*y)", "2*(y*z+w*x)", "-2*(x*x+y*y)"),
)
"""R - I of a unit quaternion (w, x, y, z), row by row."""


def offsets_in_bone_axes(model: HandModel, rest_axes: ArrayLike) -> NDArray[np.float64]:
    """Corrective offsets for one unit of each element of R_bone - I.

    Parameters
    ----------
    model : its posedirs refer to R - I in the model's axes
    rest_axes : (16, 3, 3) columns = axes of the bones at rest in armature axes

    Returns
    -------
    (135, V, 3) offsets in armature axes, metres; order: joint 1..15, row, column
    """
    # R = F B F^T with the bone's axes F in model axes: (R - I)[a,b] is the sum of F[a,r] (B - I)[r,c] F[b,c].
    in_model = (MODEL_TO_REST.T @ np.asarray(rest_axes, dtype=np.float64))[1:]
    change = np.einsum("jar,jbc->jabrc", in_model, in_model).reshape(-1, 9, 9)
    vertices = len(model.v_template)
    posedirs = model.posedirs.reshape(vertices * 3, JOINT_COUNT - 1, 9).transpose(1, 0, 2)
    in_bone = (posedirs @ change).reshape(-1, vertices, 3, 9).transpose(0, 3, 1, 2)
    return model_to_rest(in_bone.reshape(-1, vertices, 3))


def add_drivers(mesh_object: bpy.types.Object, armature_object: bpy.types.Object, side: Side) -> None:
    """Drive the 135 corrective keys of a mesh by the bones of its armature."""
    mesh = mesh_object.data
    assert isinstance(mesh, bpy.types.Mesh) and mesh.shape_keys is not None  # noqa: S101 - narrows the type
    keys = mesh.shape_keys.key_blocks
    for joint in range(1, JOINT_COUNT):
        bone = bone_name(joint, side)
        for row in range(3):
            for column in range(3):
                key = keys[corrective_key_name(joint, row, column)]
                _drive(key, armature_object, bone, ELEMENT_EXPRESSIONS[row][column])


def _drive(key: bpy.types.ShapeKey, armature_object: bpy.types.Object, bone: str, expression: str) -> None:
    curve = key.driver_add("value")
    assert isinstance(curve, bpy.types.FCurve) and curve.driver is not None  # noqa: S101 - one property, one curve
    for modifier in list(curve.modifiers):  # Blender 4.5 adds one that changes nothing
        curve.modifiers.remove(modifier)
    driver = curve.driver
    driver.type = "SCRIPTED"
    for name in (letter for letter in "wxyz" if letter in expression):
        variable = driver.variables.new()
        variable.name, variable.type = name, "TRANSFORMS"
        target = variable.targets[0]
        target.id = armature_object
        target.bone_target = bone
        target.transform_type = f"ROT_{name.upper()}"  # type: ignore[assignment]  # one of the literal's names
        target.rotation_mode = "QUATERNION"
        target.transform_space = "LOCAL_SPACE"
    driver.expression = expression
