"""Line charts with opencv alone, for the curves in `docs/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

PANEL_PX: Final = (520, 380)
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 46, 56
_COLOURS_BGR: Final = ((180, 90, 20), (30, 110, 220), (60, 150, 60), (150, 60, 150), (90, 90, 90))
_INK_BGR: Final = (60, 60, 60)


def line_chart(
    title: str,
    x_label: str,
    y_label: str,
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    names_right: bool = False,
) -> NDArray[np.uint8]:
    """One panel (height, width, 3), BGR; the y axis starts at zero; the lines' names stand at the top left or right."""
    width, height = PANEL_PX
    panel = np.full((height, width, 3), 255, dtype=np.uint8)
    top = _round_up(max(max(values) for values in lines.values()))
    low, high = min(x), max(x)

    def at(value_x: float, value_y: float) -> tuple[int, int]:
        across = _LEFT + (value_x - low) / (high - low) * (width - _LEFT - _RIGHT)
        return round(across), round(height - _BOTTOM - value_y / top * (height - _TOP - _BOTTOM))

    for step in range(6):
        value = top * step / 5
        cv2.line(panel, at(low, value), at(high, value), (225, 225, 225), 1)
        _write(panel, f"{value:g}", (8, at(low, value)[1] + 4))
    for value in x:
        _write(panel, f"{value:g}", (at(value, 0)[0] - 10, height - _BOTTOM + 20))
    _write(panel, f"{title}, {y_label}", (12, 24), 0.5)
    _write(panel, x_label, (_LEFT, height - 12))
    names_x = width - _RIGHT - 90 if names_right else _LEFT + 30
    for number, (name, values) in enumerate(lines.items()):
        colour = _COLOURS_BGR[number % len(_COLOURS_BGR)]
        places = [at(*point) for point in zip(x, values, strict=True)]
        cv2.polylines(panel, [np.array(places, dtype=np.int32)], False, colour, 2, cv2.LINE_AA)
        for place in places:
            cv2.circle(panel, place, 4, colour, -1, cv2.LINE_AA)
        cv2.putText(
            panel, name, (names_x, _TOP + 16 + 18 * number), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA
        )
    return panel


def save_panels(panels: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Panels side by side as one PNG."""
    cv2.imwrite(str(path), np.concatenate(list(panels), axis=1))


def _round_up(value: float) -> float:
    scale = 10.0 ** np.floor(np.log10(max(value, 1e-9)))
    return float(next(step * scale for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * scale >= value))


def _write(panel: NDArray[np.uint8], text: str, place: tuple[int, int], size: float = 0.42) -> None:
    cv2.putText(panel, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, _INK_BGR, 1, cv2.LINE_AA)
