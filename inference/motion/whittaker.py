"""The Whittaker smoother of the third order: a long banded system of equations, solved with numpy alone.

It minimises  sum_t w_t |x_t - y_t|^2 + sum_t k_t |x_t - 3 x_(t-1) + 3 x_(t-2) - x_(t-3)|^2  (E. T. Whittaker 1923) for
many rows of measurements y at once. With `k = (2 pi f / fps) ** -6` it halves what swings at f and hardly touches what
swings at half of that.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ORDER: Final = 3
_DIFFERENCE: Final = (-1.0, 3.0, -3.0, 1.0)


def differences(values: Array, order: int = ORDER) -> Array:
    """(..., F - order, C) differences of the given order along the frames of (..., F, C)."""
    for _ in range(order):
        values = values[..., 1:, :] - values[..., :-1, :]
    return values


def whittaker(weight: Array, stiffness: Array, measured: Array) -> Array:
    """Solve for the smooth rows; at most three frames stay as they are.

    The equations have seven diagonals; they are factored as L D L^T and solved frame by frame, all rows at once.

    Parameters
    ----------
    weight : (..., F) of each measurement, above zero
    stiffness : (..., F - 3) of each third difference, zero or more; it spans the frames t to t + 3
    measured : (..., F, C)
    """
    batch, count = measured.shape[:-2], measured.shape[-2]
    if count <= ORDER:
        return measured.copy()
    width = int(np.prod(batch))
    # Frames first, so that each step of the recursion works on a contiguous block.
    stiff = np.ascontiguousarray(np.broadcast_to(stiffness, (*batch, count - ORDER)).reshape(width, -1).T)
    diagonal = np.ascontiguousarray(np.broadcast_to(weight, (*batch, count)).reshape(width, -1).T)
    value = np.moveaxis(measured.reshape(width, count, -1), 1, 0) * diagonal[..., None]
    below = [np.zeros_like(diagonal) for _ in range(ORDER)]  # row t, column t - 1, t - 2, t - 3
    for row in range(ORDER + 1):
        there = slice(row, count - ORDER + row)
        diagonal[there] += _DIFFERENCE[row] ** 2 * stiff
        for back in range(1, row + 1):
            below[back - 1][there] += _DIFFERENCE[row] * _DIFFERENCE[row - back] * stiff
    _factor(diagonal, *below)
    one, two, three = (band[..., None] for band in below)
    for t in range(1, count):
        value[t] -= one[t] * value[t - 1]
        if t > 1:
            value[t] -= two[t] * value[t - 2]
        if t > 2:
            value[t] -= three[t] * value[t - 3]
    value /= diagonal[..., None]
    for t in range(count - 2, -1, -1):
        value[t] -= one[t + 1] * value[t + 1]
        if t < count - 2:
            value[t] -= two[t + 2] * value[t + 2]
        if t < count - 3:
            value[t] -= three[t + 3] * value[t + 3]
    return np.moveaxis(value, 0, 1).reshape(measured.shape)


def _factor(pivot: Array, one: Array, two: Array, three: Array) -> None:
    """L D L^T in place, frames first: D in `pivot`, the diagonals of L below it in the others."""
    for t in range(1, len(pivot)):
        # Entries of L D first, divided by D at the end.
        if t > 2:
            two[t] -= three[t] * one[t - 2]
            one[t] -= three[t] * two[t - 1]
        if t > 1:
            one[t] -= two[t] * one[t - 1]
            if t > 2:
                scaled = three[t] / pivot[t - 3]
                pivot[t] -= scaled * three[t]
                three[t] = scaled
            scaled = two[t] / pivot[t - 2]
            pivot[t] -= scaled * two[t]
            two[t] = scaled
        scaled = one[t] / pivot[t - 1]
        pivot[t] -= scaled * one[t]
        one[t] = scaled
