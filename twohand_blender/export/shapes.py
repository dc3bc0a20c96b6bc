"""Shape keys as a file carries them: what stands still goes into the mesh, what moves becomes keys between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.hands.joints import JOINT_COUNT
from ..scene.names import corrective_key_name
from .source import HandMotion, mesh_of

Array = NDArray[np.float64]

_INVISIBLE_M: Final = 1e-7
"""A key that never moves a vertex further is left out."""
CORRECTIVE_KEYS: Final = frozenset(
    corrective_key_name(joint, row, column)
    for joint in range(1, JOINT_COUNT)
    for row in range(3)
    for column in range(3)
)


@dataclass(frozen=True)
class FileKey:
    """One shape key of a file: (V, 3) offsets in metres at value 1, and (F,) values within 0 and 1."""

    name: str
    offsets_m: Array
    values: Array


@dataclass(frozen=True)
class FileShapes:
    """Rest vertices (V, 3) in armature axes, metres, and the keys that move over the clip."""

    rest_m: Array
    keys: tuple[FileKey, ...]


def file_shapes(mesh_object: bpy.types.Object, motion: HandMotion, bake_correctives: bool) -> FileShapes:
    """Sort the shape keys of a mesh.

    Parameters
    ----------
    mesh_object : with any shape keys, ours and the user's
    motion : the keys' values over the clip
    bake_correctives : write the pose correctives as animated keys; otherwise they are left out

    Keys whose value stays the same, such as the shape of the hand, are added to the rest vertices. Programs differ in
    what they do with values beyond 0 and 1 (clamp, wrap, play), so a key that goes below 0 is written as two keys,
    and one that goes beyond 1 with larger offsets and smaller values.
    """
    mesh = mesh_of(mesh_object)
    turn, shift = motion.mesh_to_armature[:3, :3], motion.mesh_to_armature[:3, 3]
    if mesh.shape_keys is None:
        return FileShapes(_coordinates_m(mesh.vertices) @ turn.T + shift, ())
    blocks = mesh.shape_keys.key_blocks
    rest = _coordinates_m(blocks[0].points)
    moving: list[FileKey] = []
    for column, name in enumerate(motion.key_names):
        block, values = blocks[name], motion.key_values[:, column]
        corrective = name in CORRECTIVE_KEYS
        if corrective and not bake_correctives:
            continue
        offsets = _coordinates_m(block.points) - _coordinates_m(block.relative_key.points)
        if not corrective and np.ptp(values) < 1e-6:
            rest += values[0] * offsets
        else:
            moving += _between_zero_and_one(name, offsets @ turn.T, values)
    return FileShapes(rest @ turn.T + shift, tuple(moving))


def _between_zero_and_one(name: str, offsets_m: Array, values: Array) -> list[FileKey]:
    keys = []
    for suffix, sign in (("", 1.0), ("_neg", -1.0)):
        part = np.maximum(sign * values, 0.0)
        largest = part.max()
        if largest * np.abs(offsets_m).max(initial=0.0) < _INVISIBLE_M:
            continue
        factor = max(1.0, largest)
        keys.append(FileKey(name + suffix, sign * factor * offsets_m, part / factor))
    return keys


def _coordinates_m(points: bpy.types.bpy_prop_collection) -> Array:
    values = np.empty(3 * len(points), dtype=np.float32)
    points.foreach_get("co", values)
    return values.reshape(-1, 3).astype(np.float64)
