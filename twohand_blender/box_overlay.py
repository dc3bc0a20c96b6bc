"""What is drawn over an editor while boxes are drawn: the boxes of the frame, and the one under the mouse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import blf
import gpu
from gpu_extras.batch import batch_for_shader

from .picture_map import PictureMap, Point, Rectangle

_COLOURS: Final = {"RIGHT": (0.25, 0.6, 1.0, 1.0), "LEFT": (1.0, 0.55, 0.15, 1.0)}
"""As in the previews: right blue, left orange."""
_NAMES: Final = {"RIGHT": "Right Hand", "LEFT": "Left Hand"}
_FONT: Final = 0


def draw_boxes(
    picture: PictureMap, boxes: Iterable[tuple[str, Rectangle]], text: str, text_at: Point, scale: float
) -> None:
    """Outlines with the hands' names, and a line of help; called by Blender while it draws a region.

    Parameters
    ----------
    boxes : side and place of each
    text_at : where the help begins, in the region
    scale : of the interface
    """
    for side, rectangle in boxes:
        corners = picture.corners(rectangle)
        _outline(corners, _COLOURS[side], 2.0 * scale)
        left, top = min(x for x, _ in corners), max(y for _, y in corners)
        _write(_NAMES[side], (left, top + 5 * scale), _COLOURS[side], 12 * scale)
    _write(text, text_at, (1.0, 1.0, 1.0, 1.0), 13 * scale)


def _outline(corners: Sequence[Point], colour: tuple[float, float, float, float], width_px: float) -> None:
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": _edges(corners)})
    gpu.state.blend_set("ALPHA")
    shader.bind()
    shader.uniform_float("color", colour)
    shader.uniform_float("lineWidth", width_px)
    _, _, *viewport = gpu.state.viewport_get() or (0, 0, 1, 1)  # the stubs say that it may be None
    shader.uniform_float("viewportSize", viewport)
    batch.draw(shader)
    gpu.state.blend_set("NONE")


def _edges(corners: Sequence[Point]) -> list[tuple[float, float, float]]:
    points = [(x, y, 0.0) for x, y in corners]
    return [end for start in range(len(points)) for end in (points[start], points[(start + 1) % len(points)])]


def _write(text: str, at: Point, colour: tuple[float, float, float, float], size: float) -> None:
    blf.size(_FONT, size)
    blf.enable(_FONT, blf.SHADOW)
    blf.shadow(_FONT, 3, 0.0, 0.0, 0.0, 0.8)
    blf.color(_FONT, *colour)
    blf.position(_FONT, at[0], at[1], 0.0)
    blf.draw(_FONT, text)
    blf.disable(_FONT, blf.SHADOW)
