# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand and scene.twohand exist while it is registered
"""Smoothing in Blender: what is keyed at which strength, re-keying from the take file, and what stays the user's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from addon_session import draw, registered
from numpy.typing import NDArray
from scene_access import current_scene, pose_of, view_layer
from take_factory import make_take
from twohand_extension.inference.contract import Take, write_take
from twohand_extension.inference.hands import rotations
from twohand_extension.twohand_blender import panels
from twohand_extension.twohand_blender.scene import action


@pytest.fixture(autouse=True)
def addon(empty_file: None) -> Iterator[None]:
    with registered():
        yield


def still_take(frame_count: int = 60, present: NDArray[np.bool_] | None = None, noise: float = 1.0) -> Take:
    """Two hands that hold still, with the jitter that landmarks have."""
    take = make_take(frame_count, present=present, fps=30.0)
    rng = np.random.default_rng(3)
    quat = np.broadcast_to(take.quat_wxyz[:, 2:3], take.quat_wxyz.shape)
    turn = rotations.rotvec_to_quat_wxyz(np.deg2rad(2.0 * noise) * rng.normal(size=(*quat.shape[:-1], 3)))
    wrist = np.broadcast_to(take.translation_m[:, 2:3], take.translation_m.shape)
    wrist = wrist + noise * np.array([0.001, 0.001, 0.006]) * rng.normal(size=wrist.shape)
    seen = take.present
    return replace(
        take,
        quat_wxyz=np.where(seen[..., None, None], rotations.multiply_quat_wxyz(quat, turn), take.quat_wxyz),
        translation_m=np.where(seen[..., None], wrist, 0.0),
    )


def imported(folder: Path, take: Take, smoothing: float | None = None) -> Path:
    path = folder / "clip.hands.npz"
    write_take(take, path)
    if smoothing is not None:
        current_scene().twohand.smoothing = smoothing
    assert bpy.ops.twohand.import_take(filepath=str(path)) == {"FINISHED"}
    return path


def keys_of(name: str) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(C, F) values of a rig's curves, in the order of their paths, and their types as numbers."""
    curves = action.curves_of(bpy.data.objects[name])
    assert curves is not None
    values, types = [], []
    for curve in sorted(curves, key=lambda item: (item.data_path, item.array_index)):
        flat = np.empty(2 * len(curve.keyframe_points), dtype=np.float32)
        curve.keyframe_points.foreach_get("co", flat)
        kind = np.empty(len(curve.keyframe_points), dtype=np.int32)
        curve.keyframe_points.foreach_get("type", kind)
        values.append(flat[1::2])
        types.append(kind)
    return np.array(values), np.array(types)


def jitter_mm(name: str) -> float:
    """Mean length of the second difference of where a rig's bones end in the scene, as in `docs/fit.md`."""
    scene, armature = current_scene(), bpy.data.objects[name]
    tails = []
    now = scene.frame_current
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        tails.append([(armature.matrix_world @ bone.tail)[:] for bone in pose_of(armature).bones])
    scene.frame_set(now)
    return 1e3 * float(np.linalg.norm(np.diff(np.array(tails), 2, axis=0), axis=-1).mean())


def test_the_default_takes_out_three_quarters_of_the_jitter_and_zero_gives_it_back(tmp_path: Path) -> None:
    take = still_take()
    imported(tmp_path, take, 0.0)
    raw = {name: keys_of(name)[0] for name in ("HandArmature_R", "HandArmature_L")}
    raw_jitter = {name: jitter_mm(name) for name in raw}
    current_scene().twohand.property_unset("smoothing")
    assert bpy.ops.twohand.smooth() == {"FINISHED"}
    for name, before in raw_jitter.items():
        assert jitter_mm(name) < before / 4
    current_scene().twohand.smoothing = 0.0
    assert bpy.ops.twohand.smooth() == {"FINISHED"}
    for name, values in raw.items():
        np.testing.assert_array_equal(keys_of(name)[0], values)


def test_importing_smooths_by_the_setting(tmp_path: Path) -> None:
    imported(tmp_path, still_take(), 0.0)
    raw = jitter_mm("HandArmature_R")
    current_scene().twohand.property_unset("smoothing")
    imported(tmp_path, still_take())
    at_import = keys_of("HandArmature_R")[0]
    assert jitter_mm("HandArmature_R") < raw / 4
    assert bpy.ops.twohand.smooth() == {"FINISHED"}
    np.testing.assert_array_equal(keys_of("HandArmature_R")[0], at_import)


def test_gaps_stay_marked(tmp_path: Path) -> None:
    present = np.ones((2, 60), dtype=bool)
    present[0, 20:24] = present[0, 50:] = present[1, :5] = False
    imported(tmp_path, still_take(present=present), 0.0)
    before = {name: keys_of(name)[1] for name in ("HandArmature_R", "HandArmature_L")}
    assert {len(set(types.ravel().tolist())) for types in before.values()} == {3, 2}
    current_scene().twohand.smoothing = 0.6
    assert bpy.ops.twohand.smooth() == {"FINISHED"}
    for name, types in before.items():
        np.testing.assert_array_equal(keys_of(name)[1], types)


def test_the_pose_that_is_shown_follows_at_once(tmp_path: Path) -> None:
    imported(tmp_path, still_take(), 0.0)
    current_scene().frame_set(7)
    bone = pose_of(bpy.data.objects["HandArmature_R"]).bones["hand_R"]
    before = bone.location[:]
    current_scene().twohand.smoothing = 0.7
    assert bpy.ops.twohand.smooth() == {"FINISHED"}
    view_layer().update()
    assert bone.location[:] != before
    shown = bone.location[:]
    current_scene().frame_set(7)
    assert bone.location[:] == pytest.approx(shown, abs=1e-6)


def test_nothing_of_the_users_is_touched(tmp_path: Path) -> None:
    imported(tmp_path, still_take(), 0.0)
    right, left = bpy.data.objects["HandArmature_R"], bpy.data.objects["HandArmature_L"]
    right.location = (1.0, 2.0, 3.0)
    constraint = pose_of(right).bones["index_01_R"].constraints.new("LIMIT_ROTATION")
    assert left.animation_data is not None and left.animation_data.action is not None
    assert left.animation_data.action_slot is not None
    slot_name = left.animation_data.action_slot.identifier
    copy = left.animation_data.action.copy()  # bears the add-on's mark, and is the user's
    left.animation_data.action = copy
    left.animation_data.action_slot = copy.slots[slot_name]
    theirs = keys_of("HandArmature_L")[0]
    objects = sorted(bpy.data.objects.keys())
    current_scene().twohand.smoothing = 0.5
    current_scene().frame_set(9)
    raw = jitter_mm("HandArmature_R")
    assert bpy.ops.twohand.smooth() == {"FINISHED"}
    assert jitter_mm("HandArmature_R") < raw / 4
    np.testing.assert_array_equal(keys_of("HandArmature_L")[0], theirs)
    assert sorted(bpy.data.objects.keys()) == objects
    assert right.location[:] == (1.0, 2.0, 3.0)
    assert constraint.name in pose_of(right).bones["index_01_R"].constraints
    assert current_scene().frame_current == 9 and len(bpy.data.actions) == 2
    assert right.animation_data is not None
    right.animation_data.action = None
    with pytest.raises(RuntimeError, match="actions of yours"):
        bpy.ops.twohand.smooth()


def test_one_sentence_where_the_take_file_is_gone_or_another(tmp_path: Path) -> None:
    path = imported(tmp_path, still_take())
    before = keys_of("HandArmature_R")[0]
    moved = path.rename(tmp_path / "elsewhere.npz")
    with pytest.raises(RuntimeError, match=r"The take file of 'clip' is gone\."):
        bpy.ops.twohand.smooth()
    write_take(still_take(noise=2.0), path)
    with pytest.raises(RuntimeError, match=r"'clip\.hands\.npz' has changed since 'clip' was built\."):
        bpy.ops.twohand.smooth()
    np.testing.assert_array_equal(keys_of("HandArmature_R")[0], before)
    # A take that travelled with the .blend file is found beside it.
    project = tmp_path / "project"
    project.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "shot.blend"))
    moved.rename(project / path.name)
    assert bpy.ops.twohand.smooth() == {"FINISHED"}
    for collection in bpy.data.collections:
        if "twohand_take_path" in collection:
            del collection["twohand_take_path"]
    with pytest.raises(RuntimeError, match="not known which take file"):
        bpy.ops.twohand.smooth()


def test_without_hands_it_says_why(tmp_path: Path) -> None:
    assert not bpy.ops.twohand.smooth.poll()
    with pytest.raises(RuntimeError, match="no hands in this scene"):
        bpy.ops.twohand.smooth()
    imported(tmp_path, still_take(4))
    with pytest.raises(RuntimeError, match="no hands 'other'"):
        bpy.ops.twohand.smooth(take_name="other")
    shown = draw(panels.TWOHAND_PT_results)
    assert "operator twohand.smooth" in shown and "prop smoothing" in shown
    assert "prop smoothing" in draw(panels.TWOHAND_PT_build)


def test_the_exported_file_is_as_faithful_as_before(tmp_path: Path) -> None:
    imported(tmp_path, still_take(20), 0.0)
    current_scene().twohand.smoothing = 0.5
    assert bpy.ops.twohand.smooth() == {"FINISHED"}
    assert bpy.ops.twohand.export_fbx(filepath=str(tmp_path / "two.fbx")) == {"FINISHED"}
    assert json.loads((tmp_path / "two.fbx.report.json").read_text())["faithful"]
