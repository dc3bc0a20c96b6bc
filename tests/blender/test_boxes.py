# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand and scene.twohand exist while it is registered
"""Boxes: drawn in an editor, listed, and handed to the worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from addon_session import draw, registered
from scene_access import current_scene
from twohand_extension.twohand_blender import boxes, canvas, panels, picture_map, shown_frame, worker_options
from twohand_extension.twohand_blender.operators import draw_box

SIZE_PX = (640, 480)


@pytest.fixture(autouse=True)
def addon(empty_file: None) -> Iterator[None]:
    with registered():
        current_scene().twohand.input_path = "/shots/a.mp4"
        yield


def listed() -> list[tuple[str, int, tuple[float, ...]]]:
    return [(box.side, box.frame, tuple(box.rectangle)) for box in current_scene().twohand.boxes]


def put(side: str, frame: int, *rectangle: float) -> None:
    assert bpy.ops.twohand.draw_box(side=side, frame=frame, rectangle=rectangle) == {"FINISHED"}


def test_boxes_by_number_are_kept_by_input_side_and_frame(tmp_path: Path) -> None:
    settings = current_scene().twohand
    put("RIGHT", 4, 10, 20, 100, 120)
    put("LEFT", 4, 200, 20, 100, 120)
    put("RIGHT", 4, 11, 21, 100, 120)  # instead of the first
    assert listed() == [("RIGHT", 4, (11, 21, 100, 120)), ("LEFT", 4, (200, 20, 100, 120))]
    assert boxes.active_box(settings).side == "RIGHT"
    options = worker_options.worker_options(current_scene(), Path("/shots/a.mp4"))
    assert options == {"right_box": {"4": [11, 21, 100, 120]}, "left_box": {"4": [200, 20, 100, 120]}}
    settings.input_path = "/shots/other.mp4"
    assert worker_options.worker_options(current_scene(), Path("/shots/other.mp4")) == {}
    assert boxes.active_box(settings) is None
    assert "list boxes" not in draw(panels.TWOHAND_PT_boxes)
    with pytest.raises(RuntimeError, match="No box is chosen"):
        bpy.ops.twohand.remove_box()
    with pytest.raises(RuntimeError, match="This input has no boxes"):
        bpy.ops.twohand.clear_boxes()
    put("LEFT", 9, 1, 2, 30, 40)
    assert bpy.ops.twohand.clear_boxes() == {"FINISHED"}
    assert len(listed()) == 2, "those of the other input stay"


def test_the_list_and_its_buttons() -> None:
    settings = current_scene().twohand
    for frame in (30, 10, 20):
        put("RIGHT", frame, frame, 0, 50, 50)
    for panel in (panels.TWOHAND_PT_boxes, panels.TWOHAND_PT_image_boxes):
        shown = draw(panel)
        assert "list boxes 3" in shown
        assert shown.count("operator twohand.draw_box") == 2
    settings.box_index = 1
    assert bpy.ops.twohand.go_to_box() == {"FINISHED"}
    assert current_scene().frame_current == 10
    assert bpy.ops.twohand.remove_box() == {"FINISHED"}
    assert [frame for _, frame, _ in listed()] == [30, 20]
    assert boxes.active_box(settings) is not None
    flags, places = panels.TWOHAND_UL_boxes.filter_items(
        SimpleNamespace(bitflag_filter_item=1), bpy.context, settings, "boxes"
    )
    assert (list(flags), list(places)) == ([1, 1], [1, 0])


def test_what_cannot_be_a_box() -> None:
    with pytest.raises(RuntimeError, match="at least 8 pixels"):
        bpy.ops.twohand.draw_box(side="LEFT", frame=1, rectangle=(0, 0, 100, 3))
    current_scene().twohand.input_path = ""
    with pytest.raises(RuntimeError, match="Choose the input first"):
        bpy.ops.twohand.draw_box(side="LEFT", frame=1, rectangle=(0, 0, 100, 100))


class Tool:
    """Stands in for an instance of the operator, which only Blender can make."""

    side, frame, rectangle = "LEFT", 1, (0.0, 0.0, 0.0, 0.0)
    _canvas = _start = None
    _end = (0.0, 0.0)

    def __init__(self) -> None:
        self.reports: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(draw_box.TWOHAND_OT_draw_box, name).__get__(self)

    def report(self, _: set[str], text: str) -> None:
        self.reports.append(text)

    def send(self, kind: str, value: str = "PRESS", x: int = 0, y: int = 0) -> set[str]:
        event = SimpleNamespace(type=kind, value=value, mouse_x=x, mouse_y=y)
        return draw_box.TWOHAND_OT_draw_box.modal(self, bpy.context, event)  # type: ignore[arg-type]


@pytest.fixture
def picture_shown(monkeypatch: pytest.MonkeyPatch) -> canvas.Canvas:
    """An editor at (1000, 100) of the window that shows the picture at half its size, 20 units from its corner."""
    region = SimpleNamespace(x=1000, y=100, width=400, height=300)
    shown = canvas.Canvas(
        SimpleNamespace(type="IMAGE_EDITOR"), region, picture_map.PictureMap(SIZE_PX, (20.0, 20.0), (320.0, 240.0)), 7
    )  # type: ignore[arg-type]
    monkeypatch.setattr(draw_box, "canvases", lambda *_, **__: iter([shown]))
    return shown


def test_drawing_with_the_mouse(picture_shown: canvas.Canvas) -> None:
    tool = Tool()
    tool._start = None
    assert tool.send("LEFTMOUSE", "PRESS", 500, 200) == {"RUNNING_MODAL"}, "outside of the editor: nothing"
    assert tool._canvas is None
    assert tool.send("R") == {"RUNNING_MODAL"}
    assert tool.send("WHEELUPMOUSE") == {"PASS_THROUGH"}
    tool.send("LEFTMOUSE", "PRESS", 1000 + 20 + 50, 100 + 20 + 190)
    tool.send("MOUSEMOVE", "NOTHING", 1100, 200)
    assert tool._end == (100, 100)
    assert tool.send("LEFTMOUSE", "RELEASE", 1000 + 20 + 150, 100 + 20 + 90) == {"FINISHED"}
    assert listed() == [("RIGHT", 7, pytest.approx((100.0, 100.0, 200.0, 200.0)))]


def test_a_click_is_no_box_and_escape_ends_without_one(picture_shown: canvas.Canvas) -> None:
    tool = Tool()
    tool.send("LEFTMOUSE", "PRESS", 1100, 200)
    assert tool.send("LEFTMOUSE", "RELEASE", 1101, 201) == {"RUNNING_MODAL"}
    assert tool.send("ESC") == {"CANCELLED"}
    assert listed() == []
    assert not tool.reports


def test_nothing_draws_over_the_editors_after_the_add_on_is_gone(picture_shown: canvas.Canvas) -> None:
    pressed = Tool()
    window = SimpleNamespace(cursor_modal_set=lambda _: None, cursor_modal_restore=lambda: None)
    manager = SimpleNamespace(modal_handler_add=lambda _: True)
    context = SimpleNamespace(
        window=window, window_manager=manager, screen=SimpleNamespace(areas=[]), scene=current_scene()
    )
    event = SimpleNamespace(type="LEFTMOUSE", value="RELEASE")
    assert draw_box.TWOHAND_OT_draw_box.invoke(pressed, context, event) == {"RUNNING_MODAL"}  # type: ignore[arg-type]
    assert len(draw_box._HANDLERS) == 2
    draw_box.TWOHAND_OT_draw_box.cancel(pressed, context)  # type: ignore[arg-type]
    assert not draw_box._HANDLERS
    draw_box.TWOHAND_OT_draw_box.invoke(pressed, context, event)  # type: ignore[arg-type]
    draw_box.end_drawing()  # as `registration.unregister` does
    assert not draw_box._HANDLERS


def test_no_editor_shows_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed = Tool()
    context = SimpleNamespace(window=None, screen=SimpleNamespace(areas=[]), scene=current_scene())
    event = SimpleNamespace(type="LEFTMOUSE", value="RELEASE")
    assert draw_box.TWOHAND_OT_draw_box.invoke(pressed, context, event) == {"CANCELLED"}  # type: ignore[arg-type]
    assert "No editor shows the picture" in pressed.reports[0]


def test_which_frame_is_shown() -> None:
    user = SimpleNamespace(frame_start=101, frame_offset=0, frame_duration=50)
    movie = SimpleNamespace(source="MOVIE", filepath="//a.mp4")
    assert shown_frame.frame_of_image(movie, user, 105, numbered=False) == 5
    assert shown_frame.frame_of_image(movie, user, 9999, numbered=False) == 50
    user.frame_offset = 996
    assert shown_frame.frame_of_image(SimpleNamespace(source="SEQUENCE", filepath=""), user, 101, numbered=True) == 997
    still = SimpleNamespace(source="FILE", filepath="//shot.0042.png")
    assert shown_frame.frame_of_image(still, user, 7, numbered=False) == 1
    assert shown_frame.frame_of_image(still, user, 7, numbered=True) == 42
    clip = SimpleNamespace(source="SEQUENCE", filepath="//shot.0042.png", frame_start=1, frame_offset=0)
    assert shown_frame.frame_of_clip(clip, 3) == 44
    assert shown_frame.frame_of_clip(SimpleNamespace(**{**vars(clip), "source": "MOVIE"}), 3) == 3


def test_pictures_of_a_folder_and_of_a_pattern_have_the_numbers_in_their_names(tmp_path: Path) -> None:
    settings = current_scene().twohand
    assert not boxes.is_numbered(settings)
    for path in (tmp_path, tmp_path / "shot.####.png"):
        settings.input_path = str(path)
        assert boxes.is_numbered(settings)


@pytest.mark.parametrize("turned", [False, True])
def test_a_cameras_background_is_a_canvas(turned: bool) -> None:
    """As `scene.background` lays it: stored sideways, turned upright by the background itself."""
    orientation = canvas.Orientation(False, 1) if turned else canvas.UPRIGHT
    background = SimpleNamespace(
        frame_method="FIT", rotation=1.5707963 if turned else 0.0, scale=4 / 3 if turned else 1.0,
        offset=(0.0, 0.0), use_flip_x=False, use_flip_y=False,
    )  # fmt: skip
    stored = (480, 640) if turned else SIZE_PX
    found = canvas._behind(background, (10.0, 20.0), (320.0, 240.0), stored, orientation)
    assert found is not None
    assert (found.size_px, found.corner, found.extent) == (
        SIZE_PX, pytest.approx((10.0, 20.0)), pytest.approx((320.0, 240.0)),
    )  # fmt: skip
    assert found.orientation == canvas.UPRIGHT
    background.rotation = 0.3
    assert canvas._behind(background, (10.0, 20.0), (320.0, 240.0), stored, orientation) is None
