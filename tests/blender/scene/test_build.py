# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The main proof: what stands in Blender is the hand model, vertex by vertex, on every frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray
from take_factory import expected_vertices_m, make_take, open_models
from twohand_extension.inference.contract import Take
from twohand_extension.inference.hands.joints import SIDES
from twohand_extension.twohand_blender.scene import axes, build, editing

TOLERANCE_M = 1e-5


def current_scene() -> bpy.types.Scene:
    return editing.scene_of(bpy.context)


def world_vertices_m(object_name: str) -> NDArray[np.float64]:
    """(V, 3) vertices of an object with all modifiers, in the world."""
    evaluated = bpy.data.objects[object_name].evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    flat = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
    mesh.vertices.foreach_get("co", flat)
    matrix = np.array(evaluated.matrix_world, dtype=np.float64)
    evaluated.to_mesh_clear()
    return flat.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def assert_equals_model(take: Take, built: build.BuiltHands) -> None:
    for hand, side in enumerate(SIDES):
        expected = axes.camera_to_world(expected_vertices_m(take, hand))
        for index, frame in enumerate(take.frames):
            current_scene().frame_set(int(frame))
            error = np.linalg.norm(world_vertices_m(built.meshes[side]) - expected[index], axis=1)
            assert error.max() < TOLERANCE_M, f"{side} hand, frame {frame}: {1000 * error.max():.4f} mm"


@pytest.mark.parametrize("seed", [0, 1])
def test_every_vertex_on_every_frame_is_the_models(empty_file: None, seed: int) -> None:
    take = make_take(20, seed=seed)
    built = build.build_take(bpy.context, take, open_models())
    assert_equals_model(take, built)


def test_saved_and_loaded_again_it_is_still_the_model(empty_file: None, tmp_path: Path) -> None:
    take = make_take(5)
    built = build.build_take(bpy.context, take, open_models())
    path = str(tmp_path / "hands.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False)
    assert build.built_hands(current_scene()) == [replace(built, warnings=())]
    assert_equals_model(take, built)
