# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand and scene.twohand exist while it is registered
"""A run from the button to the hands: progress, cancel, failure, another file, the worker kept warm."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from addon_session import chosen, copying, draw, invoke, pump_until_done, registered, script_worker
from scene_access import current_scene
from take_factory import ROOT, make_take
from twohand_extension.inference.contract import ErrorCode, write_take
from twohand_extension.twohand_blender import panels
from twohand_extension.twohand_blender.operators import resume, run_request, running, show_log

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


def test_pressing_the_button_shows_progress_and_ends_with_the_hands(
    tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_worker(tmp_path, monkeypatch, f"progress(3); time.sleep(0.3); {copying(take_path)}")
    chosen(tmp_path)
    invoke()
    assert bpy.app.timers.is_registered(running._pump)
    while RUNNING.job.progress is None:
        RUNNING.pump()
    shown = draw(panels.TWOHAND_PT_reconstruct)
    assert "progress 0.30" in shown
    assert "3 of 10" in shown
    assert "operator twohand.cancel" in shown
    assert "operator twohand.reconstruct" not in shown
    assert not bpy.data.objects, "the scene changes only when the result arrives"
    with pytest.raises(RuntimeError, match="A reconstruction is running"):
        bpy.ops.twohand.reconstruct()
    pump_until_done()
    assert RUNNING.error is None
    assert "HandMesh_R" in bpy.data.objects
    viewport = next(area for area in bpy.context.screen.areas if area.type == "VIEW_3D").spaces.active
    assert isinstance(viewport, bpy.types.SpaceView3D)
    assert viewport.region_3d is not None
    assert viewport.region_3d.view_perspective == "CAMERA", "the hands are shown where they were seen"
    shown = draw(panels.TWOHAND_PT_reconstruct)
    assert "operator twohand.reconstruct" in shown
    assert "operator twohand.cancel" not in shown


def test_cancel_offers_what_is_done(tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script_worker(
        tmp_path,
        monkeypatch,
        f"""
        progress(1)
        wait_for_cancel()
        shutil.copyfile({str(take_path)!r}, out)
        result(complete=False, frames=4)
        """,
    )
    chosen(tmp_path)
    with pytest.raises(RuntimeError, match="No reconstruction is running"):
        bpy.ops.twohand.cancel()
    invoke()
    while RUNNING.job.progress is None:
        RUNNING.pump()
    assert bpy.ops.twohand.cancel() == {"FINISHED"}
    assert "Stopping" in draw(panels.TWOHAND_PT_reconstruct)
    pump_until_done()
    assert not bpy.data.objects
    shown = draw(panels.TWOHAND_PT_reconstruct)
    assert "Cancelled: 4 frames are done." in shown
    assert shown.count("operator twohand.import_take") == 2
    assert "operator twohand.resume" not in shown, "this worker left no unfinished frames"
    assert bpy.ops.twohand.import_take(filepath=str(RUNNING.waiting_take)) == {"FINISHED"}
    assert "HandMesh_R" in bpy.data.objects
    assert RUNNING.waiting_take is None


def test_a_failing_worker_tells_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script_worker(
        tmp_path, monkeypatch, "say(record='error', code='no_hands', message='No hand was found.', hint='Draw a box.')"
    )
    chosen(tmp_path)
    with pytest.raises(RuntimeError, match=r"No hand was found\. Draw a box\."):
        bpy.ops.twohand.reconstruct()
    invoke()
    pump_until_done()
    assert RUNNING.error.code is ErrorCode.NO_HANDS
    shown = draw(panels.TWOHAND_PT_reconstruct)
    assert "No hand was found." in shown
    assert "Draw a box." in shown
    assert not bpy.data.objects


def test_a_crash_offers_what_was_saved(tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script stands in for the worker: it leaves unfinished frames and dies; asked to finish, it delivers them."""
    script_worker(
        tmp_path,
        monkeypatch,
        f"""
        if options.get("finish"):
            shutil.copyfile({str(take_path)!r}, out)
            result(complete=False)
        else:
            progress(4)
            open(out.replace(".npz", ".partial"), "w").close()
            print("the roof fell in", file=sys.stderr, flush=True)
            os._exit(5)
        """,
    )
    chosen(tmp_path)
    with pytest.raises(RuntimeError, match="Nothing was reconstructed"):
        bpy.ops.twohand.show_log()
    with pytest.raises(RuntimeError, match="No reconstruction was stopped half-way"):
        bpy.ops.twohand.resume()
    invoke()
    pump_until_done()
    assert RUNNING.error.code is ErrorCode.WORKER_LOST
    assert not bpy.data.objects
    shown = draw(panels.TWOHAND_PT_reconstruct)
    assert shown.count("operator twohand.resume") == 2, "all that is done, or the rest too"
    assert "operator twohand.show_log" in shown
    assert bpy.ops.twohand.show_log() == {"FINISHED"}
    log = bpy.data.texts[show_log.TEXT_NAME].as_string()
    assert "the roof fell in" in log
    assert "exit code 5" in log
    assert bpy.app.version_string in log
    run_request.start_request(bpy.context, resume.resume_request(only_done=True))
    pump_until_done()
    assert "HandMesh_R" in bpy.data.objects, "this was asked for, so nothing is offered again"
    assert RUNNING.error is None


def test_no_offer_where_nothing_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script_worker(tmp_path, monkeypatch, "progress(4); os._exit(5)")
    old = chosen(tmp_path).with_name("out.hands.partial")
    old.touch()
    os.utime(old, (1, 1))  # of another day and perhaps of other settings
    invoke()
    pump_until_done()
    assert RUNNING.error.code is ErrorCode.WORKER_LOST
    assert not RUNNING.resumable
    assert "operator twohand.resume" not in draw(panels.TWOHAND_PT_reconstruct)


def test_a_complete_take_is_not_given_up_for_a_part(
    tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_worker(tmp_path, monkeypatch, 'open(out.replace(".npz", ".partial"), "w").close(); os._exit(5)')
    chosen(tmp_path).write_bytes(take_path.read_bytes())
    invoke()
    pump_until_done()
    shown = draw(panels.TWOHAND_PT_reconstruct)
    assert shown.count("operator twohand.resume") == 1, "to go on, but not to import what is done"


def test_a_blocking_call_that_fails_can_be_resumed(
    tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_worker(
        tmp_path,
        monkeypatch,
        f"""
        partial = out.replace(".npz", ".partial")
        if not os.path.exists(partial):
            open(partial, "w").close()
            os._exit(5)
        {copying(take_path)}
        """,
    )
    with pytest.raises(RuntimeError, match="exit code 5"):
        bpy.ops.twohand.reconstruct(input_path=str(tmp_path / "a.mp4"), take_path=str(tmp_path / "b.hands.npz"))
    assert bpy.ops.twohand.resume() == {"FINISHED"}
    assert "HandMesh_R" in bpy.data.objects


def test_hands_that_are_done_before_the_cancel_are_offered(
    tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_worker(tmp_path, monkeypatch, f"progress(9); wait_for_cancel(); {copying(take_path)}")
    chosen(tmp_path)
    invoke()
    while RUNNING.job.progress is None:
        RUNNING.pump()
    bpy.ops.twohand.cancel()
    pump_until_done()
    assert not bpy.data.objects
    assert "all 4 frames were done" in RUNNING.waiting_reason


@pytest.mark.skipif(not WORKER_PYTHON, reason="no TWOHAND_WORKER_PYTHON: the worker's packages are elsewhere")
def test_the_real_worker_is_warm_in_the_second_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOHAND_WORKER_PYTHON", WORKER_PYTHON)
    picture = ROOT / "tests" / "inference" / "detect" / "data" / "two_apart.jpg"
    process_ids = set()
    for name in ("a", "b"):
        take = tmp_path / f"{name}.hands.npz"
        assert bpy.ops.twohand.reconstruct(input_path=str(picture), take_path=str(take)) == {"FINISHED"}
        process_ids.add(RUNNING.job.process_id)
    assert len(process_ids) == 1
    assert RUNNING.job.log_text().count('"hello"') == 1
    assert RUNNING.warm.running


def test_another_file_loaded_meanwhile_gets_no_hands_unasked(
    tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_worker(tmp_path, monkeypatch, f"time.sleep(0.3); {copying(take_path)}")
    chosen(tmp_path)
    invoke()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    pump_until_done()
    assert not bpy.data.objects
    assert "their scene is not open" in draw(panels.TWOHAND_PT_reconstruct).replace("\n", " ")
    assert bpy.ops.twohand.import_take(filepath=str(RUNNING.waiting_take)) == {"FINISHED"}
    assert "HandMesh_R" in bpy.data.objects


def test_a_take_that_the_scene_cannot_have_now_waits(
    tmp_path: Path, take_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh_object = bpy.data.objects.new("Mine", bpy.data.meshes.new("Mine"))
    current_scene().collection.objects.link(mesh_object)
    current_scene().view_layers[0].objects.active = mesh_object
    script_worker(tmp_path, monkeypatch, f"time.sleep(0.2); {copying(take_path)}")
    chosen(tmp_path)
    invoke()
    bpy.ops.object.mode_set(mode="EDIT")
    pump_until_done()
    assert bpy.data.objects.keys() == ["Mine"]
    assert "Leave the edit mode first" in RUNNING.waiting_reason
    with pytest.raises(RuntimeError, match="Leave the edit mode first"):
        bpy.ops.twohand.import_take(filepath=str(take_path))
    bpy.ops.object.mode_set(mode="OBJECT")
    assert bpy.ops.twohand.import_take(filepath=str(take_path)) == {"FINISHED"}
