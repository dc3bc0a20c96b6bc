# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The camera sees what the picture's camera saw."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from numpy.typing import NDArray
from scene_access import current_scene, pixels_of, world_vertices_m
from take_factory import make_take, open_models
from twohand_extension.inference.hands.joints import SIDES
from twohand_extension.twohand_blender.scene import armature, axes, build, camera


def seen_px(camera_object: bpy.types.Object, point: Vector) -> NDArray[np.float64]:
    """(2,) a world point in the picture; pixel (0, 0) is the centre of the top-left one."""
    scene = current_scene()
    share = world_to_camera_view(scene, camera_object, point)
    width, height = scene.render.resolution_x, scene.render.resolution_y
    return np.array([share.x * width - 0.5, (1 - share.y) * height - 0.5])


@pytest.mark.parametrize(
    ("size_px", "principal_px"),
    [((640, 480), (330.5, 221.25)), ((480, 640), (200.0, 333.0)), ((500, 500), (249.5, 249.5))],
)
def test_every_joint_lands_where_the_take_projects_it(
    empty_file: None, size_px: tuple[int, int], principal_px: tuple[float, float]
) -> None:
    take = replace(make_take(6), picture_size_px=size_px, principal_px=principal_px)
    built = build.build_take(bpy.context, take, open_models())
    expected_px = take.project_px()
    camera_object = bpy.data.objects[built.camera]
    for index, frame in enumerate(take.frames):
        current_scene().frame_set(int(frame))
        for hand, side in enumerate(SIDES):
            rig = bpy.data.objects[built.armatures[side]]
            points = [rig.matrix_world @ bone.head for bone in armature.pose_bones(rig, side)]
            vertices = world_vertices_m(built.meshes[side])
            points += [Vector(vertices[tip].tolist()) for tip in open_models()[side].tip_vertices]
            error_px = [
                np.linalg.norm(seen_px(camera_object, point) - expected_px[hand, index, joint])
                for joint, point in enumerate(points)
            ]
            assert max(error_px) < 0.5
            assert max(error_px) < 0.01, "half a pixel is the limit; only rounding should be left"


def test_it_stands_at_the_origin_and_looks_along_y(empty_file: None) -> None:
    built = build.build_take(bpy.context, make_take(1), open_models())
    matrix = bpy.data.objects[built.camera].matrix_world
    assert matrix.translation.length == 0
    assert (matrix.to_3x3() @ Vector((0, 0, -1)) - Vector((0, 1, 0))).length < 1e-6
    assert (matrix.to_3x3() @ Vector((0, 1, 0)) - Vector((0, 0, 1))).length < 1e-6
    np.testing.assert_array_equal(axes.camera_to_world([1, 2, 3]), [1, 3, -2])


def test_a_rendered_sphere_lies_on_its_pixel(empty_file: None, tmp_path: Path) -> None:
    take = replace(make_take(1), picture_size_px=(160, 120), focal_px=175.0, principal_px=(70.25, 66.5))
    scene = current_scene()
    camera_object = camera.build_camera(take)
    camera.set_render_size(scene, take)
    scene.camera = camera_object
    assert scene.collection is not None
    scene.collection.objects.link(camera_object)
    centre_m = np.array([0.11, -0.07, 0.5])
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.009, location=axes.camera_to_world(centre_m).tolist())
    setattr(scene.render, "engine", "CYCLES")  # noqa: B010 - an add-on's engine is not in the stubs
    assert scene.cycles is not None
    scene.cycles.samples = 16
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(tmp_path / "sphere.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    alpha = pixels_of(image)[..., 3].astype(np.float64)
    rows, columns = np.indices(alpha.shape)
    centroid_px = np.array([(columns * alpha).sum(), (rows * alpha).sum()]) / alpha.sum()
    expected_px = take.focal_px * centre_m[:2] / centre_m[2] + np.array(take.principal_px)
    assert alpha.sum() == pytest.approx(math.pi * (175 * 0.009 / 0.5) ** 2, rel=0.15)
    np.testing.assert_allclose(centroid_px, expected_px, atol=0.2)
