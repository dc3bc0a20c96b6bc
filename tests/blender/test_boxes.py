# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand and scene.twohand exist while it is registered
"""Boxes: drawn in an editor, listed, and handed to the worker."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from addon_session import draw, registered
from scene_access import current_scene
from take_factory import ROOT
from twohand_extension.inference.media import sequence_files
from twohand_extension.twohand_blender import (
    boxes,
    canvas,
    input_frames,
    panels,
    picture_map,
    shown_frame,
    worker_options,
)
from twohand_extension.twohand_blender.operators import draw_box

SIZE_PX = (640, 480)
PICTURE = ROOT / "demo" / "picture.jpg"
CLIP = ROOT / "demo" / "clip.mp4"


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


def test_boxes_move_with_the_project(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "old" / "shot.blend"))
    settings = current_scene().twohand
    settings.input_path = "//clip.mp4"
    put("RIGHT", 4, 10, 20, 100, 120)
    settings.input_path = str(tmp_path / "new" / ".." / "old" / "clip.mp4")
    assert len(boxes.boxes_of(settings, settings.input_path)) == 1, "the same input, written in another way"
    settings.input_path = "//clip.mp4"
    bpy.ops.wm.save_mainfile()
    (tmp_path / "old" / "shot.blend").rename(tmp_path / "new" / "shot.blend")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "new" / "shot.blend"))
    options = worker_options.worker_options(current_scene(), tmp_path / "new" / "clip.mp4")
    assert options == {"right_box": {"4": [10, 20, 100, 120]}}


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
    assert "No editor shows the input 'a.mp4'" in pressed.reports[0]


def test_which_frame_is_shown(tmp_path: Path) -> None:
    user = SimpleNamespace(frame_start=101, frame_offset=0, frame_duration=50)
    movie = SimpleNamespace(source="MOVIE", filepath=str(tmp_path / "a.mp4"), library=None)
    frames = input_frames.InputFrames(tmp_path / "a.mp4")
    shown = shown_frame.frame_of_image
    assert shown(movie, user, 105, frames) == shown_frame.ShownFrame(5, 100)
    assert shown(movie, user, 9999, frames) == shown_frame.ShownFrame(50, 100)
    clip = SimpleNamespace(source="MOVIE", filepath=movie.filepath, library=None, frame_start=1, frame_offset=0)
    assert shown_frame.frame_of_clip(clip, 3, frames) == shown_frame.ShownFrame(3, 0)
    user.frame_offset = 996
    sequence = SimpleNamespace(source="SEQUENCE", filepath=str(tmp_path / "shot.0001.png"), library=None)
    pattern = input_frames.InputFrames(tmp_path / "shot.####.png")
    assert shown(sequence, user, 101, pattern) == shown_frame.ShownFrame(997, 101 - 997)
    still = SimpleNamespace(source="FILE", filepath=str(tmp_path / "shot.0042.png"), library=None)
    assert shown(still, user, 7, pattern) == shown_frame.ShownFrame(42)
    assert shown(still, user, 7, input_frames.InputFrames(tmp_path / "shot.0042.png")) == shown_frame.ShownFrame(1)
    clip.source, clip.filepath = "SEQUENCE", still.filepath
    assert shown_frame.frame_of_clip(clip, 3, pattern) == shown_frame.ShownFrame(44, 3 - 44)


def test_other_pictures_than_the_input_are_no_canvas(tmp_path: Path) -> None:
    frames = input_frames.InputFrames(tmp_path / "a.mp4")
    user = SimpleNamespace(frame_start=1, frame_offset=0, frame_duration=50)
    for source, name in (("MOVIE", "b.mp4"), ("MOVIE", "sub/a.mp4"), ("FILE", "a.png"), ("GENERATED", "a.mp4")):
        image = SimpleNamespace(source=source, filepath=str(tmp_path / name), library=None)
        assert shown_frame.frame_of_image(image, user, 1, frames) is None
    clip = SimpleNamespace(
        source="MOVIE", filepath=str(tmp_path / "b.mp4"), library=None, frame_start=1, frame_offset=0
    )
    assert shown_frame.frame_of_clip(clip, 1, frames) is None
    assert input_frames.InputFrames(None).number_of(tmp_path / "a.mp4") is None


def test_an_image_editor_is_a_canvas_where_it_shows_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, screen = current_scene().twohand, bpy.context.screen
    area = max(screen.areas, key=lambda area: area.width * area.height)
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = bpy.data.images.load(str(PICTURE))
    assert not list(canvas.canvases(screen, current_scene(), boxes.frames_of(settings)))
    tool = Tool()
    tool._start = None
    tool.send("LEFTMOUSE", "PRESS", area.x + 5, area.y + 5)
    assert "does not show the input 'a.mp4'" in tool.reports[0]
    settings.input_path = str(PICTURE)
    (shown,) = canvas.canvases(screen, current_scene(), boxes.frames_of(settings))
    assert (shown.area, shown.frame) == (area, 1)
    tool.send("LEFTMOUSE", "PRESS", shown.region.x + 5, shown.region.y + 5)
    assert tool._canvas.area == area
    monkeypatch.setattr(canvas.Canvas, "holds", lambda *_: False)  # as for its header
    tool.send("LEFTMOUSE", "PRESS", area.x + 5, area.y + 5)
    assert len(tool.reports) == 1, "said of the other picture only"


def test_going_to_a_box_from_beyond_the_movies_end() -> None:
    scene, screen = current_scene(), bpy.context.screen
    area = max(screen.areas, key=lambda area: area.width * area.height)
    area.type = "IMAGE_EDITOR"
    space = area.spaces.active
    space.image = bpy.data.images.load(str(CLIP))
    space.image_user.frame_duration, space.image_user.frame_start = 84, 11
    scene.twohand.input_path = str(CLIP)
    put("RIGHT", 40, 10, 20, 100, 120)
    for frame in (200, 1, 30):
        scene.frame_set(frame)
        assert bpy.ops.twohand.go_to_box() == {"FINISHED"}
        assert scene.frame_current == 50


def test_going_to_the_box_of_a_picture_that_is_shown_stays() -> None:
    scene, screen = current_scene(), bpy.context.screen
    area = max(screen.areas, key=lambda area: area.width * area.height)
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = bpy.data.images.load(str(PICTURE))
    scene.twohand.input_path = str(PICTURE)
    put("RIGHT", 1, 10, 20, 100, 120)
    scene.frame_set(30)
    assert bpy.ops.twohand.go_to_box() == {"FINISHED"}
    assert scene.frame_current == 30


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["shot.0007.png", "shot.0009.png"], {7, 9}),
        (["b2.png", "a10.png", "a9.PNG", "notes.txt", "._a1.png"], {1, 2, 3}),
        (["left_7.png", "right_7.png"], {1, 2}),
        (["scan_20250101.png", "scan_20250301.png"], {1, 2}),
        (["only_42.jpg"], {1}),
    ],
)
def test_frames_of_a_folder_are_numbered_as_the_worker_does(
    tmp_path: Path, names: list[str], numbers: set[int]
) -> None:
    for name in names:
        (tmp_path / name).touch()
    worker = sequence_files.files_of_folder(tmp_path).by_number
    assert set(worker) == numbers
    frames = input_frames.InputFrames(tmp_path)
    assert {frames.number_of(path): path for path in worker.values()} == worker
    assert frames.number_of(tmp_path / "notes.txt") is None
    assert frames.number_of(tmp_path / "sub" / names[0]) is None


def test_frames_of_patterns_and_of_a_sequence(tmp_path: Path) -> None:
    assert input_frames.PICTURE_SUFFIXES == sequence_files.PICTURE_SUFFIXES
    picture = tmp_path / "shot_0042.png"
    picture.touch()
    for name in ("shot_####.png", "shot_%04d.png"):
        frames = input_frames.InputFrames(tmp_path / name)
        assert frames.number_of(picture) == 42
        assert frames.number_of(tmp_path / "shot_42.png") is None
        assert frames.number_of(tmp_path / "other_0042.png") is None
    sequence = input_frames.InputFrames(picture, as_sequence=True)
    assert sequence.number_of(tmp_path / "shot_0043.png") == 43
    assert input_frames.InputFrames(picture).number_of(tmp_path / "shot_0043.png") is None


def test_a_clip_of_pictures_is_turned_as_its_pictures_are(tmp_path: Path) -> None:
    """Stored sideways, as EXIF orientation 6 says; Blender shows clips as they are stored."""
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    (tmp_path / "shot_0001.jpg").write_bytes(b"\xff\xd8\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
    clip = SimpleNamespace(
        source="SEQUENCE", filepath=str(tmp_path / "shot_0001.jpg"), library=None, size=(640, 480), frame_start=1,
        frame_offset=0,
    )  # fmt: skip
    background = SimpleNamespace(source="MOVIE_CLIP", clip=clip)
    frames = input_frames.InputFrames(tmp_path / "shot_####.jpg")
    shown = canvas._shown_behind(background, current_scene(), frames)  # type: ignore[arg-type]
    assert shown is not None
    assert shown[1] == canvas.Orientation(False, 1)


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
