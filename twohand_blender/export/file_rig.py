"""The objects that go into a file: baked copies in centimetres, with the file's own names and nothing else on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...inference.hands.joints import Side
from ...inference.hands.rotations import align_quat_signs, matrix_to_quat_wxyz
from ..scene.action import channelbag_of, new_action
from ..scene.names import armature_name, mesh_name
from .bone_names import BoneNaming, renaming
from .shapes import FileShapes
from .source import HandMotion, HandSource, armature_of, keep_skin_modifier, mesh_of

Array = NDArray[np.float64]

CM_PER_M: Final = 100.0


@dataclass(frozen=True)
class FileHand:
    """Armature and mesh as they are written."""

    side: Side
    armature: bpy.types.Object
    mesh: bpy.types.Object
    bone_names: tuple[str, ...]


def build_file_hand(
    source: HandSource, motion: HandMotion, shapes: FileShapes, naming: BoneNaming, scene: bpy.types.Scene
) -> FileHand:
    """Make the objects of one hand in the scene that is written.

    Parameters
    ----------
    source, motion : the hand and how it moves
    shapes : rest vertices and shape keys of the file
    naming : names of the bones in the file
    scene : its frame 0 becomes the first frame of the motion

    The objects' own names are placeholders; `scratch.lent_names` gives them their names while the file is written.
    """
    assert scene.collection is not None  # noqa: S101 - every scene has one; narrows the stubs' type
    side = source.hand.side
    armature = armature_of(source.armature).copy()
    armature_object = bpy.data.objects.new(armature_name(side), armature)
    rest = np.array([bone.matrix_local for bone in armature.bones], dtype=np.float64)
    parents = [armature.bones.find(bone.parent.name) if bone.parent else -1 for bone in armature.bones]
    armature.transform(Matrix.Scale(CM_PER_M, 4))
    new_names = renaming(side, naming)
    for bone in armature.bones:
        bone.name = new_names.get(bone.name, bone.name)
    names = tuple(bone.name for bone in armature.bones)
    mesh_object = _build_mesh(source, shapes, dict(zip(motion.bone_names, names, strict=True)), armature_object)
    scene.collection.objects.link(armature_object)
    scene.collection.objects.link(mesh_object)
    scene.view_layers[0].update()  # makes the pose bones

    action = new_action(armature_name(side))
    frames = np.arange(len(motion.bone_matrices), dtype=np.int64)
    slot = action.slots.new(id_type="OBJECT", name=armature_name(side))
    _use(armature_object, action, slot)
    bag = channelbag_of(action, slot)
    _write_object_keys(armature_object, bag, frames, motion.object_matrices)
    _write_bone_keys(armature_object, bag, frames, bone_basis(motion.bone_matrices, rest, parents))
    _write_shape_keys(mesh_object, action, frames, shapes)
    return FileHand(side, armature_object, mesh_object, names)


def bone_basis(matrices: Array, rest: Array, parents: Sequence[int]) -> Array:
    """Each bone's own transform relative to its rest.

    Parameters
    ----------
    matrices : (F, B, 4, 4) posed bones in armature axes
    rest : (B, 4, 4) bones at rest in armature axes
    parents : B indices, -1 for a root
    """
    basis = np.empty_like(matrices)
    for bone, parent in enumerate(parents):
        rest_local = rest[bone] if parent < 0 else np.linalg.inv(rest[parent]) @ rest[bone]
        local = matrices[:, bone] if parent < 0 else np.linalg.inv(matrices[:, parent]) @ matrices[:, bone]
        basis[:, bone] = np.linalg.inv(rest_local) @ local
    return basis


def _build_mesh(
    source: HandSource, shapes: FileShapes, new_bone_names: dict[str, str], armature_object: bpy.types.Object
) -> bpy.types.Object:
    side = source.hand.side
    mesh_object = source.mesh.copy()
    mesh_object.data = mesh_of(source.mesh).copy()
    mesh_object.animation_data_clear()
    mesh_object.constraints.clear()
    if mesh_of(mesh_object).shape_keys is not None:
        mesh_object.shape_key_clear()
    mesh = mesh_of(mesh_object)
    mesh.vertices.foreach_set("co", (shapes.rest_m * CM_PER_M).astype(np.float32).ravel())
    mesh.update()
    # The armature object is the skeleton's root in the file; the mesh lies at its origin, so no parent offset is left.
    mesh_object.parent = armature_object
    mesh_object.parent_type = "OBJECT"
    for matrix in ("matrix_parent_inverse", "matrix_basis"):
        setattr(mesh_object, matrix, Matrix())
    keep_skin_modifier(mesh_object, armature_object)
    for group in mesh_object.vertex_groups:
        group.name = new_bone_names.get(group.name, group.name)
    mesh_object.name = mesh.name = mesh_name(side)
    if shapes.keys:
        mesh_object.shape_key_add(name="Basis", from_mix=False)
    for key in shapes.keys:
        block = mesh_object.shape_key_add(name=key.name, from_mix=False)
        block.value = 0.0  # 1 from Blender 5.0
        block.points.foreach_set("co", ((shapes.rest_m + key.offsets_m) * CM_PER_M).astype(np.float32).ravel())
    return mesh_object


def _use(animated: bpy.types.ID, action: bpy.types.Action, slot: bpy.types.ActionSlot) -> None:
    data = animated.animation_data_create()
    assert data is not None  # noqa: S101 - objects and shape keys can always be animated
    data.action, data.action_slot = action, slot


def _write_object_keys(
    armature_object: bpy.types.Object, bag: bpy.types.ActionChannelbag, frames: NDArray[np.int64], matrices: Array
) -> None:
    """Keys of the armature object where the user moves it, else just its place."""
    centimetres = matrices.copy()
    centimetres[:, :3, 3] *= CM_PER_M
    armature_object.matrix_world = Matrix(centimetres[0].tolist())
    armature_object.rotation_mode = "QUATERNION"
    if np.abs(matrices - matrices[0]).max() > 1e-7:
        _write_transform_keys(bag, "", frames, centimetres)


def _write_bone_keys(
    armature_object: bpy.types.Object, bag: bpy.types.ActionChannelbag, frames: NDArray[np.int64], basis: Array
) -> None:
    pose = armature_object.pose
    assert pose is not None  # noqa: S101 - every armature object has one
    for index, pose_bone in enumerate(pose.bones):
        pose_bone.rotation_mode = "QUATERNION"
        matrices = basis[:, index].copy()
        matrices[:, :3, 3] *= CM_PER_M
        _write_transform_keys(bag, f'pose.bones["{pose_bone.name}"].', frames, matrices)


def _write_transform_keys(
    bag: bpy.types.ActionChannelbag, prefix: str, frames: NDArray[np.int64], matrices: Array
) -> None:
    """Location, rotation and, where there is any, scale of (F, 4, 4) matrices."""
    scale = np.linalg.norm(matrices[:, :3, :3], axis=1)
    tracks = {
        "location": matrices[:, :3, 3],
        "rotation_quaternion": align_quat_signs(matrix_to_quat_wxyz(matrices[:, :3, :3] / scale[:, None])),
        "scale": scale,
    }
    for name, values in tracks.items():
        for index in range(values.shape[1]):
            _write_curve(bag.fcurves.new(prefix + name, index=index), frames, values[:, index])


def _write_shape_keys(
    mesh_object: bpy.types.Object, action: bpy.types.Action, frames: NDArray[np.int64], shapes: FileShapes
) -> None:
    keys = mesh_of(mesh_object).shape_keys
    if keys is None or not shapes.keys:
        return
    slot = action.slots.new(id_type="KEY", name=mesh_object.name)
    _use(keys, action, slot)
    bag = channelbag_of(action, slot)
    for key in shapes.keys:
        _write_curve(bag.fcurves.new(f'key_blocks["{key.name}"].value', index=0), frames, key.values)


def _write_curve(curve: bpy.types.FCurve, frames: NDArray[np.int64], values: Array) -> None:
    curve.keyframe_points.add(len(frames))
    curve.keyframe_points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    curve.update()
