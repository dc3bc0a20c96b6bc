# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand exists while it is registered
"""The pose library in Blender: assets that pose either hand as the library says, once each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from uuid import UUID

import bpy
import numpy as np
import pytest
from addon_session import draw, registered
from scene_access import pose_of, view_layer, world_vertices_m
from take_factory import ROOT, make_take, open_models
from twohand_extension.inference.hands import pose_library, rotations, skinning
from twohand_extension.inference.hands.joints import SIDES, Side
from twohand_extension.twohand_blender import panels
from twohand_extension.twohand_blender.operators import add_pose_library
from twohand_extension.twohand_blender.scene import axes, build, pose_assets

FILE = ROOT / "weights" / "open_hand_poses.npz"


def pose_actions() -> dict[str, bpy.types.Action]:
    return {action["twohand_pose"]: action for action in bpy.data.actions if "twohand_pose" in action}


def resting_rigs(**options: Any) -> build.BuiltHands:
    """Hands of the mean shape, whose bones stand at rest in the world's middle."""
    take = make_take(1)
    take.betas[:] = 0.0
    built = build.build_take(bpy.context, take, open_models(), build.BuildOptions(**options))
    for name in built.armatures.values():
        rig = bpy.data.objects[name]
        rig.animation_data_clear()
        for bone in pose_of(rig).bones:
            bone.location, bone.rotation_quaternion = (0, 0, 0), (1, 0, 0, 0)
    return built


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("limited", [False, True], ids=["free", "limited"])
def test_an_applied_asset_is_the_pose_of_the_library(empty_file: None, side: Side, limited: bool) -> None:
    built, model = resting_rigs(limit_bones=limited), open_models()[side]
    rig = bpy.data.objects[built.armatures[side]]
    rig.name = "Renamed by the user"
    pose_assets.add_pose_assets(FILE)
    for name, action in pose_actions().items():
        pose_of(rig).apply_pose_from_action(action, evaluation_time=1.0)
        view_layer().update()
        matrices = rotations.quat_wxyz_to_matrix(pose_library.local_quat_wxyz(pose_library.POSES[name], model))
        expected = skinning.pose_hand(model, matrices, np.zeros(model.shape_count), model.joint_template[0])
        error = np.linalg.norm(world_vertices_m(built.meshes[side]) - axes.model_to_rest(expected.vertices_m), axis=1)
        assert error.max() < 2e-5, name


def test_applying_a_pose_leaves_the_wrist_where_it_is(empty_file: None) -> None:
    rig = bpy.data.objects[resting_rigs().armatures["right"]]
    hand = pose_of(rig).bones["hand_R"]
    hand.rotation_quaternion, hand.location = (0.6, 0.8, 0.0, 0.0), (0.1, 0.2, 0.3)
    pose_assets.add_pose_assets(FILE)
    pose_of(rig).apply_pose_from_action(pose_actions()["fist"], evaluation_time=1.0)
    np.testing.assert_allclose(hand.rotation_quaternion[:], (0.6, 0.8, 0.0, 0.0), atol=1e-6)
    np.testing.assert_allclose(hand.location[:], (0.1, 0.2, 0.3), atol=1e-6)


def test_the_assets_are_24_poses_with_a_name_and_a_picture(empty_file: None) -> None:
    made = pose_assets.add_pose_assets(FILE)
    assert len(made) == 24 and set(pose_actions()) == set(pose_library.POSES)
    assert "Hand Thumbs Up" in bpy.data.actions
    pictures = set()
    for name, action in pose_actions().items():
        data, preview = action.asset_data, cast(Any, action.preview)  # the stubs take its pixels for numbers
        assert data is not None
        assert (data.description, data.license) == (pose_library.POSES[name].description, "CC0-1.0")
        assert action.use_fake_user, "kept in the file although nothing uses it"
        assert (action.curve_frame_range[0], action.curve_frame_range[1]) == (1.0, 1.0), "a pose, not an animation"
        assert tuple(preview.image_size) == (96, 96)
        pixels = np.array(preview.image_pixels_float[:]).reshape(96, 96, 4)
        assert 0.08 < np.mean(pixels[..., 3] > 0.5) < 0.6
        assert pixels[:20, 30:60, 3].max() > 0.9 and pixels[-2:, ..., 3].max() < 0.5, "the wrist is below"
        pictures.add(pixels.tobytes())
    assert len(pictures) == 24


def test_saved_and_opened_again_they_are_assets(empty_file: None, tmp_path: Path) -> None:
    pose_assets.add_pose_assets(FILE)
    path = str(tmp_path / "poses.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    libraries = cast(Any, bpy.data.libraries)  # to the stubs, `load` gives nothing back
    with libraries.load(path, assets_only=True) as (listed, _):
        assert len(listed.actions) == 24
    bpy.ops.wm.open_mainfile(filepath=path)
    assert len(pose_actions()) == 24
    for action in pose_actions().values():
        assert action.asset_data is not None
        assert action.asset_data["is_single_frame"], "Blender takes it for a pose"
        assert action.asset_data.catalog_id == pose_assets.POSE_CATALOG_ID
    line = f"{pose_assets.POSE_CATALOG_ID}:Hands/Poses:Hands-Poses"
    assert line in (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
    assert str(UUID(pose_assets.POSE_CATALOG_ID)) == pose_assets.POSE_CATALOG_ID


def test_a_catalog_that_the_user_chose_stays(empty_file: None) -> None:
    pose_assets.add_pose_assets(FILE)
    fist = pose_actions()["fist"]
    assert fist.asset_data is not None
    fist.asset_data.catalog_id = "11111111-2222-4333-8444-555555555555"
    bpy.data.actions.remove(pose_actions()["claw"])
    assert len(pose_assets.add_pose_assets(FILE)) == 1
    assert fist.asset_data is not None
    assert fist.asset_data.catalog_id == "11111111-2222-4333-8444-555555555555"


def test_run_twice_adds_nothing_and_the_users_changes_stay(empty_file: None) -> None:
    with registered():
        assert bpy.ops.twohand.add_pose_library() == {"FINISHED"}
        pose_actions()["fist"].name = "My fist"
        assert bpy.ops.twohand.add_pose_library() == {"CANCELLED"}
        assert len(bpy.data.actions) == 24 and "My fist" in bpy.data.actions
        bpy.data.actions.remove(pose_actions()["claw"])
        pose_actions()["flat"].asset_clear()
        assert bpy.ops.twohand.add_pose_library() == {"FINISHED"}
        assert len(bpy.data.actions) == 24
        assert all(action.asset_data is not None for action in pose_actions().values())


def test_one_undo_step_takes_them_back(empty_file: None) -> None:
    """Undo itself needs a window; what asks Blender for a step is this flag."""
    assert "UNDO" in add_pose_library.TWOHAND_OT_add_pose_library.bl_options


def test_the_sidebar_offers_them_where_there_are_hands(empty_file: None) -> None:
    with registered():
        resting_rigs()
        assert "operator twohand.add_pose_library" in draw(panels.TWOHAND_PT_results)
