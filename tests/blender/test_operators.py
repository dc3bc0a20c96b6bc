# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand and scene.twohand exist while it is registered
"""The operators against a scripted worker: in background, and pumped as Blender's timer does it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from addon_session import copying, draw, registered, script_worker
from scene_access import current_scene, pose_of
from take_factory import ROOT, make_take
from twohand_extension.inference.commands import serve
from twohand_extension.inference.contract import write_take
from twohand_extension.twohand_blender import boxes, job, locations, panels, results, summary, worker_options
from twohand_extension.twohand_blender.operators import reconstruct, running
from twohand_extension.twohand_blender.scene import collection
from twohand_extension.twohand_blender.scene.material import SKIN_TONES

RUNNING = running.RUNNING
WORKER_PYTHON = os.environ.get("TWOHAND_WORKER_PYTHON", sys.executable if sys.version_info[:2] == (3, 11) else "")


@pytest.fixture(autouse=True)
def addon(empty_file: None) -> Iterator[None]:
    with registered():
        yield


@pytest.fixture
def take_path(tmp_path: Path) -> Path:
    path = tmp_path / "zwei Hände 手.hands.npz"
    write_take(make_take(4), path)
    return path


def test_background_reconstruction_builds_the_hands(
    tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_worker(tmp_path, monkeypatch, copying(take_path))
    target = tmp_path / "out.hands.npz"
    assert bpy.ops.twohand.reconstruct(input_path=str(tmp_path / "clip.mp4"), take_path=str(target)) == {"FINISHED"}
    assert target.is_file()
    assert {"HandArmature_R", "HandArmature_L", "HandCamera"} <= set(bpy.data.objects.keys())
    key = collection.built_keys(current_scene())[0]
    assert any("Right hand: 4 of 4 frames" in line for line in results.summary_of(current_scene(), key))
    assert not RUNNING.active


def test_the_request_is_what_the_worker_understands(tmp_path: Path) -> None:
    settings = current_scene().twohand
    source, take = tmp_path / "a.png", tmp_path / "a.hands.npz"
    settings.input_path = str(source)
    assert worker_options.worker_options(current_scene(), source) == {}
    settings.as_sequence, settings.sequence_fps = True, 25.0
    settings.use_frame_range, settings.frame_start, settings.frame_end, settings.frame_step = True, -3, 20, 2
    settings.focal_source, settings.focal_mm = "GIVEN", 28.0
    settings.engine, settings.device, settings.shape_source = "TWOHAND", "CPU", "EACH"
    boxes.put_box(settings, "LEFT", 12, (10.0, 20.5, 300.0, 280.0))
    boxes.put_box(settings, "LEFT", -3, (1.0, 2.0, 30.0, 28.0))
    options = worker_options.worker_options(current_scene(), source)
    assert options == {
        "sequence": True, "fps": 25.0, "start": -3, "end": 20, "step": 2, "focal_mm": 28.0, "engine": "twohand",
        "device": "cpu", "shape": "each", "left_box": {"-3": [1.0, 2.0, 30.0, 28.0], "12": [10.0, 20.5, 300.0, 280.0]},
    }  # fmt: skip
    settings.take_path = str(take)
    request = reconstruct.reconstruct_request(bpy.context)
    assert request == {"request": "reconstruct", "input": str(source), "out": str(take), "options": options}
    served = serve.request_arguments(request)
    assert dict(served.left_box) == {-3: (1.0, 2.0, 30.0, 28.0), 12: (10.0, 20.5, 300.0, 280.0)}
    assert (served.start, served.end, served.focal_mm, served.engine) == (-3, 20, 28.0, "twohand")
    other = reconstruct.reconstruct_request(bpy.context, input_path="/a.png", engine="LANDMARKS")
    assert (other["input"], other["out"]) == (str(Path("/a.png").absolute()), str(take))
    assert other["options"]["engine"] == "landmarks"


def test_paths_may_be_relative_to_the_blend_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    asked = []
    monkeypatch.setattr(reconstruct, "wait_for_request", lambda _, request: asked.append(request) or [])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    settings = current_scene().twohand
    settings.input_path, settings.take_path, settings.shape_take_path = "//a.png", "//a.hands.npz", "//b.hands.npz"
    settings.shape_source = "TAKE"
    assert bpy.ops.twohand.reconstruct() == {"FINISHED"}
    assert bpy.ops.twohand.reconstruct(input_path="//c.png", take_path="//c.hands.npz") == {"FINISHED"}
    places = [(request["input"], request["out"]) for request in asked]
    assert places == [(str(tmp_path / f"{name}.png"), str(tmp_path / f"{name}.hands.npz")) for name in "ac"]
    assert asked[0]["options"] == {"shape_from": str(tmp_path / "b.hands.npz")}
    assert not [str(warning.message) for warning in recwarn if "relative" in str(warning.message)]


@pytest.mark.skipif(not WORKER_PYTHON, reason="no TWOHAND_WORKER_PYTHON: the worker's packages are elsewhere")
def test_the_worker_understands_every_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real worker: an input that is missing is found only after the arguments were accepted."""
    monkeypatch.setenv("TWOHAND_WORKER_PYTHON", WORKER_PYTHON)
    settings = current_scene().twohand
    settings.as_sequence, settings.sequence_fps, settings.use_frame_range = True, 25.0, True
    settings.focal_source = "GIVEN"
    with pytest.raises(RuntimeError, match="nowhere"):
        bpy.ops.twohand.reconstruct(input_path=str(tmp_path / "nowhere.png"), take_path=str(tmp_path / "t.hands.npz"))
    assert not bpy.data.objects


@pytest.mark.skipif(not WORKER_PYTHON, reason="no TWOHAND_WORKER_PYTHON: the worker's packages are elsewhere")
def test_from_a_picture_to_an_fbx_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way with the real worker and the shipped nets."""
    monkeypatch.setenv("TWOHAND_WORKER_PYTHON", WORKER_PYTHON)
    take, file = tmp_path / "two.hands.npz", tmp_path / "two.fbx"
    picture = ROOT / "tests" / "inference" / "detect" / "data" / "two_apart.jpg"
    assert bpy.ops.twohand.reconstruct(input_path=str(picture), take_path=str(take)) == {"FINISHED"}
    assert {"HandMesh_R", "HandMesh_L"} <= set(bpy.data.objects.keys())
    assert bpy.ops.twohand.export_fbx(filepath=str(file), naming="UNREAL", bake_correctives=True) == {"FINISHED"}
    assert json.loads(file.with_name("two.fbx.report.json").read_text())["faithful"]
    shown = draw(panels.TWOHAND_PT_results)
    assert "Right hand: mean error" in shown
    assert "Read back: one frame" in shown


def test_importing_again_replaces_and_removing_leaves_the_users_things(take_path: Path) -> None:
    mine = bpy.data.objects.new("Mine", None)
    current_scene().collection.objects.link(mine)
    for _ in range(2):
        assert bpy.ops.twohand.import_take(filepath=str(take_path)) == {"FINISHED"}
    assert len(collection.built_keys(current_scene())) == 1
    assert sum(item.type == "ARMATURE" for item in bpy.data.objects) == 2
    assert bpy.ops.twohand.remove_result() == {"FINISHED"}
    assert bpy.data.objects.keys() == ["Mine"]
    assert take_path.is_file()
    with pytest.raises(RuntimeError, match="There are no hands in this scene"):
        bpy.ops.twohand.remove_result()
    with pytest.raises(RuntimeError, match="There are no hands in this scene"):
        bpy.ops.twohand.export_fbx(filepath=str(take_path.with_name("x.fbx")))


@pytest.mark.parametrize("limited", [False, True])
def test_joints_are_limited_where_the_scene_asks_for_it(take_path: Path, limited: bool) -> None:
    current_scene().twohand.limit_joints = limited
    assert bpy.ops.twohand.import_take(filepath=str(take_path)) == {"FINISHED"}
    bones = pose_of(bpy.data.objects["HandArmature_L"]).bones
    assert len(bones["thumb_02_L"].constraints) == limited
    assert "limit_joints" in draw(panels.TWOHAND_PT_build)


def test_the_skin_is_the_scenes(take_path: Path) -> None:
    current_scene().twohand.skin_tone = "DARK"
    assert bpy.ops.twohand.import_take(filepath=str(take_path)) == {"FINISHED"}
    assert tuple(bpy.data.materials["HandSkin_R"].diffuse_color)[:3] == pytest.approx(SKIN_TONES["dark"])
    assert "skin_tone" in draw(panels.TWOHAND_PT_build)


def test_the_named_take_is_the_one_that_is_meant(tmp_path: Path) -> None:
    for name in ("first", "second"):
        path = tmp_path / f"{name}.hands.npz"
        write_take(make_take(2, source=f"/clips/{name}.mp4"), path)
        bpy.ops.twohand.import_take(filepath=str(path))
    keys = collection.built_keys(current_scene())
    assert [key.name for key in keys] == ["first", "second"]
    assert results.chosen_result(current_scene(), "", "") == keys[1]
    current_scene().view_layers[0].objects.active = results.hands_of(current_scene(), keys[0])[0].mesh
    assert results.chosen_result(current_scene(), "", "") == keys[0]
    assert draw(panels.TWOHAND_PT_results).count("operator twohand.export_fbx") == 2
    assert bpy.ops.twohand.remove_result(take_name="second", take_source="/clips/second.mp4") == {"FINISHED"}
    assert collection.built_keys(current_scene()) == keys[:1]
    with pytest.raises(RuntimeError, match="third"):
        bpy.ops.twohand.remove_result(take_name="third")


def test_damaged_and_missing_takes(tmp_path: Path) -> None:
    (tmp_path / "bad.hands.npz").write_bytes(b"nonsense")
    with pytest.raises(RuntimeError, match="is not a take"):
        bpy.ops.twohand.import_take(filepath=str(tmp_path / "bad.hands.npz"))
    with pytest.raises(RuntimeError, match="no take"):
        bpy.ops.twohand.import_take(filepath=str(tmp_path / "none.hands.npz"))
    assert not bpy.data.objects


def test_export_errors_reach_the_user(take_path: Path, tmp_path: Path) -> None:
    bpy.ops.twohand.import_take(filepath=str(take_path))
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.twohand.export_fbx(filepath=str(tmp_path / "nowhere" / "x.fbx"))
    bpy.data.objects.remove(bpy.data.objects["HandMesh_L"])
    with pytest.raises(RuntimeError, match="no left hand"):
        bpy.ops.twohand.export_fbx(filepath=str(tmp_path / "x.fbx"), hands="LEFT")
    assert bpy.ops.twohand.export_fbx(filepath=str(tmp_path / "x.fbx"), hands="RIGHT") == {"FINISHED"}


def test_no_interpreter_no_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWOHAND_WORKER_PYTHON", raising=False)
    with pytest.raises(RuntimeError, match="No picture or movie is chosen"):
        bpy.ops.twohand.reconstruct()
    with pytest.raises(RuntimeError, match="The reconstruction is not set up"):
        bpy.ops.twohand.reconstruct(input_path=str(tmp_path / "a.png"))
    assert "The reconstruction is not set up" in draw(panels.TWOHAND_PT_reconstruct).replace("\n", " ")
    with pytest.raises(RuntimeError, match="The reconstruction is not set up"):
        bpy.ops.twohand.check_runtime()
    monkeypatch.setenv("TWOHAND_WORKER_PYTHON", str(tmp_path / "gone"))
    with pytest.raises(RuntimeError, match="no Python interpreter at"):
        bpy.ops.twohand.reconstruct(input_path=str(tmp_path / "a.png"))


@pytest.mark.skipif(not WORKER_PYTHON, reason="no TWOHAND_WORKER_PYTHON: the worker's packages are elsewhere")
def test_the_check_tells_a_good_interpreter_from_a_poor_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOHAND_WORKER_PYTHON", WORKER_PYTHON)
    assert bpy.ops.twohand.check_runtime() == {"FINISHED"}
    poor = tmp_path / "python"
    poor.write_text(f'#!/bin/sh\nexec "{WORKER_PYTHON}" -S "$@"\n')  # -S: without its packages
    poor.chmod(0o755)
    monkeypatch.setenv("TWOHAND_WORKER_PYTHON", str(poor))
    with pytest.raises(RuntimeError, match=r"not ready|cannot run the reconstruction"):
        bpy.ops.twohand.check_runtime()
    poor.write_text("#!/bin/sh\necho I am no Python >&2\nexit 3\n")
    with pytest.raises(RuntimeError, match="I am no Python"):
        bpy.ops.twohand.check_runtime()


def test_where_takes_go_by_themselves(tmp_path: Path) -> None:
    one = locations.default_take_path(Path("/a/clip ##.mp4"), tmp_path)
    other = locations.default_take_path(Path("/b/clip ##.mp4"), tmp_path)
    assert one.parent == tmp_path
    assert one.name.startswith("clip-")
    assert one.name.endswith(".hands.npz")
    assert one != other
    assert locations.default_take_path(Path("/a/####.png"), tmp_path).name.startswith("png-")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert reconstruct._take_path("", Path("/a/clip.mp4")).parent == tmp_path
    assert reconstruct._take_path("//own.hands.npz", Path("/a/clip.mp4")) == tmp_path / "own.hands.npz"


def test_a_virtual_environments_folder_will_do(tmp_path: Path) -> None:
    python = tmp_path / "hands" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert locations.worker_python(str(tmp_path / "hands")) == python
    assert locations.worker_python(f" {python} ") == python


def test_a_take_in_plain_words() -> None:
    take = make_take(10)
    take.present[1, 3:6] = False
    take.readable[4] = False
    take.focal_source = "default"
    take.complete = False
    take.warnings = [
        {"record": "warning", "code": "movie_truncated", "message": "The movie ends early.", "frame": None},
        {"record": "warning", "code": "focal_guessed", "message": "Guessed.", "frame": None},
    ]
    lines = summary.describe_take(take)
    assert lines[0].startswith("Right hand: 10 of 10 frames, mean error 0.0 px")
    assert lines[1].startswith("Left hand: 7 of 10 frames")
    assert lines[2] == "No left hand in frames 4-6; the gap was bridged"
    assert lines[3:] == [
        "1 frame could not be read",
        "The focal length was guessed: depth and size may be off",
        "The movie ends early",
        "Not complete: the reconstruction was cancelled",
    ]
    single = make_take(1)
    single.present[0] = False
    assert summary.describe_take(single)[1] == "No right hand in the picture"


def test_progress_in_words() -> None:
    assert job.Progress("track", 12, 300, 41.2).text() == "Reconstructing 12 of 300, 0:41 left"
    assert job.Progress("refine", 0, None, None).text() == "Refining"


def test_long_sentences_are_wrapped_for_the_sidebar() -> None:
    pieces = panels.wrapped("No left hand in frames 14-31; the gap was held and nothing was invented meanwhile")
    assert len(pieces) == 3
    assert all(len(piece) <= 36 for piece in pieces)
    assert panels.wrapped("one two three", 8) == ["one two", "three"]
    assert panels.wrapped("") == [""]
