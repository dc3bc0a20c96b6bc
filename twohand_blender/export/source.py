"""What is exported: the hands as they move in the user's scene, read from copies of their objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.hands.joints import Side
from .scratch import depsgraph_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Hand:
    """One hand of the user's scene."""

    side: Side
    armature: bpy.types.Object
    mesh: bpy.types.Object


@dataclass(frozen=True)
class HandMotion:
    """How a hand moves, as Blender shows it: constraints, NLA and edited keys included.

    Parameters
    ----------
    bone_names : B names in the order of the armature
    bone_matrices : (F, B, 4, 4) posed bones in armature axes, metres
    object_matrices : (F, 4, 4) the armature object in the world, metres
    mesh_to_armature : (4, 4) where the mesh object stands in armature axes, at the first frame
    key_names : K shape keys without the basis
    key_values : (F, K)
    """

    bone_names: tuple[str, ...]
    bone_matrices: Array
    object_matrices: Array
    mesh_to_armature: Array
    key_names: tuple[str, ...]
    key_values: Array


class HandSource:
    """Copies of a hand's objects in a scratch scene that move as the originals do.

    They are never hidden nor shown at rest, have no modifier but the skin, and their drivers read the copied bones.
    """

    def __init__(self, hand: Hand, scene: bpy.types.Scene) -> None:
        assert scene.collection is not None  # noqa: S101 - every scene has one; narrows the stubs' type
        self.hand = hand
        for item in (hand.armature, hand.mesh):
            item.update_from_editmode()  # what the user is editing just now counts as well
        self.armature, self.mesh = hand.armature.copy(), hand.mesh.copy()
        armature, mesh = armature_of(hand.armature).copy(), mesh_of(hand.mesh).copy()
        armature.pose_position = "POSE"
        self.armature.data, self.mesh.data = armature, mesh
        if mesh.shape_keys is not None:
            _retarget_drivers(mesh.shape_keys, hand.armature, self.armature)
        if self.mesh.parent == hand.armature:
            self.mesh.parent = self.armature
        keep_skin_modifier(self.mesh, self.armature)
        for item in (self.armature, self.mesh):
            item.hide_viewport = item.hide_render = False
            scene.collection.objects.link(item)

    def bone_matrices(self, depsgraph: bpy.types.Depsgraph) -> Array:
        """(B, 4, 4) the posed bones now, in armature axes."""
        pose = self.armature.evaluated_get(depsgraph).pose
        assert pose is not None  # noqa: S101 - every armature object has one
        values = np.empty(16 * len(pose.bones), dtype=np.float32)
        pose.bones.foreach_get("matrix", values)
        return values.reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)  # Blender stores columns

    def key_values(self, depsgraph: bpy.types.Depsgraph) -> Array:
        """(K,) the values of the shape keys now, the basis left out; a muted key counts as 0."""
        keys = mesh_of(self.mesh).shape_keys
        if keys is None:
            return np.zeros(0)
        blocks = keys.evaluated_get(depsgraph).key_blocks
        return np.array([0.0 if block.mute else block.value for block in blocks[1:]])


def read_motion(
    context: bpy.types.Context, scene: bpy.types.Scene, sources: Sequence[HandSource], frames: Iterable[int]
) -> list[HandMotion]:
    """Play the scratch scene once and note down every hand's motion."""
    rows: list[list[tuple[Array, Array, Array, Array]]] = [[] for _ in sources]
    for frame in frames:
        scene.frame_set(frame)
        depsgraph = depsgraph_of(context, scene)
        for source, row in zip(sources, rows, strict=True):
            world, mesh_world = (
                np.array(item.evaluated_get(depsgraph).matrix_world, dtype=np.float64)
                for item in (source.armature, source.mesh)
            )
            row.append((source.bone_matrices(depsgraph), world, mesh_world, source.key_values(depsgraph)))
    motions = []
    for source, row in zip(sources, rows, strict=True):
        pose, keys = source.armature.pose, mesh_of(source.mesh).shape_keys
        assert pose is not None  # noqa: S101 - every armature object has one
        bones, worlds, mesh_worlds, values = (np.stack(column) for column in zip(*row, strict=True))
        offset = np.linalg.inv(worlds[0]) @ mesh_worlds[0]
        key_names = tuple(block.name for block in keys.key_blocks[1:]) if keys else ()
        motions.append(HandMotion(tuple(bone.name for bone in pose.bones), bones, worlds, offset, key_names, values))
    return motions


def mesh_of(mesh_object: bpy.types.Object) -> bpy.types.Mesh:
    """The mesh of a mesh object."""
    assert isinstance(mesh_object.data, bpy.types.Mesh)  # noqa: S101 - narrows the type
    return mesh_object.data


def armature_of(armature_object: bpy.types.Object) -> bpy.types.Armature:
    """The armature of an armature object."""
    assert isinstance(armature_object.data, bpy.types.Armature)  # noqa: S101 - narrows the type
    return armature_object.data


def world_vertices_m(mesh_object: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Array:
    """(V, 3) vertices of an evaluated mesh in the world, metres."""
    evaluated = mesh_object.evaluated_get(depsgraph)
    mesh = mesh_of(evaluated)
    values = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", values)
    world = np.array(evaluated.matrix_world, dtype=np.float64)
    return values.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def keep_skin_modifier(mesh_object: bpy.types.Object, armature_object: bpy.types.Object) -> None:
    """Leave the mesh of a copy with one modifier: linear blend skinning to the copied armature.

    FBX carries a skin and nothing else; a subdivision, for one, would silently cost the file its shape keys.
    """
    mesh_object.modifiers.clear()
    modifier = mesh_object.modifiers.new("Armature", "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)  # noqa: S101 - narrows the type
    modifier.object = armature_object
    modifier.use_deform_preserve_volume = False


def _retarget_drivers(keys: bpy.types.Key, original: bpy.types.Object, copy: bpy.types.Object) -> None:
    data = keys.animation_data
    for curve in data.drivers if data else ():
        for variable in curve.driver.variables if curve.driver else ():
            for target in variable.targets:
                if target.id == original:
                    target.id = copy
