"""Plots as SVG text, drawn by hand: a report must open anywhere, without a plotting library to make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import numpy as np

_COLOURS: Final = ("#1f6fb4", "#d9730d", "#3a8a4d", "#7a4fa3")
_WIDTH: Final = 640
_LEFT: Final = 60
_TOP: Final = 20
_LABEL: Final = 'font-size="12" fill="#444"'


def curve_plot(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], x_label: str, y_label: str, x_end: float
) -> str:
    """Curves of values from 0 to 1 over 0 to `x_end`: names to (x, y)."""
    width, height = _WIDTH - _LEFT - 20, 300
    parts = [_start(_WIDTH, height + 70)]
    for tick in np.linspace(0, 1, 6):
        y = _TOP + (1 - tick) * height
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + width}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" {_LABEL}>{tick:.1f}</text>')
    for tick in np.linspace(0, x_end, 6):
        x = _LEFT + tick / x_end * width
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_TOP + height}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{_TOP + height + 18}" text-anchor="middle" {_LABEL}>{tick:g}</text>')
    for place, (name, (xs, ys)) in enumerate(curves.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        points = " ".join(
            f"{_LEFT + x / x_end * width:.1f},{_TOP + (1 - y) * height:.1f}" for x, y in zip(xs, ys, strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = _TOP + height - 14 - 18 * (len(curves) - 1 - place)
        parts.append(f'<text x="{_LEFT + width - 10}" y="{y}" text-anchor="end" font-size="13" fill="{colour}">')
        parts.append(f"{escape(name)}</text>")
    middle = _TOP + height / 2
    parts.append(f'<text x="{_LEFT + width / 2}" y="{_TOP + height + 40}" text-anchor="middle" {_LABEL}>')
    parts.append(f"{escape(x_label)}</text>")
    parts.append(f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})" {_LABEL}>')
    parts.append(f"{escape(y_label)}</text></svg>")
    return "".join(parts)


def bar_plot(labels: Sequence[str], values: Sequence[float | None], unit: str) -> str:
    """Horizontal bars with their values; None has no bar."""
    row, left = 16, 150
    width = _WIDTH - left - 70
    largest = max([value for value in values if value is not None], default=0.0) or 1.0
    parts = [_start(_WIDTH, row * len(labels) + 10)]
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        y = 5 + place * row
        colour = _COLOURS[0] if place < len(labels) / 2 else _COLOURS[1]
        parts.append(f'<text x="{left - 8}" y="{y + 11}" text-anchor="end" {_LABEL}>{escape(label)}</text>')
        length = 0.0 if value is None else value / largest * width
        parts.append(f'<rect x="{left}" y="{y + 2}" width="{length:.1f}" height="{row - 4}" fill="{colour}"/>')
        text = "-" if value is None else f"{value:.2f} {unit}"
        parts.append(f'<text x="{left + length + 6:.1f}" y="{y + 11}" {_LABEL}>{escape(text)}</text>')
    return "".join([*parts, "</svg>"])


def _start(width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="sans-serif">'
    )
