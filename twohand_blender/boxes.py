"""Boxes that the user drew: where a hand is in a frame of the input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import bpy
from bpy.props import EnumProperty, FloatVectorProperty, IntProperty, StringProperty

from .input_frames import InputFrames

SIDE_ITEMS = (
    ("RIGHT", "Right Hand", "The person's right hand"),
    ("LEFT", "Left Hand", "The person's left hand"),
)


class TWOHAND_PG_box(bpy.types.PropertyGroup):
    """One box; pixels are those of the upright picture, from its top left corner."""

    if TYPE_CHECKING:
        source: str
        side: str
        frame: int
        rectangle: Sequence[float]
    else:
        # Written as the input's own path was, often relative to the file: so they move together.
        source: StringProperty(name="Input", description="The input that the box was drawn on")
        side: EnumProperty(name="Hand", description="Which hand is in the box", items=SIDE_ITEMS)
        frame: IntProperty(name="Frame", description="Number of the frame in the source")
        rectangle: FloatVectorProperty(
            name="Rectangle",
            description="Left, top, width and height in pixels of the upright picture",
            size=4,
            precision=0,
        )


class BoxSettings(Protocol):
    """The settings of a scene, as far as boxes are concerned."""

    input_path: str
    as_sequence: bool
    boxes: bpy.types.bpy_prop_collection_idprop[TWOHAND_PG_box]
    box_index: int


def source_path(input_path: str) -> Path | None:
    """Where an input is, the same however its path is written; None where there is no input."""
    if not input_path.strip():
        return None
    path = Path(bpy.path.abspath(input_path)).absolute()
    # The name itself may be a link: pictures of a sequence often are, and belong to the links' folder.
    return path.parent.resolve() / path.name


def frames_of(settings: BoxSettings) -> InputFrames:
    """The frames of the input that is chosen."""
    return InputFrames(source_path(settings.input_path), settings.as_sequence)


def is_of(box: TWOHAND_PG_box, input_path: str) -> bool:
    """Whether a box was drawn on an input."""
    return source_path(box.source) == source_path(input_path)


def boxes_of(settings: BoxSettings, input_path: str) -> list[TWOHAND_PG_box]:
    """The boxes of an input by frame; those of other inputs are kept and mean nothing here."""
    return sorted((box for box in settings.boxes if is_of(box, input_path)), key=lambda box: (box.frame, box.side))


def put_box(settings: BoxSettings, side: str, frame: int, rectangle: tuple[float, float, float, float]) -> None:
    """Add a box for the input that is chosen, or replace the one of the same hand in the same frame."""
    source = settings.input_path
    same = (
        index
        for index, box in enumerate(settings.boxes)
        if (box.side, box.frame) == (side, frame) and is_of(box, source)
    )
    index = next(same, None)
    if index is None:
        settings.boxes.add()
        index = len(settings.boxes) - 1
    box = settings.boxes[index]
    box.source, box.side, box.frame, box.rectangle = source, side, frame, rectangle
    settings.box_index = index


def active_box(settings: BoxSettings) -> TWOHAND_PG_box | None:
    """The box that is chosen in the list, where it belongs to the input that is chosen."""
    if 0 <= settings.box_index < len(settings.boxes):
        box = settings.boxes[settings.box_index]
        if is_of(box, settings.input_path):
            return box
    return None


def remove_boxes(settings: BoxSettings, *, only_active: bool) -> int:
    """Remove the chosen box, or all of the input that is chosen; how many are gone."""
    source, active = settings.input_path, settings.box_index
    doomed = [
        index for index, box in enumerate(settings.boxes) if is_of(box, source) and (not only_active or index == active)
    ]
    for index in reversed(doomed):
        settings.boxes.remove(index)
    left = [index for index, box in enumerate(settings.boxes) if is_of(box, source)]
    settings.box_index = min(left, key=lambda index: abs(index - active)) if left else -1
    return len(doomed)
