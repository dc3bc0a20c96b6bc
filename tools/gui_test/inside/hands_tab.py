"""The add-on's tab in the sidebar of the 3D view, used by mouse and keyboard."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from pointer import CONTEXT, Place, Steps, area_of, click, find, middle, move, press, region_of
from report import FOLDER, check, note


def running() -> Any:
    """The add-on's own record of what runs."""
    return importlib.import_module("bl_ext.user_default.twohand.twohand_blender.operators.running").RUNNING


def frames_done() -> int:
    """Frames that the progress bar shows as done."""
    job = running().job
    return job.progress.done if job is not None and job.progress is not None else 0


def view() -> Any:
    """The area of the 3D view (without a type: the stubs know nothing of what a kind of area has)."""
    area = area_of("VIEW_3D")
    check(area, "there is no 3D view")
    return area


def wait_for(holds: Callable[[], bool], within_s: float, complaint: str) -> Steps:
    """Leave Blender alone until something holds."""
    end = time.monotonic() + within_s
    while not holds():
        check(time.monotonic() < end, f"{complaint} within {within_s:.0f} s")
        yield 0.1


def open_tab() -> Steps:
    """Show the sidebar (the key N) and choose the tab."""
    yield 1.0
    place = middle(region_of(view(), "WINDOW"))
    yield from move(place)
    if not view().spaces.active.show_region_ui:
        yield from press("N", place)
        yield 1.0
    check(view().spaces.active.show_region_ui, "the key N did not open the sidebar")
    sidebar: Any = region_of(view(), "UI")
    for _ in range(50):  # the tabs are known once the sidebar has been drawn
        try:
            sidebar.active_panel_category = "Hands"
            break
        except TypeError:
            yield 0.2
    yield 0.5
    check(sidebar.active_panel_category == "Hands", "there is no tab 'Hands'")


def choose_input(name: str) -> Steps:
    """Paste the path of a file of the shared folder into the field "Input"."""
    place = yield from find(view(), "UI", "twohand.input_path")
    check(place, "the field 'Input' was not found")
    yield from click(place)
    yield from press("A", place, ctrl=True)
    CONTEXT.window_manager.clipboard = str(FOLDER / name)
    yield from press("V", place, ctrl=True)
    yield from press("RET", place)
    yield 0.3
    chosen = CONTEXT.scene.twohand.input_path
    check(chosen == str(FOLDER / name), f"the field 'Input' holds '{chosen}'")


def press_button(operator: str, name: str, near: Place | None = None) -> Steps:
    """Find the button of an operator and click it; its place."""
    place = yield from find(view(), "UI", operator, near)
    check(place, f"the button '{name}' was not found")
    yield from click(place)
    return place


def start_run() -> Steps:
    """Press "Reconstruct Hands"; the place of the button."""
    place = yield from press_button("bpy.ops.twohand.reconstruct", "Reconstruct Hands")
    check(running().active, f"the button 'Reconstruct Hands' started nothing: {running().error}")
    return place


def press_cancel(near: Place) -> Steps:
    """Press "Cancel", which is about where the first button was, and wait for the end."""
    place = yield from find(view(), "UI", "bpy.ops.twohand.cancel", near)
    check(place, "the button 'Cancel' was not found")
    check(running().active, "the run ended before it could be cancelled")
    yield from click(place)
    start = time.monotonic()
    yield from wait_for(lambda: not running().active, 60, "the run did not stop")
    note(f"from Cancel to the offer: {time.monotonic() - start:.1f} s")
