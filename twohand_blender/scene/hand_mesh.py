"""The skinned mesh of a hand: polygons, UVs, vertex groups, shape components and pose correctives as shape keys."""

from __future__ import annotations

from typing import Final

import bpy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...inference.hands.joints import JOINT_COUNT
from ...inference.hands.model import HandModel
from .axes import model_to_rest
from .material import ZONES_ATTRIBUTE
from .names import bone_names, corrective_key_name, mesh_name, shape_key_name
from .skin_zones import skin_zones

SHAPE_RANGE: Final = 5.0
"""Slider range of the shape components; larger values of a take widen it."""
LARGEST_SHAPE_VALUE: Final = 10.0
"""Blender lets no shape key go further."""
CORRECTIVE_RANGE: Final = 2.0
"""The elements of R - I lie within -2 and 1."""


def build_mesh(
    model: HandModel, betas: ArrayLike, corrective_offsets_m: NDArray[np.float64], armature_object: bpy.types.Object
) -> bpy.types.Object:
    """A mesh object skinned to an armature, linked to no collection.

    The basis is the model's mean shape; the take's shape is the value of the keys ``shape_00`` .. (the bones stand
    where this shape has its joints, so changing these values afterwards moves the skin and not the bones). The pose
    correctives are keys at value 0 until `correctives.add_drivers` drives them.

    Parameters
    ----------
    model : the hand
    betas : (S,) the take's shape, each within +-10
    corrective_offsets_m : (135, V, 3) from `correctives.offsets_in_bone_axes`, armature axes, metres
    armature_object : made for the same betas by `armature.build_armature`
    """
    mesh = bpy.data.meshes.new(mesh_name(model.side))
    basis = model_to_rest(model.v_template)
    polygons = [tuple(corner for corner in polygon if corner >= 0) for polygon in model.polygons.tolist()]
    mesh.from_pydata(basis.tolist(), [], polygons, shade_flat=False)
    mesh_object = bpy.data.objects.new(mesh_name(model.side), mesh)
    if model.uv is not None:
        _add_uv(mesh, model.polygons, model.uv)
    _add_skin_zones(mesh, model)
    mesh_object.add_rest_position_attribute = True  # the skin's pattern lies in it
    _add_shape_keys(mesh_object, model, np.asarray(betas, dtype=np.float64), basis, corrective_offsets_m)
    _add_vertex_groups(mesh_object, model)
    mesh_object.parent = armature_object
    modifier = mesh_object.modifiers.new("Armature", "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)  # noqa: S101 - narrows the type
    modifier.object = armature_object
    # Linear blend skinning, as in the model and in every game engine.
    modifier.use_deform_preserve_volume = False
    return mesh_object


def _add_uv(mesh: bpy.types.Mesh, polygons: NDArray[np.int32], uv: NDArray[np.float64]) -> None:
    layer = mesh.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", uv[polygons >= 0].astype(np.float32).ravel())


def _add_skin_zones(mesh: bpy.types.Mesh, model: HandModel) -> None:
    attribute = mesh.attributes.new(ZONES_ATTRIBUTE, "FLOAT_VECTOR", "POINT")
    attribute.data.foreach_set("vector", skin_zones(model).astype(np.float32).ravel())  # type: ignore[attr-defined]  # of vectors


def _add_shape_keys(
    mesh_object: bpy.types.Object,
    model: HandModel,
    betas: NDArray[np.float64],
    basis: NDArray[np.float64],
    corrective_offsets_m: NDArray[np.float64],
) -> None:
    mesh_object.shape_key_add(name="Basis", from_mix=False)
    for component, value in enumerate(betas):
        limit = max(SHAPE_RANGE, abs(float(value)))
        offset = model_to_rest(model.shapedirs[:, :, component])
        _add_key(mesh_object, shape_key_name(component), basis + offset, limit, float(value))
    names = [corrective_key_name(j, r, c) for j in range(1, JOINT_COUNT) for r in range(3) for c in range(3)]
    for name, offset in zip(names, corrective_offsets_m, strict=True):
        _add_key(mesh_object, name, basis + offset, CORRECTIVE_RANGE, 0.0)


def _add_key(
    mesh_object: bpy.types.Object, name: str, vertices_m: NDArray[np.float64], limit: float, value: float
) -> None:
    key = mesh_object.shape_key_add(name=name, from_mix=False)
    key.slider_min, key.slider_max = -limit, limit
    key.value = value  # a new key starts at 0 up to Blender 4.5 and at 1 from 5.0
    key.points.foreach_set("co", vertices_m.astype(np.float32).ravel())


def _add_vertex_groups(mesh_object: bpy.types.Object, model: HandModel) -> None:
    for joint, name in enumerate(bone_names(model.side)):
        group = mesh_object.vertex_groups.new(name=name)
        weights = model.lbs_weights[:, joint]
        for vertex in np.flatnonzero(weights > 0).tolist():
            group.add([vertex], float(weights[vertex]), "REPLACE")
