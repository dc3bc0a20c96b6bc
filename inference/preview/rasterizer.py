"""A z-buffer in numpy: which triangle is seen in each pixel, and where in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SAMPLES_AT_ONCE: Final = 2_000_000
_NEAREST_M: Final = 0.01


@dataclass(frozen=True)
class Raster:
    """What is seen in each pixel of a picture of height H and width W.

    Parameters
    ----------
    triangle : (H, W) index of the nearest triangle, -1 where there is none
    barycentric : (H, W, 3) weights of its corners, zero where there is none
    """

    triangle: NDArray[np.int32]
    barycentric: NDArray[np.float32]


def rasterize(
    points_px: NDArray[np.float64],
    depth_m: NDArray[np.float64],
    triangles: NDArray[np.integer],
    size_px: tuple[int, int],
) -> Raster:
    """Rasterise triangles; a pixel is covered where its centre lies in one.

    Parameters
    ----------
    points_px : (V, 2) projected vertices; pixel (0, 0) is the centre of the top-left pixel
    depth_m : (V,) distance along the view axis; triangles nearer than 10 mm, or behind, are left out
    triangles : (T, 3) vertex indices
    size_px : (width, height)
    """
    width, height = size_px
    nearest = np.full(width * height, np.inf)
    triangle = np.full(width * height, -1, dtype=np.int32)
    barycentric = np.zeros((width * height, 3), dtype=np.float32)
    kept = np.flatnonzero((depth_m[triangles] > _NEAREST_M).all(axis=1))
    corners = points_px[triangles[kept]]
    low = np.ceil(corners.min(axis=1)).clip(0, [width, height]).astype(np.int64)
    high = np.floor(corners.max(axis=1)).clip(-1, [width - 1, height - 1]).astype(np.int64)
    extent = (high - low + 1).clip(0)
    counts = extent[:, 0] * extent[:, 1]
    ends = np.cumsum(counts)
    first = 0
    while first < len(kept):
        # As many triangles as fit the memory, at least one.
        limit = (ends[first - 1] if first else 0) + _SAMPLES_AT_ONCE
        last = max(first + 1, int(np.searchsorted(ends, limit, side="right")))
        part = slice(first, last)
        owner = np.repeat(np.arange(first, last), counts[part])
        within = np.arange(len(owner)) - np.repeat(
            ends[part] - counts[part] - (ends[first] - counts[first]), counts[part]
        )
        x = low[owner, 0] + within % extent[owner, 0]
        y = low[owner, 1] + within // extent[owner, 0]
        weights = _barycentric(corners, owner, x, y)
        inside = (weights >= -1e-9).all(axis=1)
        owner, weights, pixel = owner[inside], weights[inside], (y * width + x)[inside]
        # 1/z, not z, is linear in the picture.
        depth = 1.0 / np.einsum("nc,nc->n", weights, 1.0 / depth_m[triangles[kept[owner]]])
        np.minimum.at(nearest, pixel, depth)
        seen = depth <= nearest[pixel]
        triangle[pixel[seen]] = kept[owner[seen]]
        barycentric[pixel[seen]] = weights[seen]
        first = last
    return Raster(triangle.reshape(height, width), barycentric.reshape(height, width, 3))


def _barycentric(
    corners: NDArray[np.float64], owner: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(N, 3) weights of the corners of triangle `owner` at (x, y); one is negative outside, and in flat triangles."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    flat = np.abs(area) < 1e-12
    inverse = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, area))
    a, b, c, inverse = a[owner], b[owner], c[owner], inverse[owner]
    of_b = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) * inverse
    of_c = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) * inverse
    of_a = np.where(flat[owner], -1.0, 1.0 - of_b - of_c)
    return np.stack([of_a, of_b, of_c], axis=1)
