"""The Whittaker smoother of the third order: a long banded system of equations, solved with numpy alone.

It minimises  sum_t w_t |x_t - y_t|^2 + sum_t k_t |x_t - 3 x_(t-1) + 3 x_(t-2) - x_(t-3)|^2  (E. T. Whittaker 1923) for
many rows of measurements y at once. With `k = (2 pi f / fps) ** -6` it halves what swings at f and hardly touches what
swings at half of that.

The equations have seven diagonals. They are solved in blocks of frames with three frames between: each block knows the
others only through the three before and the three after it, so all blocks are eliminated side by side, then the frames
between are solved for, one after the other, and put back. The result is that of solving in one go; numpy's loops are
as many times shorter as there are blocks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ORDER: Final = 3
BLOCK_FRAMES: Final = 48
_DIFFERENCE: Final = (-1.0, 3.0, -3.0, 1.0)


def differences(values: Array, order: int = ORDER) -> Array:
    """(..., F - order, C) differences of the given order along the frames of (..., F, C)."""
    for _ in range(order):
        values = values[..., 1:, :] - values[..., :-1, :]
    return values


def whittaker(weight: Array, stiffness: Array, measured: Array, *, block_frames: int = BLOCK_FRAMES) -> Array:
    """Solve for the smooth rows; at most three frames stay as they are.

    Parameters
    ----------
    weight : (..., F) of each measurement, above zero
    stiffness : (..., F - 3) of each third difference, zero or more; it spans the frames t to t + 3
    measured : (..., F, C)
    block_frames : frames of a block, at least 3; the result does not depend on it
    """
    *batch, count, channels = measured.shape
    if count <= ORDER:
        return measured.copy()
    # One more frame between than blocks: the clip is padded with frames that nothing ties to it.
    stride = block_frames + ORDER
    blocks = -(-(count - ORDER) // stride)
    padded = blocks * stride + ORDER
    width = int(np.prod(batch))
    weights = np.ones((padded, width))
    weights[:count] = np.broadcast_to(weight, (*batch, count)).reshape(width, count).T
    value = np.zeros((padded, channels, width))
    value[:count] = np.moveaxis(measured.reshape(width, count, channels), 0, -1)
    value *= weights[:, None]
    stiff = np.zeros((padded - ORDER, width))
    stiff[: count - ORDER] = np.broadcast_to(stiffness, (*batch, count - ORDER)).reshape(width, -1).T
    solved = _solve_blocks(_diagonals(weights, stiff), value, blocks, block_frames)
    return np.moveaxis(solved[:count], -1, 0).reshape(measured.shape)


def _diagonals(weights: Array, stiff: Array) -> Array:
    """(4, F, W) the diagonal of the equations and those 1, 2 and 3 below it, by row."""
    bands = np.zeros((ORDER + 1, *weights.shape))
    bands[0] = weights
    count = len(weights)
    for row in range(ORDER + 1):
        there = slice(row, count - ORDER + row)
        for back in range(row + 1):
            bands[back, there] += _DIFFERENCE[row] * _DIFFERENCE[row - back] * stiff
    return bands


def _solve_blocks(bands: Array, value: Array, blocks: int, length: int) -> Array:
    """(F, C, W) with F = blocks * (length + 3) + 3: three frames, a block, three frames, a block, ... three frames."""
    stride, (_, channels, width) = length + ORDER, value.shape
    # Of each frame of a block: what it is tied to before and after the block, three columns each: (L, 3, B, W).
    inner = np.arange(blocks) * stride + ORDER + np.arange(length)[:, None]
    before, after = np.zeros((2, length, ORDER, blocks, width))
    first = np.arange(blocks) * stride
    for back in range(1, ORDER + 1):
        for k in range(back):
            before[k, ORDER + k - back] = bands[back, first + ORDER + k]
            after[length + k - back, k] = bands[back, first + stride + k]
    known = np.concatenate([np.moveaxis(value[inner], 1, 2), before, after], axis=1)
    own, by_before, by_after = np.split(_solve_banded(bands[:, inner], known), [channels, channels + ORDER], axis=1)

    # What is left: the frames between, three by three, each tied to the three before and after.
    between = np.arange(blocks + 1)[:, None] * stride + np.arange(ORDER)
    middle = np.zeros((blocks + 1, width, ORDER, ORDER))
    for back in range(ORDER):
        for k in range(back, ORDER):
            middle[:, :, k, k - back] = middle[:, :, k - back, k] = bands[back, between[:, k]]
    right = np.moveaxis(value[between], -1, 1)
    near, far = before[:ORDER], after[-ORDER:]
    middle[:-1] -= np.einsum("libw,ljbw->bwij", near, by_before[:ORDER])
    middle[1:] -= np.einsum("libw,ljbw->bwij", far, by_after[-ORDER:])
    right[:-1] -= np.einsum("libw,lcbw->bwic", near, own[:ORDER])
    right[1:] -= np.einsum("libw,lcbw->bwic", far, own[-ORDER:])
    link = -np.einsum("libw,ljbw->bwij", far, by_before[-ORDER:])  # frames after a block, by those before it
    for b in range(blocks):
        step = np.linalg.solve(middle[b], np.concatenate([np.swapaxes(link[b], -1, -2), right[b]], axis=-1))
        middle[b + 1] -= link[b] @ step[..., :ORDER]
        right[b + 1] -= link[b] @ step[..., ORDER:]
    right[blocks] = np.linalg.solve(middle[blocks], right[blocks])
    for b in range(blocks - 1, -1, -1):
        right[b] = np.linalg.solve(middle[b], right[b] - np.swapaxes(link[b], -1, -2) @ right[b + 1])
    solved = np.empty_like(value)
    solved[between] = np.moveaxis(right, 1, -1)
    right = np.ascontiguousarray(np.moveaxis(right, (2, 3), (0, 1)))  # (3, C, B + 1, W)
    for k in range(ORDER):
        own -= by_before[:, k, None] * right[k, :, :-1] + by_after[:, k, None] * right[k, :, 1:]
    solved[inner] = np.moveaxis(own, 1, 2)
    return solved


def _solve_banded(bands: Array, value: Array) -> Array:
    """Solve along the first axis of (L, C, ...), in place, factoring the bands (4, L, ...) as L D L^T in place."""
    pivot, one, two, three = bands
    for t in range(1, len(pivot)):
        # The entries of L D come first and are divided by D when the pivot is known.
        if t > 2:
            two[t] -= three[t] * one[t - 2]
            one[t] -= three[t] * two[t - 1]
        if t > 1:
            one[t] -= two[t] * one[t - 1]
        for back, band in ((3, three), (2, two), (1, one)):
            if t >= back:
                scaled = band[t] / pivot[t - back]
                pivot[t] -= scaled * band[t]
                band[t] = scaled
                value[t] -= scaled * value[t - back]
    value /= pivot[:, None]
    for t in range(len(pivot) - 2, -1, -1):
        for back, band in ((1, one), (2, two), (3, three)):
            if t + back < len(pivot):
                value[t] -= band[t + back] * value[t + back]
    return value
