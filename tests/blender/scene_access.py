# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Reading what Blender made of things: evaluated vertices, bones, curves."""

from __future__ import annotations

from typing import cast

import bpy
import numpy as np
from numpy.typing import NDArray
from twohand_extension.twohand_blender.scene import editing


def current_scene() -> bpy.types.Scene:
    """The scene of the context."""
    return editing.scene_of(bpy.context)


def world_vertices_m(object_name: str) -> NDArray[np.float64]:
    """(V, 3) vertices of an object with all modifiers, in the world."""
    posed = evaluated(bpy.data.objects[object_name])
    mesh = posed.to_mesh()
    flat = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
    mesh.vertices.foreach_get("co", flat)
    matrix = np.array(posed.matrix_world, dtype=np.float64)
    posed.to_mesh_clear()
    return flat.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def view_layer() -> bpy.types.ViewLayer:
    """The context's view layer."""
    return cast(bpy.types.ViewLayer, bpy.context.view_layer)


def mesh_of(item: bpy.types.Object) -> bpy.types.Mesh:
    """The mesh of a mesh object."""
    assert isinstance(item.data, bpy.types.Mesh)
    return item.data


def shape_keys_of(item: bpy.types.Object) -> bpy.types.Key:
    """The shape keys of a mesh object."""
    keys = mesh_of(item).shape_keys
    assert keys is not None
    return keys


def armature_of(item: bpy.types.Object) -> bpy.types.Armature:
    """The armature of an armature object."""
    assert isinstance(item.data, bpy.types.Armature)
    return item.data


def pose_of(item: bpy.types.Object) -> bpy.types.Pose:
    """The pose of an armature object."""
    assert item.pose is not None
    return item.pose


def evaluated(item: bpy.types.Object) -> bpy.types.Object:
    """An object as the dependency graph has evaluated it."""
    return item.evaluated_get(bpy.context.evaluated_depsgraph_get())


def corrective_drivers(mesh_object: bpy.types.Object) -> list[tuple[bpy.types.FCurve, bpy.types.Driver]]:
    """The driven shape keys of a mesh."""
    data = shape_keys_of(mesh_object).animation_data
    assert data is not None
    return [(curve, curve.driver) for curve in data.drivers if curve.driver is not None]


def pixels_of(image: bpy.types.Image) -> NDArray[np.float32]:
    """(H, W, 4) an image's pixels, top row first."""
    width, height = image.size
    flat = np.empty(width * height * 4, dtype=np.float32)
    image.pixels.foreach_get(flat)  # type: ignore[attr-defined]  # the stubs take the array for a number
    return flat.reshape(height, width, 4)[::-1]
