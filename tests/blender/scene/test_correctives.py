# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Pose correctives follow whatever an animator does to the bones, without Python."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Quaternion
from numpy.typing import NDArray
from scene_access import (
    armature_of,
    corrective_drivers,
    evaluated,
    mesh_of,
    pose_of,
    shape_keys_of,
    view_layer,
    world_vertices_m,
)
from take_factory import make_take, open_models
from twohand_extension.inference.hands.rotations import quat_wxyz_to_matrix
from twohand_extension.inference.hands.skinning import pose_hand
from twohand_extension.twohand_blender.scene import armature, axes, build, hand_mesh, names

TOLERANCE_M = 1e-5
Rig = tuple[bpy.types.Object, bpy.types.Object]


@pytest.fixture
def rig(empty_file: None) -> Rig:
    """Armature and mesh of a right hand without animation, ready to be posed by hand."""
    built = build.build_take(bpy.context, make_take(1), open_models())
    armature_object = bpy.data.objects[built.armatures["right"]]
    armature_object.animation_data_clear()
    return armature_object, bpy.data.objects[built.meshes["right"]]


def random_quats(seed: int = 3) -> NDArray[np.float64]:
    """(16, 4) random rotations up to about 90 degrees."""
    quat = np.random.default_rng(seed).normal(size=(16, 4)) * 0.4 + [1.5, 0, 0, 0]
    return quat / np.linalg.norm(quat, axis=1, keepdims=True)


def pose(armature_object: bpy.types.Object, quats: NDArray[np.float64]) -> None:
    for bone, quat in zip(armature.pose_bones(armature_object, "right"), quats, strict=True):
        bone.rotation_quaternion = quat.tolist()
    armature.pose_bones(armature_object, "right")[0].location = (0, 0, 0)
    view_layer().update()


def model_vertices_m(armature_object: bpy.types.Object, quats: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V, 3) the model itself, posed by the bones' local rotations, in the armature's axes."""
    in_model = axes.MODEL_TO_REST.T @ armature.rest_axes(armature_object, "right")
    local = in_model @ quat_wxyz_to_matrix(quats) @ in_model.transpose(0, 2, 1)
    wrist = axes.MODEL_TO_REST.T @ armature.wrist_rest_m(armature_object, "right")
    posed = pose_hand(open_models()["right"], local, make_take(1).betas[0], wrist)
    return axes.model_to_rest(posed.vertices_m)


def assert_is_model(rig: Rig, quats: NDArray[np.float64]) -> None:
    view_layer().update()
    error = np.linalg.norm(world_vertices_m(rig[1].name) - model_vertices_m(rig[0], quats), axis=1)
    assert error.max() < TOLERANCE_M


def test_135_keys_a_hand_are_driven_by_simple_expressions(rig: Rig) -> None:
    drivers = corrective_drivers(rig[1])
    assert len(drivers) == 135
    for curve, driver in drivers:
        assert driver.is_simple_expression and driver.is_valid and curve.is_valid


def test_without_correctives_the_test_would_fail(rig: Rig) -> None:
    quats = random_quats()
    pose(rig[0], quats)
    for curve, _driver in corrective_drivers(rig[1]):
        curve.mute = True
    for key in shape_keys_of(rig[1]).key_blocks:
        if key.name.startswith("pose_"):
            key.value = 0.0
    view_layer().update()
    error = np.linalg.norm(world_vertices_m(rig[1].name) - model_vertices_m(rig[0], quats), axis=1)
    assert error.max() > 100 * TOLERANCE_M


def test_values_are_the_elements_of_the_bones_rotation(rig: Rig) -> None:
    quats = random_quats()
    pose(rig[0], quats)
    expected = quat_wxyz_to_matrix(quats)[1:] - np.eye(3)
    keys = shape_keys_of(evaluated(rig[1])).key_blocks
    got = [
        [[keys[names.corrective_key_name(joint, r, c)].value for c in range(3)] for r in range(3)]
        for joint in range(1, 16)
    ]
    np.testing.assert_allclose(got, expected, atol=2e-6)


@pytest.mark.parametrize("seed", range(3))
def test_random_poses_are_the_models(rig: Rig, seed: int) -> None:
    quats = random_quats(seed)
    pose(rig[0], quats)
    assert_is_model(rig, quats)


def test_quaternions_of_any_length_and_sign(rig: Rig) -> None:
    quats = random_quats()
    pose(rig[0], quats * np.linspace(-3.0, 0.2, 16)[:, None])
    assert_is_model(rig, quats)


def test_zero_quaternions_are_what_blender_takes_them_for(rig: Rig) -> None:
    pose(rig[0], np.zeros((16, 4)))
    half_turns_about_x = np.tile([0.0, 1.0, 0.0, 0.0], (16, 1))
    assert_is_model(rig, half_turns_about_x)


def test_euler_angles(rig: Rig) -> None:
    quats = random_quats()
    for bone, quat in zip(armature.pose_bones(rig[0], "right"), quats, strict=True):
        bone.rotation_mode = "XYZ"
        bone.rotation_euler = Quaternion(quat.tolist()).to_euler("XYZ")
        bone.rotation_quaternion = (1, 0, 0, 0)
    armature.pose_bones(rig[0], "right")[0].location = (0, 0, 0)
    assert_is_model(rig, quats)


def test_constraints(rig: Rig) -> None:
    quats = random_quats()
    pose(rig[0], quats)
    bones = armature.pose_bones(rig[0], "right")
    copy = bones[5].constraints.new("COPY_ROTATION")
    assert isinstance(copy, bpy.types.CopyRotationConstraint)
    copy.target, copy.subtarget = rig[0], bones[2].name
    copy.target_space = copy.owner_space = "LOCAL"
    quats[5] = quats[2]
    assert_is_model(rig, quats)


def test_renamed_bones(rig: Rig) -> None:
    quats = random_quats()
    for bone in list(armature_of(rig[0]).bones):
        bone.name = f"mixamo:{bone.name}"
    for bone, quat in zip(pose_of(rig[0]).bones, quats, strict=True):
        bone.rotation_quaternion = quat.tolist()
    pose_of(rig[0]).bones[0].location = (0, 0, 0)
    view_layer().update()
    got = world_vertices_m(rig[1].name)
    for bone in list(armature_of(rig[0]).bones):
        bone.name = bone.name.removeprefix("mixamo:")
    assert np.linalg.norm(got - model_vertices_m(rig[0], quats), axis=1).max() < TOLERANCE_M


def test_sliders_reach_every_value_and_no_key_is_on_by_accident(rig: Rig) -> None:
    betas = make_take(1).betas[0]
    for key in shape_keys_of(rig[1]).key_blocks[1:]:
        if key.name.startswith("shape_"):
            assert key.value == pytest.approx(betas[int(key.name[-2:])])
            assert (key.slider_min, key.slider_max) == (-5, 5)
        else:
            assert (key.slider_min, key.slider_max) == (-2, 2)
    assert shape_keys_of(rig[1]).use_relative


def test_mesh_has_the_models_polygons_groups_and_smooth_shading(rig: Rig) -> None:
    model, mesh = open_models()["right"], mesh_of(rig[1])
    assert len(mesh.vertices) == len(model.v_template) and len(mesh.polygons) == len(model.polygons)
    corners = [list(polygon.vertices) for polygon in mesh.polygons]
    assert corners == [[corner for corner in polygon if corner >= 0] for polygon in model.polygons.tolist()]
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    assert mesh.validate(verbose=True) is False
    assert [group.name for group in rig[1].vertex_groups] == list(names.bone_names("right"))
    weights = np.zeros_like(model.lbs_weights)
    for vertex in mesh.vertices:
        for element in vertex.groups:
            weights[vertex.index, element.group] = element.weight
    np.testing.assert_allclose(weights, model.lbs_weights, atol=1e-6)
    modifier = rig[1].modifiers[0]
    assert isinstance(modifier, bpy.types.ArmatureModifier) and not modifier.use_deform_preserve_volume
    volume = sum(np.dot(a, np.cross(b, c)) for a, b, c in model.v_template[model.triangles])
    assert volume > 0 and mesh.polygons[0].normal.length > 0.99


def test_uvs_go_to_the_corners_they_belong_to(empty_file: None) -> None:
    from dataclasses import replace

    model = open_models()["right"]
    uv = np.random.default_rng(0).uniform(size=(len(model.polygons), 4, 2))
    take = make_take(1)
    built = build.build_take(bpy.context, take, {"right": replace(model, uv=uv), "left": open_models()["left"]})
    mesh = mesh_of(bpy.data.objects[built.meshes["right"]])
    expected = np.concatenate([uv[i, : len(polygon.vertices)] for i, polygon in enumerate(mesh.polygons)])
    np.testing.assert_allclose([corner.vector[:] for corner in mesh.uv_layers["UVMap"].uv], expected, atol=1e-6)


def test_the_largest_shape_value_is_blenders_limit() -> None:
    slider = bpy.types.ShapeKey.bl_rna.properties["slider_max"]
    assert isinstance(slider, bpy.types.FloatProperty)
    assert slider.hard_max == hand_mesh.LARGEST_SHAPE_VALUE
