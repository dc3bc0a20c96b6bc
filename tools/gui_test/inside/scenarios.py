"""What a user does, from the first look at the tab to the FBX file; each function is one Blender session."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import bpy
from hands_tab import (
    choose_input,
    frames_done,
    open_tab,
    press_button,
    press_cancel,
    running,
    start_run,
    view,
    wait_for,
)
from pointer import CONTEXT, Place, Steps, area_of, click, middle, move, press, region_of, scroll, window
from report import FOLDER, check, note, photograph, say

OPERATORS: Any = bpy.ops  # without a type: the stubs want a collection that only Blender can make


def walk() -> Steps:
    """Open the tab, cancel a run, run to the end, undo, redo, play, scrub, export."""
    yield from open_tab()
    yield from photograph("1-tab")
    yield from choose_input("long.mp4")
    button = yield from start_run()
    yield from wait_for(lambda: frames_done() >= 20, 120, "no progress was shown")
    yield from watch_progress()
    yield from photograph("2-running")
    yield from press_cancel(button)
    check(running().waiting_take, f"cancelling offered nothing: {running().error}")
    check(not hands(), "hands were built though the run was cancelled")
    yield from photograph("3-cancelled")

    yield from choose_input("clip.mp4")
    yield from start_run()
    yield from wait_for(lambda: not running().active, 200, "the run did not end")
    check(running().error is None, f"the run failed: {running().error}")
    check(hands() == ["HandMesh_L", "HandMesh_R"], f"these hands were built: {hands()}")
    check_overlay()
    yield from photograph("4-done")
    yield from undo_and_redo()  # Blender ends the local view meanwhile
    yield from show_overlay()
    yield from play_and_scrub()
    yield from photograph("5-scrubbed")
    yield from export()


def other_file() -> Steps:
    """Undo and load another file while the worker runs; import the result there; quit while the next run is on."""
    yield from open_tab()
    yield from choose_input("long.mp4")
    yield from start_run()
    yield from wait_for(lambda: frames_done() >= 5, 120, "no progress was shown")
    yield from press("Z", middle(region_of(view(), "WINDOW")), ctrl=True)
    yield 0.5
    check(running().active, "an undo ended the run")
    bpy.ops.wm.read_homefile(use_splash=False)
    yield 1.0
    check(running().active, "the run ended with its file")
    yield from open_tab()
    yield from wait_for(lambda: not running().active, 200, "the run did not end")
    check(running().error is None, f"the run failed: {running().error}")
    check(not hands(), "the hands were put into another file")
    check(running().waiting_take, "the result was not offered")
    yield from photograph("6-other-file")
    yield from press_button("bpy.ops.twohand.import_take", "Import What Is Done")
    yield from wait_for(lambda: bool(hands()), 30, "the offered take was not imported")
    yield from choose_input("long.mp4")
    yield from start_run()
    yield from wait_for(lambda: frames_done() >= 5, 120, "no progress was shown")


def dropped() -> Steps:
    """Drop a movie on the 3D view (all but the gesture, which cannot be simulated) and choose in Blender's menu."""
    yield from open_tab()
    place = middle(region_of(view(), "WINDOW"))
    yield from move(place)
    with CONTEXT.temp_override(window=window(), area=view(), region=region_of(view(), "WINDOW")):
        OPERATORS.wm.drop_import_file("INVOKE_DEFAULT", directory=str(FOLDER), files=[{"name": "clip.mp4"}])
    yield from photograph("7-dropped", keep_pointer=True)
    yield from press("R", place)  # the letter of "Reconstruct Hands" in the menu
    yield 1.0
    check(CONTEXT.scene.twohand.input_path == str(FOLDER / "clip.mp4"), "the movie did not become the input")
    check(running().active, f"the drop started nothing: {running().error}")
    yield from wait_for(lambda: bool(hands()), 200, "no hands were built")


def crashed() -> Steps:
    """The worker is killed while it works: the tab says so, shows its log, and the next run is as good as any."""
    yield from open_tab()
    yield from choose_input("clip.mp4")
    yield from start_run()
    yield from wait_for(lambda: frames_done() >= 20, 120, "no progress was shown")
    os.kill(running().job.process_id, signal.SIGKILL)
    yield from wait_for(lambda: not running().active, 20, "the end of the worker was not noticed")
    check(running().error, "the tab does not say that the worker ended")
    yield from photograph("8-crashed")
    yield from press_button("bpy.ops.twohand.show_log", "Show Log")
    yield 2.0
    check(len(CONTEXT.window_manager.windows) == 2, "the log did not open in a window of its own")
    yield from photograph("9-log")
    with CONTEXT.temp_override(window=CONTEXT.window_manager.windows[1]):
        bpy.ops.wm.window_close()
    yield 1.0
    yield from start_run()
    yield from wait_for(lambda: not running().active, 200, "the run after the crash did not end")
    check(hands() == ["HandMesh_L", "HandMesh_R"], f"after the crash these hands were built: {hands()}")

    yield from choose_input("long.mp4")
    yield from start_run()
    yield from wait_for(lambda: frames_done() >= 5, 120, "no progress was shown")
    process = Path("/proc", str(running().job.process_id))
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.twohand")
    yield from wait_for(lambda: not process.exists(), 5, "the worker of the disabled add-on did not end")
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.twohand")  # Blender keeps what was so when it ends


def killed() -> Steps:
    """Blender is killed while the worker runs (also: the extension is still enabled after a restart)."""
    yield from open_tab()
    yield from choose_input("long.mp4")
    yield from start_run()
    yield from wait_for(lambda: frames_done() >= 5, 120, "no progress was shown")
    say("END")
    (FOLDER / "kill-blender").touch()
    yield 10.0


def hands() -> list[str]:
    """Names of the hand meshes in the file."""
    return sorted(item.name for item in bpy.data.objects if item.name.startswith("HandMesh"))


def watch_progress() -> Steps:
    """See that the bar moves and that Blender's own events go on meanwhile."""
    seen, longest_s = [frames_done()], 0.0
    while len(seen) < 5:
        before = time.monotonic()
        yield 0.02
        longest_s = max(longest_s, time.monotonic() - before)
        if frames_done() != seen[-1]:
            seen.append(frames_done())
        check(running().active, "the run ended before it was cancelled")
    check(seen == sorted(seen), f"progress went back: {seen}")
    note(f"longest time that Blender's events waited while it ran: {longest_s:.2f} s")


def check_overlay() -> None:
    """The 3D view looks through the hands' camera, and the cube, in which that stands, does not hide the picture."""
    space = view().spaces.active
    check(space.region_3d.view_perspective == "CAMERA", "the view did not go to the camera")
    check(CONTEXT.scene.camera.name.startswith("HandCamera"), "the camera is not that of the hands")
    check(space.local_view is not None, "the view shows the cube round the camera")
    hidden = [name for name in ("HandMesh_L", "HandMesh_R") if not bpy.data.objects[name].local_view_get(space)]
    check(not hidden, f"the view does not show {hidden}")
    check("Cube" in bpy.data.objects, "the cube is gone")


def show_overlay() -> Steps:
    """Press "Show Overlay" twice: back to the view as it was, and into the overlay again."""
    yield from press_button("bpy.ops.twohand.show_overlay", "Show Overlay")
    yield 1.0
    space = view().spaces.active
    check(space.region_3d.view_perspective != "CAMERA", "the view did not go back")
    check(space.local_view is None, "the view does not show everything again")
    yield from press_button("bpy.ops.twohand.show_overlay", "Show Overlay")
    yield 1.0
    check_overlay()


def undo_and_redo() -> Steps:
    """One Ctrl Z takes the whole result away, Ctrl Shift Z brings it back."""
    place = middle(region_of(view(), "WINDOW"))
    yield from move(place)
    yield from press("Z", place, ctrl=True)
    yield 1.0
    left = [item.name for item in (*bpy.data.objects, *bpy.data.collections) if "Hand" in item.name]
    check(not left, f"one undo step left {left}")
    check(CONTEXT.scene.twohand.input_path.endswith("clip.mp4"), "undo took the input back, too")
    yield from press("Z", place, ctrl=True, shift=True)
    yield 1.0
    check(hands() == ["HandMesh_L", "HandMesh_R"], "redo did not bring the hands back")


def finger_angles() -> tuple[float, ...]:
    """The right index finger's quaternion at the frame shown."""
    hand: Any = bpy.data.objects["HandArmature_R"]
    bone = next(bone for bone in hand.pose.bones if "index" in bone.name.lower())
    return tuple(bone.matrix_basis.to_quaternion())


def play_and_scrub() -> Steps:
    """Play with the space bar, then click two frames in the timeline: the fingers move."""
    scene = CONTEXT.scene
    place = middle(region_of(view(), "WINDOW"))
    first = scene.frame_current
    yield from move(place)
    yield from press("SPACE", place)
    yield 2.0
    yield from press("SPACE", place)
    yield 0.5
    check(scene.frame_current != first, "the space bar did not play the animation")
    check(not window().screen.is_animation_playing, "the space bar did not stop the animation")
    area: Any = area_of("TIMELINE") or area_of("DOPESHEET")
    check(area, "there is no timeline")
    region = region_of(area, "WINDOW")
    poses = []
    for frame in (scene.frame_start + 5, (scene.frame_start + scene.frame_end) // 2):
        x, _ = region.view2d.view_to_region(frame, 0, clip=False)
        yield from click(Place(region.x + x, region.y + region.height - 10))
        check(abs(scene.frame_current - frame) <= 1, f"a click in the timeline went to {scene.frame_current}")
        poses.append(finger_angles())
    check(poses[0] != poses[1], "the finger does not move")


def export() -> Steps:
    """Press "Export FBX...", choose a name in the file browser, write."""
    yield from press_button("bpy.ops.twohand.export_fbx", "Export FBX")
    yield from wait_for(lambda: area_of("FILES") is not None, 20, "no file browser opened")
    yield 1.0
    browser: Any = area_of("FILES")
    browser.spaces.active.params.directory = os.fsencode(FOLDER)
    browser.spaces.active.params.filename = "hands.fbx"
    yield 0.5
    yield from photograph("8-export")
    place = middle(region_of(browser, "WINDOW"))
    yield from move(place)
    yield from press("RET", place)
    path = FOLDER / "hands.fbx"
    yield from wait_for(lambda: path.is_file() and area_of("FILES") is None, 60, "no FBX file was written")
    yield 1.0
    note(f"hands.fbx: {path.stat().st_size / 1e6:.1f} MB")
    yield from scroll(middle(region_of(view(), "UI")), "WHEELDOWNMOUSE")  # what the file holds stands at the end
    yield from photograph("9-exported")
