# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The main proof: what stands in Blender is the hand model, vertex by vertex, on every frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from scene_access import current_scene, world_vertices_m
from take_factory import expected_vertices_m, make_take, open_models
from twohand_extension.inference.contract import ErrorCode, HandsError, Take
from twohand_extension.inference.hands.joints import SIDES, Side
from twohand_extension.inference.motion.gaps import fill_take
from twohand_extension.twohand_blender.scene import action, axes, build, take_motion, timeline
from twohand_extension.twohand_blender.scene.bone_motion import HandMotion

TOLERANCE_M = 1e-5


def action_curves(armature: bpy.types.Object) -> bpy.types.ActionChannelbagFCurves:
    curves = action.curves_of(armature)
    assert curves is not None
    return curves


def motions_of(take: Take) -> dict[Side, HandMotion]:
    return take_motion.hand_motions(fill_take(take), timeline.timeline_of(take))


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
    assert_equals_model(take, build.build_take(bpy.context, take, open_models()))


def test_shapes_beyond_the_usual_sliders_are_exact_too(empty_file: None) -> None:
    take = make_take(3)
    take.betas[:] = np.linspace(-8.0, 8.0, take.betas.shape[1])
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


def test_settings_come_from_the_take_unless_they_are_to_stay(empty_file: None) -> None:
    scene = current_scene()
    build.build_take(bpy.context, make_take(7, fps=30000 / 1001, first_frame=5), open_models())
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (5, 11, 5)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(29.97002997)
    assert (scene.render.resolution_x, scene.render.resolution_y) == (640, 480)
    assert scene.camera is not None and scene.camera.name == "HandCamera"

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = current_scene()
    before = (scene.frame_start, scene.frame_end, scene.render.fps, scene.render.resolution_x, scene.camera)
    keep = build.BuildOptions(
        set_frame_range=False, set_frame_rate=False, set_render_size=False, set_active_camera=False
    )
    build.build_take(bpy.context, make_take(7, fps=50.0), open_models(), keep)
    assert (scene.frame_start, scene.frame_end, scene.render.fps, scene.render.resolution_x, scene.camera) == before


def test_a_hand_that_was_never_seen_is_not_built(empty_file: None) -> None:
    present = np.array([[False] * 4, [True] * 4])
    built = build.build_take(bpy.context, make_take(4, present=present), open_models())
    assert built.armatures == {"left": "HandArmature_L"}
    assert built.meshes == {"left": "HandMesh_L"}
    assert [item.name for item in bpy.data.objects if item.type == "ARMATURE"] == ["HandArmature_L"]


def test_a_take_without_hands_is_refused(empty_file: None) -> None:
    with pytest.raises(HandsError) as caught:
        build.build_take(bpy.context, make_take(2, present=np.zeros((2, 2), dtype=bool)), open_models())
    assert caught.value.code is ErrorCode.NO_HANDS
    assert len(bpy.data.objects) == 0


def test_a_take_of_another_hand_model_is_refused(empty_file: None) -> None:
    with pytest.raises(HandsError, match="'mano'") as caught:
        build.build_take(bpy.context, replace(make_take(2), model_name="mano"), open_models())
    assert caught.value.code is ErrorCode.MODEL_MISSING


def test_a_changed_hand_model_is_told(empty_file: None) -> None:
    built = build.build_take(bpy.context, replace(make_take(2), model_sha256=("0", "0")), open_models())
    assert any("has changed since" in warning for warning in built.warnings)


def test_an_impossible_shape_is_refused(empty_file: None) -> None:
    take = make_take(2)
    take.betas[1, 3] = 10.5
    with pytest.raises(HandsError, match="left hand") as caught:
        build.build_take(bpy.context, take, open_models())
    assert caught.value.code is ErrorCode.TAKE_DAMAGED


def test_rekeying_changes_the_motion_and_keeps_everything_else(empty_file: None) -> None:
    take, other = make_take(9), make_take(9, seed=5)
    other.betas[:] = take.betas
    built = build.build_take(bpy.context, take, open_models())
    before = bpy.data.actions[built.action]
    armature = bpy.data.objects[built.armatures["right"]]
    own = action_curves(armature).new('pose.bones["hand_R"].scale', index=0)
    own.keyframe_points.insert(1, 2.0)
    own.mute = True
    written = build.rekey(current_scene(), built, motions_of(other))
    assert written == ("right", "left")
    assert_equals_model(other, built)
    assert bpy.data.actions[built.action] == before and len(bpy.data.actions) == 1
    assert action_curves(armature).find('pose.bones["hand_R"].scale', index=0).keyframe_points[0].co[1] == 2.0
    assert len(action_curves(armature)) == 3 + 16 * 4 + 1


def test_rekeying_leaves_an_action_of_the_users_alone(empty_file: None) -> None:
    take = make_take(4)
    built = build.build_take(bpy.context, take, open_models())
    data = bpy.data.objects[built.armatures["left"]].animation_data
    assert data is not None
    data.action = bpy.data.actions.new("Mine")
    written = build.rekey(current_scene(), built, motions_of(take))
    assert written == ("right",)
    assert len(bpy.data.actions["Mine"].layers) == 0
