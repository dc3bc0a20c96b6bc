"""Read a written FBX file back in a scratch scene and compare it with what was to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from .file_rig import CM_PER_M, FileHand
from .report import FbxReport, HandReport
from .scratch import depsgraph_of, new_scene, scene_context
from .source import HandSource, armature_of, world_vertices_m

Array = NDArray[np.float64]

COMPARED_FRAMES: Final = 300
"""Longer clips are compared at this many evenly spread frames, the first and the last among them."""


@dataclass(frozen=True)
class WrittenHands:
    """The hands in the scene that they were read from, and in the one that was written (frame 0 = first frame)."""

    source_scene: bpy.types.Scene
    file_scene: bpy.types.Scene
    pairs: tuple[tuple[HandSource, FileHand], ...]


@dataclass(frozen=True)
class _Pair:
    """A hand as it is in the scene, as it was written, and as it was read."""

    source: HandSource
    written: FileHand
    armature: bpy.types.Object
    mesh: bpy.types.Object


def check_fbx(context: bpy.types.Context, path: Path, report: FbxReport, hands: WrittenHands) -> FbxReport:
    """Fill in a report.

    Parameters
    ----------
    context : gives the operators a window
    path : the file
    report : what was asked for
    hands : what the file is compared with

    Data-blocks that the importer makes are left for `scratch.temporary_data` to remove.
    """
    scene = new_scene("Read", hands.file_scene)
    try:
        with scene_context(context, scene):
            # Without the offset, time 0 of the file becomes frame 0.
            bpy.ops.wm.fbx_import(filepath=str(path), anim_offset=0.0, use_anim=True)
    except RuntimeError as error:  # how Blender passes on an importer's errors
        return replace(report, read_error=str(error).strip())
    pairs: list[_Pair] = []
    for source, written in hands.pairs:
        found = _find(scene, written)
        if found is None:
            return replace(report, read_error=f"it holds no {written.side} hand with a skeleton and a mesh.")
        pairs.append(_Pair(source, written, *found))
    first, last = _key_range(pairs)
    count = report.last_frame - report.first_frame + 1
    frames = np.unique(np.linspace(0, count - 1, min(count, COMPARED_FRAMES)).round().astype(int)).tolist()
    errors = np.zeros((len(pairs), len(frames)))
    left_out = np.zeros(len(pairs))
    rest: list[tuple[list[str], float, float]] = []
    for row, frame in enumerate(frames):
        graphs = []
        for item, number in (
            (hands.source_scene, report.first_frame + frame),
            (hands.file_scene, frame),
            (scene, frame),
        ):
            item.frame_set(number)
            graphs.append(depsgraph_of(context, item))
        if row == 0:
            rest = [_compare_rest(pair, graphs[1], graphs[2]) for pair in pairs]
        for index, pair in enumerate(pairs):
            truth = world_vertices_m(pair.source.mesh, graphs[0])
            written = world_vertices_m(pair.written.mesh, graphs[1]) / CM_PER_M
            read = world_vertices_m(pair.mesh, graphs[2])
            errors[index, row] = _largest_distance(written, read)
            left_out[index] = max(left_out[index], _largest_distance(truth, written))
    results = [
        HandReport(
            side=pair.written.side,
            bones=len(pair.written.bone_names),
            missing_bones=missing,
            rest_error_mm=rest_mm,
            rest_error_deg=rest_deg,
            max_vertex_error_mm=float(errors[index].max()) * 1000,
            max_vertex_error_frame=report.first_frame + frames[int(errors[index].argmax())],
            left_out_mm=float(left_out[index]) * 1000,
        )
        for index, (pair, (missing, rest_mm, rest_deg)) in enumerate(zip(pairs, rest, strict=True))
    ]
    return replace(report, read_first_frame=first, read_last_frame=last, frames_compared=len(frames), hands=results)


def _find(scene: bpy.types.Scene, written: FileHand) -> tuple[bpy.types.Object, bpy.types.Object] | None:
    """The armature with most of the hand's bones, and the mesh skinned to it.

    Objects are not looked up by name: names that are taken are changed on import.
    """
    best: tuple[int, bpy.types.Object] | None = None
    for item in scene.objects:
        if item.type == "ARMATURE":
            shared = len(set(armature_of(item).bones.keys()) & set(written.bone_names))
            if shared > (best[0] if best else 0):
                best = shared, item
    if best is None:
        return None
    for item in scene.objects:
        skins = (modifier for modifier in item.modifiers if isinstance(modifier, bpy.types.ArmatureModifier))
        if item.type == "MESH" and any(skin.object == best[1] for skin in skins):
            return best[1], item
    return None


def _key_range(pairs: Sequence[_Pair]) -> tuple[float, float]:
    """First and last key of the actions read, in frames of the file; nothing read counts as frame 0."""
    ranges = [
        data.action.frame_range.to_tuple()
        for data in (pair.armature.animation_data for pair in pairs)
        if data is not None and data.action is not None
    ]
    return (min(item[0] for item in ranges), max(item[1] for item in ranges)) if ranges else (0.0, 0.0)


def _compare_rest(
    pair: _Pair, written_graph: bpy.types.Depsgraph, read_graph: bpy.types.Depsgraph
) -> tuple[list[str], float, float]:
    """Bones that are missing or hang elsewhere, and the largest rest error in millimetres and degrees."""
    written_bones = armature_of(pair.written.armature).bones
    read_bones = armature_of(pair.armature).bones
    written_world = Matrix.Scale(1 / CM_PER_M, 4) @ pair.written.armature.evaluated_get(written_graph).matrix_world
    read_world = pair.armature.evaluated_get(read_graph).matrix_world
    missing: list[str] = []
    worst_mm = worst_deg = 0.0
    for bone in written_bones:
        other = read_bones.get(bone.name)
        parents = [item.parent.name if item is not None and item.parent else None for item in (bone, other)]
        if other is None or parents[0] != parents[1]:
            missing.append(bone.name)
            continue
        expected, actual = written_world @ bone.matrix_local, read_world @ other.matrix_local
        worst_mm = max(worst_mm, (expected.translation - actual.translation).length * 1000)
        turn = expected.to_quaternion().rotation_difference(actual.to_quaternion()).angle
        worst_deg = max(worst_deg, abs(np.rad2deg((turn + np.pi) % (2 * np.pi) - np.pi)))
    return missing, worst_mm, float(worst_deg)


def _largest_distance(first: Array, second: Array) -> float:
    """Metres; infinite where the number of vertices differs."""
    if first.shape != second.shape:
        return float("inf")
    return float(np.linalg.norm(first - second, axis=1).max())
