# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Exporting reads the scene as the user left it, and leaves it so: also after errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np
import pytest
from fbx_elements import FbxFile, built_hands
from mathutils import Matrix
from scene_access import current_scene
from take_factory import make_take
from twohand_extension.inference.contract import ErrorCode, HandsError
from twohand_extension.twohand_blender.export import fbx, report, source


def snapshot() -> dict[str, Any]:
    """What a user would notice, and more: data-blocks, selection, mode, keys, drivers, names, custom properties."""
    scene = current_scene()
    view_layer = scene.view_layers[0]
    state: dict[str, Any] = {
        "blocks": sorted(repr(item) for item in bpy.data.user_map()),
        "users": sorted((repr(item), len(users)) for item, users in bpy.data.user_map().items()),
        "frame": (scene.frame_current, scene.frame_start, scene.frame_end, scene.render.fps),
        "mode": bpy.context.mode,
        "active": repr(view_layer.objects.active),
        "selected": sorted(item.name for item in view_layer.objects.selected),
        "windows": [repr(window.scene) for manager in bpy.data.window_managers for window in manager.windows],
    }
    for item in bpy.data.objects:
        state[item.name] = (
            np.array(item.matrix_world).tolist(),
            item.hide_viewport,
            item.hide_get(),
            [(modifier.name, modifier.type, modifier.show_viewport) for modifier in item.modifiers],
            [group.name for group in item.vertex_groups],
            repr(item.animation_data.action_slot) if item.animation_data else None,
            sorted(item.keys()),
        )
    for armature in bpy.data.armatures:
        state[f"armature {armature.name}"] = (armature.pose_position, armature.bones.keys())
    for mesh in bpy.data.meshes:
        keys = mesh.shape_keys
        values = np.empty(3 * len(mesh.vertices), dtype=np.float32)
        mesh.vertices.foreach_get("co", values)
        state[f"mesh {mesh.name}"] = (
            values.tobytes(),
            [(block.name, block.value, block.slider_min, block.mute) for block in keys.key_blocks] if keys else [],
            [driver_state(curve) for curve in (keys.animation_data.drivers if keys and keys.animation_data else ())],
        )
    for action in bpy.data.actions:
        strip = cast(bpy.types.ActionKeyframeStrip, action.layers[0].strips[0])
        state[f"action {action.name}"] = [
            (curve.data_path, [point.co.to_tuple() for point in curve.keyframe_points])
            for bag in strip.channelbags
            for curve in bag.fcurves
        ]
    return state


def driver_state(curve: bpy.types.FCurve) -> tuple[Any, ...]:
    assert curve.driver is not None
    targets = [repr(variable.targets[0].id) for variable in curve.driver.variables]
    return curve.data_path, curve.driver.expression, targets


def leave_in_pose_mode(hands: list[source.Hand]) -> None:
    current_scene().view_layers[0].objects.active = hands[0].armature
    bpy.ops.object.mode_set(mode="POSE")


def leave_in_edit_mode(hands: list[source.Hand]) -> None:
    current_scene().view_layers[0].objects.active = hands[0].mesh
    bpy.ops.object.mode_set(mode="EDIT")


def hide_everything(hands: list[source.Hand]) -> None:
    for hand in hands:
        hand.armature.hide_viewport = True
        hand.mesh.hide_set(True)


def show_the_rest_pose(hands: list[source.Hand]) -> None:
    for hand in hands:
        source.armature_of(hand.armature).pose_position = "REST"


def select_some(hands: list[source.Hand]) -> None:
    current_scene().frame_set(7)
    hands[1].mesh.select_set(True)
    current_scene().view_layers[0].objects.active = hands[1].armature


@pytest.mark.parametrize(
    "prepare", [leave_in_pose_mode, leave_in_edit_mode, hide_everything, show_the_rest_pose, select_some]
)
def test_whatever_the_scene_is_like_it_is_exported_and_left_so(
    empty_file: None, tmp_path: Path, prepare: Callable[[list[source.Hand]], None]
) -> None:
    hands = built_hands(make_take(4))
    prepare(hands)
    current_scene().view_layers[0].update()
    before = snapshot()
    found = fbx.export_fbx(bpy.context, hands, tmp_path / "hands.fbx", fbx.FbxOptions(bake_correctives=True))
    assert snapshot() == before
    assert found.faithful, found.sentences()
    assert max(hand.left_out_mm for hand in found.hands) < 0.005


def test_names_that_are_taken_do_not_show_in_the_file(empty_file: None, tmp_path: Path) -> None:
    first = built_hands(make_take(2, source="/a/first.mp4"))
    second = built_hands(make_take(2, seed=5, source="/a/second.mp4"))
    assert second[0].armature.name != first[0].armature.name
    current_scene().name = "Hands"  # the name of the take in the file
    before = snapshot()
    fbx.export_fbx(bpy.context, second, tmp_path / "second.fbx")
    assert snapshot() == before
    file = FbxFile(tmp_path / "second.fbx")
    objects = [name for name, kind in file.kinds(b"Objects", b"Model") if kind != "LimbNode"]
    assert objects == ["HandArmature_L", "HandArmature_R", "HandMesh_L", "HandMesh_R"]
    assert file.names(b"Objects", b"AnimationStack") == ["Hands"]


def test_objects_that_the_user_moved_parented_and_animated(empty_file: None, tmp_path: Path) -> None:
    hands = built_hands(make_take(6))
    empty = bpy.data.objects.new("Rig", None)
    cast(bpy.types.Collection, current_scene().collection).objects.link(empty)
    empty.matrix_world = Matrix.Translation((0.3, -1.0, 2.0)) @ Matrix.Rotation(0.7, 4, "X")
    for hand in hands:
        hand.armature.parent = empty
    empty.keyframe_insert("location", frame=1)
    empty.location.x += 0.5
    empty.keyframe_insert("location", frame=6)
    hands[0].mesh.location.y = 0.02  # moves the skin, not the bones
    found = fbx.export_fbx(bpy.context, hands, tmp_path / "hands.fbx", fbx.FbxOptions(bake_correctives=True))
    assert found.faithful, found.sentences()
    assert max(hand.left_out_mm for hand in found.hands) < 0.005


def test_constraints_and_other_rotation_modes_are_baked(empty_file: None, tmp_path: Path) -> None:
    hands = built_hands(make_take(5))
    pose = cast(bpy.types.Pose, hands[0].armature.pose)
    limit = pose.bones["index_02_R"].constraints.new("LIMIT_ROTATION")
    assert isinstance(limit, bpy.types.LimitRotationConstraint)
    limit.use_limit_x, limit.max_x, limit.owner_space = True, 0.2, "LOCAL"
    pose.bones["ring_01_R"].rotation_mode = "XYZ"
    found = fbx.export_fbx(bpy.context, hands, tmp_path / "hands.fbx", fbx.FbxOptions(bake_correctives=True))
    assert found.faithful, found.sentences()
    assert max(hand.left_out_mm for hand in found.hands) < 0.005


def test_the_users_own_shape_keys_and_modifiers(empty_file: None, tmp_path: Path) -> None:
    """A still key becomes part of the mesh, a moving one a key of the file, a subdivision costs no key."""
    hands = built_hands(make_take(5))
    mesh_object = hands[0].mesh
    mesh_object.modifiers.new("Smooth", "SUBSURF")
    for name in ("still", "moving"):
        key = mesh_object.shape_key_add(name=name, from_mix=False)
        key.points[10].co.x += 0.004
        key.value = 0.5
    assert isinstance(key, bpy.types.ShapeKey)
    key.keyframe_insert("value", frame=1)
    key.value = 0.9
    key.keyframe_insert("value", frame=5)
    found = fbx.export_fbx(bpy.context, hands, tmp_path / "hands.fbx")
    assert found.faithful, found.sentences()
    file = FbxFile(tmp_path / "hands.fbx")
    channels = [name for name, kind in file.kinds(b"Objects", b"Deformer") if kind == "BlendShapeChannel"]
    assert channels == ["moving"]


def test_an_nla_strip_instead_of_an_action(empty_file: None, tmp_path: Path) -> None:
    hands = built_hands(make_take(5))
    for hand in hands:
        data = hand.armature.animation_data
        assert data is not None and data.action is not None
        action, slot = data.action, data.action_slot
        data.action = None
        strip = data.nla_tracks.new().strips.new("Clip", 1, action)
        strip.action_slot = slot
    current_scene().frame_start, current_scene().frame_end = 1, 5
    found = fbx.export_fbx(bpy.context, hands, tmp_path / "hands.fbx", fbx.FbxOptions(bake_correctives=True))
    assert found.faithful, found.sentences()
    assert found.frames_compared == 5
    assert max(hand.left_out_mm for hand in found.hands) < 0.005
    times = FbxFile(tmp_path / "hands.fbx").key_times_s()
    assert np.allclose(times, np.arange(5) / 24.0, atol=1e-6)


def test_paths_with_spaces_and_other_letters(empty_file: None, tmp_path: Path) -> None:
    folder = tmp_path / "Zwei Hände 'und' 両手"
    folder.mkdir()
    path = folder / "Hände 手 №1.fbx"
    assert fbx.export_fbx(bpy.context, built_hands(make_take(2)), path).faithful
    assert sorted(item.name for item in folder.iterdir()) == sorted([path.name, report.report_path(path).name])


def test_a_folder_that_cannot_be_written(empty_file: None, tmp_path: Path) -> None:
    hands = built_hands(make_take(2))
    (tmp_path / "file").write_text("not a folder")
    before = snapshot()
    for path in (tmp_path / "nowhere" / "hands.fbx", tmp_path / "file" / "hands.fbx"):
        with pytest.raises(HandsError) as caught:
            fbx.export_fbx(bpy.context, hands, path)
        assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE
        assert str(path) in caught.value.message
    assert snapshot() == before
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_a_folder_in_the_place_of_the_file(empty_file: None, tmp_path: Path) -> None:
    path = tmp_path / "hands.fbx"
    path.mkdir()
    with pytest.raises(HandsError) as caught:
        fbx.export_fbx(bpy.context, built_hands(make_take(2)), path)
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE
    assert [item.name for item in tmp_path.iterdir()] == ["hands.fbx"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits a file's size by POSIX means")
def test_a_write_that_breaks_off_leaves_the_old_file(empty_file: None, tmp_path: Path) -> None:
    import resource

    hands = built_hands(make_take(2))
    path = tmp_path / "hands.fbx"
    path.write_bytes(b"the old file")
    before = snapshot()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(HandsError) as caught:
            fbx.export_fbx(bpy.context, hands, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE
    assert path.read_bytes() == b"the old file"
    assert [item.name for item in tmp_path.iterdir()] == ["hands.fbx"]
    assert snapshot() == before


def test_nothing_to_export(empty_file: None, tmp_path: Path) -> None:
    with pytest.raises(HandsError) as caught:
        fbx.export_fbx(bpy.context, [], tmp_path / "hands.fbx")
    assert caught.value.code is ErrorCode.USAGE
    assert not list(tmp_path.iterdir())


def test_without_blenders_fbx_add_on(empty_file: None, tmp_path: Path) -> None:
    import addon_utils

    hands = built_hands(make_take(2))
    addon_utils.disable("io_scene_fbx")
    try:
        with pytest.raises(HandsError) as caught:
            fbx.export_fbx(bpy.context, hands, tmp_path / "hands.fbx")
    finally:
        addon_utils.enable("io_scene_fbx")
    assert caught.value.code is ErrorCode.RUNTIME_MISSING
    assert not list(tmp_path.iterdir())
