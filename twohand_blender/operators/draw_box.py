"""Draw Box: say where a hand is in a frame, with the mouse or in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import bpy
from bpy.props import EnumProperty, FloatVectorProperty, IntProperty

from ..box_overlay import draw_boxes
from ..boxes import SIDE_ITEMS, boxes_of, frames_of, put_box
from ..canvas import NO_CANVAS, Canvas, canvas_of, canvases
from ..picture_map import Point, Rectangle
from ..properties import settings_of
from ..scene.editing import scene_of

_LEAST_SIDE_PX: Final = 8.0
_PASSED_ON: Final = frozenset(
    ("MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN", "TRACKPADZOOM", "LEFT_ARROW", "RIGHT_ARROW")
)
"""Looking closer, and going to another frame, while boxes are drawn."""


_HANDLERS: Final[list[tuple[type[bpy.types.SpaceView3D | bpy.types.SpaceImageEditor], Any]]] = []
"""What draws over the editors now; outside the operator, which may be gone before they are."""


class TWOHAND_OT_draw_box(bpy.types.Operator):
    """Draw a rectangle around a hand in the Image Editor or in a camera view; \
the hand is started anew in that frame and followed from there"""

    bl_idname = "twohand.draw_box"
    bl_label = "Draw Hand Box"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        side: str
        frame: int
        rectangle: Sequence[float]
    else:
        side: EnumProperty(name="Hand", description="Which hand is in the box", items=SIDE_ITEMS)
        frame: IntProperty(
            name="Frame",
            description="Number of the frame in the source",
            default=1,
            options={"SKIP_SAVE"},
        )
        rectangle: FloatVectorProperty(
            name="Rectangle",
            description="Left, top, width and height in pixels of the upright picture",
            size=4,
            options={"SKIP_SAVE"},
        )

    _canvas: Canvas | None = None
    _start: Point | None = None
    _end: Point = (0.0, 0.0)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not settings_of(scene_of(context)).input_path.strip():
            cls.poll_message_set("Choose the input first: a box belongs to it")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:  # noqa: ARG002 - Blender's signature
        """With the mouse, in any editor of the window that shows the input."""
        window, screen = cast(bpy.types.Window, context.window), cast(bpy.types.Screen, context.screen)
        scene = scene_of(context)
        if next(canvases(screen, scene, frames_of(settings_of(scene))), None) is None:
            self.report({"ERROR"}, f"No editor shows the input '{_input_name(scene)}'. {NO_CANVAS}.")
            return {"CANCELLED"}
        self._start, self._canvas = None, None
        end_drawing()
        for space in (bpy.types.SpaceView3D, bpy.types.SpaceImageEditor):
            _HANDLERS.append((space, space.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")))
        window.cursor_modal_set("CROSSHAIR")
        cast(bpy.types.WindowManager, context.window_manager).modal_handler_add(self)
        _redraw(screen)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        """One event: press, drag and release; R and L change the hand, Esc and the right button end without a box."""
        screen = cast(bpy.types.Screen, context.screen)
        result = {"RUNNING_MODAL"}
        if event.type in ("ESC", "RIGHTMOUSE"):
            result = {"CANCELLED"}
        elif event.type in ("R", "L") and event.value == "PRESS":
            self.side = "RIGHT" if event.type == "R" else "LEFT"
        elif event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._press(context, event)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._canvas is not None:
            result = self._release(context, event)
        elif event.type == "MOUSEMOVE" and self._canvas is not None:
            self._end = self._canvas.local(event.mouse_x, event.mouse_y)
        elif event.type in _PASSED_ON and self._canvas is None:
            result = {"PASS_THROUGH"}
        _redraw(screen)
        if result & {"CANCELLED", "FINISHED"}:
            self._end_modal(context)
        return result

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the tool: another file, a closed window."""
        self._end_modal(context)

    def execute(self, context: bpy.types.Context) -> set[Any]:
        """In numbers: from scripts, and again from the panel of the last operator."""
        left, top, width, height = self.rectangle
        if min(width, height) < _LEAST_SIDE_PX:
            self.report({"ERROR"}, f"A box needs at least {_LEAST_SIDE_PX:g} pixels a side.")
            return {"CANCELLED"}
        put_box(settings_of(scene_of(context)), self.side, self.frame, (left, top, width, height))
        return {"FINISHED"}

    def _press(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        scene, screen = scene_of(context), cast(bpy.types.Screen, context.screen)
        shown = list(canvases(screen, scene, frames_of(settings_of(scene))))
        for canvas in shown:
            if canvas.holds(event.mouse_x, event.mouse_y):
                self._canvas = canvas
                self._start = self._end = canvas.local(event.mouse_x, event.mouse_y)
                return
        for area in screen.areas:
            x, y = event.mouse_x - area.x, event.mouse_y - area.y
            is_other = area.type == "IMAGE_EDITOR" and all(canvas.area != area for canvas in shown)
            if is_other and 0 <= x < area.width and 0 <= y < area.height:
                self.report({"WARNING"}, f"This editor does not show the input '{_input_name(scene)}'.")

    def _release(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        canvas, start = self._canvas, self._start
        self._canvas, self._start = None, None
        if canvas is None or start is None:
            return {"RUNNING_MODAL"}
        rectangle = canvas.map.rectangle(start, canvas.local(event.mouse_x, event.mouse_y))
        if min(rectangle[2:]) < _LEAST_SIDE_PX:
            return {"RUNNING_MODAL"}  # a click, or a line: try again
        self.frame, self.rectangle = canvas.frame, rectangle
        return self.execute(context)

    def _end_modal(self, context: bpy.types.Context) -> None:
        end_drawing()
        window = cast("bpy.types.Window | None", context.window)
        if window is not None:
            window.cursor_modal_restore()

    def _draw(self) -> None:
        """Blender's draw handler: called for every region of both kinds of editor."""
        context = bpy.context
        drawn, region = cast("bpy.types.Area | None", context.area), context.region
        scene = scene_of(context)
        settings = settings_of(scene)
        canvas = canvas_of(drawn, scene, frames_of(settings)) if drawn is not None else None
        if canvas is None or canvas.region != region:
            return
        boxes: list[tuple[str, Rectangle]] = [
            (box.side, cast(Rectangle, tuple(box.rectangle)))
            for box in boxes_of(settings, settings.input_path)
            if box.frame == canvas.frame
        ]
        if self._canvas is not None and self._start is not None and self._canvas.area == drawn:
            boxes.append((self.side, self._canvas.map.rectangle(self._start, self._end)))
        hand = "right" if self.side == "RIGHT" else "left"
        text = f"Frame {canvas.frame}: draw a box around the {hand} hand.  R, L: Hand  Esc: End"
        scale = cast(bpy.types.Preferences, context.preferences).system.ui_scale
        draw_boxes(canvas.map, boxes, text, (60 * scale, 30 * scale), scale)


def end_drawing() -> None:
    """Remove what draws over the editors: at the tool's end, and where the add-on is disabled meanwhile."""
    while _HANDLERS:
        space, handler = _HANDLERS.pop()
        space.draw_handler_remove(handler, "WINDOW")


def _input_name(scene: bpy.types.Scene) -> str:
    return Path(bpy.path.abspath(settings_of(scene).input_path)).name


def _redraw(screen: bpy.types.Screen) -> None:
    for area in screen.areas:
        if area.type in ("VIEW_3D", "IMAGE_EDITOR"):
            area.tag_redraw()
