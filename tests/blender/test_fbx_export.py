# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""What is in an exported file, looked at in the file itself, through both of Blender's importers and by the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
import pytest
from fbx_elements import FbxFile, built_hands
from scene_access import current_scene, world_vertices_m
from take_factory import expected_vertices_m, make_take
from twohand_extension.inference.hands.joints import SIDES
from twohand_extension.twohand_blender.export import bone_names, fbx, fbx_check, report, scratch, source
from twohand_extension.twohand_blender.scene import axes, names

BoneNaming = bone_names.BoneNaming
TOLERANCE_MM = 0.005


def export(hands: Sequence[source.Hand], path: Path, **options: object) -> report.FbxReport:
    return fbx.export_fbx(bpy.context, hands, path, fbx.FbxOptions(**options))


@pytest.mark.parametrize("correctives", [False, True])
def test_the_file_holds_both_hands_exactly(empty_file: None, tmp_path: Path, correctives: bool) -> None:
    take = make_take(12, fps=30.0, first_frame=5)
    found = export(built_hands(take), tmp_path / "hands.fbx", bake_correctives=correctives)
    assert found.faithful, found.sentences()
    assert (found.first_frame, found.last_frame, found.fps, found.frames_compared) == (5, 16, 30.0, 12)
    assert (found.read_first_frame, found.read_last_frame) == pytest.approx((0, 11), abs=1e-3)
    assert [hand.side for hand in found.hands] == ["right", "left"]
    for hand in found.hands:
        assert hand.bones == 16
        assert hand.max_vertex_error_mm < TOLERANCE_MM
        assert hand.rest_error_mm < 0.001
        assert hand.rest_error_deg < 0.001
        if correctives:
            assert hand.left_out_mm < TOLERANCE_MM
        else:
            assert hand.left_out_mm > 0.5  # strong poses: else the report would compare a thing with itself


def test_with_correctives_the_file_is_the_hand_model(empty_file: None, tmp_path: Path) -> None:
    take = make_take(6, seed=3)
    path = tmp_path / "hands.fbx"
    export(built_hands(take), path, bake_correctives=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.fbx_import(filepath=str(path), anim_offset=0.0)
    for hand, side in enumerate(SIDES):
        expected = axes.camera_to_world(expected_vertices_m(take, hand))
        for frame in range(6):
            current_scene().frame_set(frame)
            error = np.linalg.norm(world_vertices_m(names.mesh_name(side)) - expected[frame], axis=1)
            assert 1000 * error.max() < 0.01, (side, frame)


@pytest.mark.parametrize("naming", list(BoneNaming))
def test_bone_names_follow_the_scheme_and_only_in_the_file(
    empty_file: None, tmp_path: Path, naming: bone_names.BoneNaming
) -> None:
    hands = built_hands(make_take(2))
    path = tmp_path / "hands.fbx"
    assert export(hands, path, naming=naming).faithful
    bones = [name for name, kind in FbxFile(path).kinds(b"Objects", b"Model") if kind == "LimbNode"]
    expected = {bone_names.exported_bone_name(joint, side, naming) for joint in range(16) for side in SIDES}
    assert len(expected) == 32  # unique over both hands
    assert sorted(bones) == sorted(expected)
    for hand in hands:
        assert set(source.armature_of(hand.armature).bones.keys()) == set(names.bone_names(hand.side))


def test_the_schemes_names_are_those_of_the_programs() -> None:
    def of(naming: bone_names.BoneNaming) -> list[str]:
        return [bone_names.exported_bone_name(joint, "left", naming) for joint in (0, 1, 8, 15)]

    assert of(BoneNaming.OWN) == ["hand_L", "index_01_L", "pinky_02_L", "thumb_03_L"]
    assert of(BoneNaming.UNREAL) == ["hand_l", "index_01_l", "pinky_02_l", "thumb_03_l"]
    assert of(BoneNaming.UNITY) == ["LeftHand", "LeftIndexProximal", "LeftLittleIntermediate", "LeftThumbDistal"]
    assert of(BoneNaming.MIXAMO) == [
        "mixamorig:LeftHand",
        "mixamorig:LeftHandIndex1",
        "mixamorig:LeftHandPinky2",
        "mixamorig:LeftHandThumb3",
    ]


def test_one_take_in_centimetres_from_time_zero_without_leaf_bones(empty_file: None, tmp_path: Path) -> None:
    path = tmp_path / "hands.fbx"
    export(built_hands(make_take(7, fps=25.0, first_frame=40)), path, bake_correctives=True)
    file = FbxFile(path)
    assert file.names(b"Objects", b"AnimationStack") == ["Hands"]
    assert len(file.names(b"Objects", b"AnimationLayer")) == 1
    assert file.setting(b"UnitScaleFactor") == 1.0
    assert np.allclose(file.key_times_s(), np.arange(7) / 25.0, atol=1e-6)
    scales = file.model_property(b"Lcl Scaling")
    assert len(scales) >= 32  # defaults may be left out of a file
    assert np.allclose(scales, 1.0, atol=1e-5)
    models = file.kinds(b"Objects", b"Model")
    assert len(models) == 32 + 4
    objects = [name for name, kind in models if kind != "LimbNode"]
    assert objects == ["HandArmature_L", "HandArmature_R", "HandMesh_L", "HandMesh_R"]  # armatures before meshes
    assert sorted(file.names(b"Objects", b"Material")) == ["HandSkin_L", "HandSkin_R"]


def test_blenders_python_importer_reads_both_rigs(empty_file: None, tmp_path: Path) -> None:
    take = make_take(4)
    path = tmp_path / "hands.fbx"
    export(built_hands(take), path, bake_correctives=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)
    for mesh in bpy.data.meshes:
        for key in mesh.shape_keys.key_blocks if mesh.shape_keys else ():
            assert 0.0 <= key.slider_min <= key.slider_max
    for hand, side in enumerate(SIDES):
        expected = axes.camera_to_world(expected_vertices_m(take, hand))
        for frame in range(4):
            current_scene().frame_set(frame)
            error = np.linalg.norm(world_vertices_m(names.mesh_name(side)) - expected[frame], axis=1)
            assert 1000 * error.max() < 0.01, (side, frame)


@pytest.mark.parametrize("side", SIDES)
def test_one_hand_alone(empty_file: None, tmp_path: Path, side: str) -> None:
    hands = [hand for hand in built_hands(make_take(3)) if hand.side == side]
    path = tmp_path / "hand.fbx"
    found = export(hands, path)
    assert found.faithful
    assert [hand.side for hand in found.hands] == [side]
    assert len(FbxFile(path).names(b"Objects", b"Model")) == 18


def test_a_single_picture_is_one_key_at_time_zero(empty_file: None, tmp_path: Path) -> None:
    found = export(built_hands(make_take(1, fps=0.0)), tmp_path / "hands.fbx")
    assert found.faithful
    assert "one frame" in found.sentences()[0]
    assert np.allclose(FbxFile(tmp_path / "hands.fbx").key_times_s(), 0.0)


def test_a_part_of_the_clip(empty_file: None, tmp_path: Path) -> None:
    found = export(built_hands(make_take(12)), tmp_path / "hands.fbx", frames=(4, 9))
    assert found.faithful
    assert found.frames_compared == 6
    assert np.allclose(FbxFile(tmp_path / "hands.fbx").key_times_s(), np.arange(6) / 24.0, atol=1e-6)


def test_a_frame_rate_that_is_no_whole_number(empty_file: None, tmp_path: Path) -> None:
    found = export(built_hands(make_take(40, fps=30000 / 1001)), tmp_path / "hands.fbx")
    assert found.faithful, found.sentences()
    assert found.fps == pytest.approx(29.97, abs=1e-3)


def test_shape_keys_stay_between_zero_and_one(empty_file: None, tmp_path: Path) -> None:
    export(built_hands(make_take(8)), tmp_path / "hands.fbx", bake_correctives=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.fbx_import(filepath=str(tmp_path / "hands.fbx"), anim_offset=0.0)
    seen = 0
    for frame in range(8):
        current_scene().frame_set(frame)
        for mesh in bpy.data.meshes:
            assert mesh.shape_keys is not None
            values = [key.value for key in mesh.shape_keys.key_blocks[1:]]
            seen += sum(value > 0.01 for value in values)
            assert min(values) >= 0.0
            assert max(values) <= 1.0
    assert seen > 100


def test_long_clips_are_compared_at_spread_frames(
    empty_file: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fbx_check, "COMPARED_FRAMES", 4)
    found = export(built_hands(make_take(11)), tmp_path / "hands.fbx")
    assert found.frames_compared == 4
    assert found.faithful


def test_the_report_is_kept_beside_the_file(empty_file: None, tmp_path: Path) -> None:
    path = tmp_path / "hands.fbx"
    found = export(built_hands(make_take(2)), path)
    kept = json.loads(report.report_path(path).read_text(encoding="utf-8"))
    assert kept["faithful"] is True
    assert kept["file"] == str(path)
    assert [hand["side"] for hand in kept["hands"]] == ["right", "left"]
    assert any("vertex error" in sentence for sentence in found.sentences())


def test_a_vertex_that_is_off_is_found(empty_file: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself must be able to fail: the file is written with one vertex 2 mm away."""
    write = fbx._write

    def write_with_a_fault(context, scene, hands, path):
        mesh = source.mesh_of(hands[0].mesh)
        for step_cm in (0.2, -0.2):  # the copies are in centimetres
            mesh.vertices[5].co.x += step_cm
            mesh.update()
            mesh.update_tag()
            scene.view_layers[0].update()
            if step_cm > 0:
                write(context, scene, hands, path)

    monkeypatch.setattr(fbx, "_write", write_with_a_fault)
    found = export(built_hands(make_take(3)), tmp_path / "hands.fbx")
    assert not found.faithful
    assert found.hands[0].max_vertex_error_mm == pytest.approx(2.0, abs=0.01)
    assert found.hands[1].faithful


def test_a_bone_that_is_off_or_missing_is_found(
    empty_file: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = fbx._write

    def write_with_a_fault(context, scene, hands, path):
        bones = source.armature_of(hands[1].armature).bones
        bones["index_01_L"].name = "index_finger"
        write(context, scene, hands, path)
        bones["index_finger"].name = "index_01_L"

    monkeypatch.setattr(fbx, "_write", write_with_a_fault)
    found = export(built_hands(make_take(3)), tmp_path / "hands.fbx")
    assert found.hands[0].faithful
    assert found.hands[1].missing_bones == ["index_01_L", "index_02_L"]  # the second hangs on another bone
    assert any("Missing bones" in sentence for sentence in found.sentences())


def test_a_file_that_cannot_be_read_back_is_said_so(
    empty_file: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fbx, "_write", lambda context, scene, hands, path: path.write_bytes(b"no fbx"))
    found = export(built_hands(make_take(2)), tmp_path / "hands.fbx")
    assert not found.faithful
    assert "could not be read back" in found.sentences()[0]


def test_lent_names_come_back_after_an_error(empty_file: None) -> None:
    first = bpy.data.objects.new("Anna", None)
    second = bpy.data.objects.new("Berta", None)
    with pytest.raises(ValueError, match="stop"), scratch.lent_names([(second, "Anna")]):
        assert second.name == "Anna"
        assert first.name != "Anna"
        raise ValueError("stop")
    assert (first.name, second.name) == ("Anna", "Berta")
