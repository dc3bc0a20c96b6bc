# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""The animation data: one Action, a slot for each rig, keys without sign flips."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray
from scene_access import current_scene
from take_factory import make_take, open_models
from twohand_extension.twohand_blender.scene import action, build, names


def curves_of(object_name: str) -> bpy.types.ActionChannelbagFCurves:
    curves = action.curves_of(bpy.data.objects[object_name])
    assert curves is not None
    return curves


def keys_of(curve: bpy.types.FCurve | None) -> NDArray[np.float64]:
    """(F, 2) frame and value."""
    assert curve is not None
    flat = np.empty(2 * len(curve.keyframe_points), dtype=np.float32)
    curve.keyframe_points.foreach_get("co", flat)
    return flat.reshape(-1, 2).astype(np.float64)


def quaternions(object_name: str, bone: str) -> NDArray[np.float64]:
    """(F, 4) keyed quaternions of a bone."""
    path = f'pose.bones["{bone}"].rotation_quaternion'
    return np.stack([keys_of(curves_of(object_name).find(path, index=i))[:, 1] for i in range(4)], axis=1)


def test_one_action_with_a_slot_for_each_rig(empty_file: None) -> None:
    built = build.build_take(bpy.context, make_take(3), open_models())
    assert [item.name for item in bpy.data.actions] == [built.action]
    made = bpy.data.actions[built.action]
    assert sorted(slot.name_display for slot in made.slots) == ["HandArmature_L", "HandArmature_R"]
    assert (len(made.layers), len(made.layers[0].strips)) == (1, 1)
    slots = set()
    for rig in built.armatures.values():
        data = bpy.data.objects[rig].animation_data
        assert data is not None and data.action == made and data.action_slot is not None
        slots.add(data.action_slot.identifier)
    assert slots == {"OBHandArmature_L", "OBHandArmature_R"}


def test_the_hand_moves_and_turns_and_fingers_only_turn(empty_file: None) -> None:
    built = build.build_take(bpy.context, make_take(3), open_models())
    for side, rig in built.armatures.items():
        paths = {(curve.data_path, curve.array_index): curve for curve in curves_of(rig)}
        bones = names.bone_names(side)
        expected = {(f'pose.bones["{bones[0]}"].location', index) for index in range(3)}
        expected |= {(f'pose.bones["{bone}"].rotation_quaternion', index) for bone in bones for index in range(4)}
        assert set(paths) == expected
        for (path, _index), curve in paths.items():
            assert curve.group is not None and f'"{curve.group.name}"' in path
            assert {point.interpolation for point in curve.keyframe_points} == {"LINEAR"}
            np.testing.assert_array_equal(keys_of(curve)[:, 0], [1, 2, 3])


def test_quaternions_never_flip_their_sign(empty_file: None) -> None:
    take = make_take(40)
    # What a fitter may well return: w >= 0 in every frame, so a turn through 180 degrees jumps.
    take.quat_wxyz[:] = np.where(take.quat_wxyz[..., :1] < 0, -take.quat_wxyz, take.quat_wxyz)
    take.quat_wxyz[:, ::2] *= -1
    built = build.build_take(bpy.context, take, open_models())
    for side, rig in built.armatures.items():
        for bone in names.bone_names(side):
            quat = quaternions(rig, bone)
            assert (np.sum(quat[1:] * quat[:-1], axis=1) > 0).all()
            assert quat[0, 0] >= 0
            np.testing.assert_allclose(np.linalg.norm(quat, axis=1), 1, atol=1e-6)


def test_frames_that_were_not_seen_are_filled_and_marked(empty_file: None) -> None:
    present = np.ones((2, 40), dtype=bool)
    present[0, 5:8] = False
    present[1, 20:] = False
    built = build.build_take(bpy.context, make_take(40, present=present), open_models())
    right = curves_of(built.armatures["right"])[0].keyframe_points
    left = curves_of(built.armatures["left"])[0].keyframe_points
    assert [point.type for point in right] == ["KEYFRAME"] * 5 + ["BREAKDOWN"] * 3 + ["KEYFRAME"] * 32
    assert [point.type for point in left] == ["KEYFRAME"] * 20 + ["MOVING_HOLD"] * 20
    held = quaternions(built.armatures["left"], "index_02_L")
    np.testing.assert_array_equal(held[20:], np.tile(held[19], (20, 1)))


def test_frames_that_were_left_out_are_interpolated_by_blender(empty_file: None) -> None:
    take = make_take(3)
    take.frames[:] = [10, 14, 20]
    built = build.build_take(bpy.context, take, open_models())
    curve = curves_of(built.armatures["right"]).find('pose.bones["hand_R"].location', index=0)
    keys = keys_of(curve)
    np.testing.assert_array_equal(keys[:, 0], [10, 14, 20])
    assert curve is not None and curve.evaluate(12) == pytest.approx(keys[:2, 1].mean(), abs=1e-6)
    assert (built.first_frame, built.last_frame) == (10, 20)
    assert (current_scene().frame_start, current_scene().frame_end) == (10, 20)


def test_a_still_picture_gets_one_key(empty_file: None) -> None:
    built = build.build_take(bpy.context, make_take(1, fps=0.0), open_models())
    assert {len(curve.keyframe_points) for curve in curves_of(built.armatures["left"])} == {1}
    assert (built.first_frame, built.last_frame) == (1, 1)
    assert built.warnings == ("'clip.mp4' cannot be shown behind the hands.",)


def test_writing_fewer_keys_leaves_no_old_ones() -> None:
    made = action.new_action("short")
    slot = made.slots.new(id_type="OBJECT", name="x")
    curve = action.channelbag_of(made, slot).fcurves.new("location", index=0)
    for count in (5, 2, 7):
        frames = np.arange(count, dtype=np.int64)
        action.write_curve(curve, frames, frames * 2.0, np.zeros(count, dtype=np.int32))
        np.testing.assert_allclose(keys_of(curve), np.stack([frames, frames * 2.0], axis=1))
    bpy.data.actions.remove(made)
