"""Mouse and keyboard: real events in Blender's window, and buttons that are found by what they do.

Where a button lies depends on everything above it, so nothing here knows places. Ctrl C over a button makes Blender
copy the call of its operator, Ctrl Shift C over a setting its data path: the pointer goes down a region and asks.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

import bpy

Steps = Generator[float, None, Any]
"""A part of a scenario: it yields how long to leave Blender alone, seconds."""
CONTEXT: Final[Any] = bpy.context
"""Without a type: the stubs take the members of a context for functions."""

_STEP_PX: Final = 9  # less than half a row
_NEXT_S: Final = 0.01  # Blender handles all events that are waiting before it calls a timer again


@dataclass(frozen=True)
class Place:
    """A point of the window, pixels from the lower left corner."""

    x: int
    y: int


def window() -> Any:
    """The only window (without a type: the stubs' list of keys is not a `str`)."""
    return CONTEXT.window_manager.windows[0]


def area_of(kind: str) -> bpy.types.Area | None:
    """The largest area of a type (``ui_type``), None where there is none."""
    areas = [area for area in window().screen.areas if area.ui_type == kind]
    return max(areas, key=lambda area: area.width * area.height, default=None)


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    """A region of an area by its type."""
    return next(region for region in area.regions if region.type == kind)


def middle(region: bpy.types.Region) -> Place:
    """The middle of a region."""
    return Place(region.x + region.width // 2, region.y + region.height // 2)


def move(place: Place) -> Steps:
    """Move the pointer."""
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=place.x, y=place.y)
    yield _NEXT_S


def click(place: Place) -> Steps:
    """Press and release the left mouse button."""
    yield from move(place)
    yield 0.1
    window().event_simulate(type="LEFTMOUSE", value="PRESS", x=place.x, y=place.y)
    yield 0.1
    window().event_simulate(type="LEFTMOUSE", value="RELEASE", x=place.x, y=place.y)
    yield 0.2


def press(key: str, place: Place, *, ctrl: bool = False, shift: bool = False) -> Steps:
    """Press and release a key with the pointer at a place."""
    for value in ("PRESS", "RELEASE"):
        window().event_simulate(type=key, value=value, x=place.x, y=place.y, ctrl=ctrl, shift=shift)
    yield _NEXT_S


def scroll(place: Place, kind: str) -> Steps:
    """Turn the mouse wheel by a few notches: WHEELUPMOUSE or WHEELDOWNMOUSE."""
    yield from move(place)
    for _ in range(8):
        window().event_simulate(type=kind, value="PRESS", x=place.x, y=place.y)
    yield 0.4  # it glides


def find(area: bpy.types.Area, kind: str, wanted: str, near: Place | None = None) -> Steps:
    """The place of a button in a region of an area, None where there is none.

    Parameters
    ----------
    wanted : an operator (``bpy.ops.twohand.cancel``) or the data path of a setting (``twohand.input_path``)
    near : where to begin to look, else at the top
    """
    region = region_of(area, kind)
    x = region.x + int(region.width * 0.62)  # right of the names, left of the tabs
    top, bottom = region.y + region.height - 4, region.y + 4
    start = min(near.y + 4 * _STEP_PX, top) if near else top
    for wheel in ("WHEELUPMOUSE", "WHEELDOWNMOUSE", "WHEELDOWNMOUSE", "WHEELDOWNMOUSE"):
        for y in range(start, bottom, -_STEP_PX):
            found = yield from _is_at(Place(x, y), wanted)
            if found:
                return Place(x, y)
        yield from scroll(middle(region), wheel)
        start = top
    return None


def _is_at(place: Place, wanted: str) -> Steps:
    is_operator = wanted.startswith("bpy.ops.")
    manager = CONTEXT.window_manager
    manager.clipboard = ""
    yield from move(place)
    yield from press("C", place, ctrl=True, shift=not is_operator)
    copied = manager.clipboard
    return copied.startswith(f"{wanted}(") if is_operator else copied == wanted
