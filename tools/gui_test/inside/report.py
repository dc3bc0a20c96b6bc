"""What the scenario tells the program outside."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

import bpy
from pointer import Steps, middle, move, region_of, window

FOLDER: Final = Path(os.environ["GUI_TEST_FOLDER"])
"""Shared with the program outside."""


def say(text: str) -> None:
    """A line that the program outside reads."""
    sys.stdout.write(f"GUI TEST {text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Something measured."""
    say(f"NOTE {text}")


def check(holds: object, complaint: str) -> None:
    """End the scenario where something is not as it must be."""
    if not holds:
        raise AssertionError(complaint)


def photograph(name: str, *, keep_pointer: bool = False) -> Steps:
    """Have the screen photographed, and the 3D view and its sidebar alone; the pointer goes out of the way before."""
    boxes: dict[str, tuple[int, int, int, int]] = {}
    for area in window().screen.areas:
        area.tag_redraw()
        if area.type == "VIEW_3D":
            sidebar = region_of(area, "UI")
            boxes = {"view": _box(area), "sidebar": _box(sidebar)}
            if not keep_pointer:  # else: in a menu, which would close
                yield from move(middle(region_of(area, "WINDOW")))
    yield 0.4
    request, draft = FOLDER / f"photograph-{name}", FOLDER / "draft"
    draft.write_text(json.dumps(boxes), encoding="utf-8")
    draft.rename(request)  # at once, so that no half of it is read
    for _ in range(200):
        if not request.exists():
            return
        yield 0.05
    raise AssertionError("no photograph was taken")


def _box(part: bpy.types.Area | bpy.types.Region) -> tuple[int, int, int, int]:
    """Left, top, width and height from the upper left corner, as screens count."""
    return part.x, window().height - part.y - part.height, part.width, part.height
