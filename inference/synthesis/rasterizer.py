"""Triangles to pixels in plain torch: batched, the same code on CPU and CUDA, nothing to compile.

Every triangle is spread over the rows that it crosses, every row over its pixels, and the nearest fragment of each
pixel is found with one `scatter_reduce` over keys that hold depth and fragment together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor

Facing = Literal["front", "both"]
"""Which triangles are drawn: those whose corners are seen to go round counter-clockwise, or all."""

_SMALLEST_AREA_PX2: Final = 1e-6
_RIM_PX: Final = 1e-4
"""Triangles reach this much further, so that rounding leaves no gap between two that share an edge."""
_INDEX_BITS: Final = 32
_EMPTY_KEY: Final = (1 << 63) - 1


@dataclass(frozen=True)
class Fragments:
    """The visible surface points of a batch of pictures, one for each covered pixel, N in all.

    Attributes
    ----------
    pixel : (N,) int64 flat pixel index ``(picture * height + row) * width + column``, ascending
    picture : (N,) int64 picture in the batch
    face : (N,) int64 triangle
    weights : (N, 3) barycentric weights of the triangle's corners, perspective-correct, summing to one
    depth : (N,) depth in the unit of the vertices
    """

    pixel: Tensor
    picture: Tensor
    face: Tensor
    weights: Tensor
    depth: Tensor

    def interpolate(self, attributes: Tensor, faces: Tensor) -> Tensor:
        """(N, C) values at the fragments from values (B, V, C) at the vertices of `faces` (F, 3)."""
        vertices = attributes.shape[1]
        corners = faces.index_select(0, self.face) + (self.picture * vertices)[:, None]
        table = attributes.reshape(-1, attributes.shape[-1])
        first, second, third = (table.index_select(0, corner) for corner in corners.unbind(1))
        value = first * self.weights[:, 0:1]
        return value.addcmul_(second, self.weights[:, 1:2]).addcmul_(third, self.weights[:, 2:3])

    def per_picture(self, values: Tensor) -> Tensor:
        """(C, N) values (B, C) of each fragment's picture, or (N,) of (B,); one row a component, which is faster."""
        if values.dim() == 1:
            return values.index_select(0, self.picture)
        return values.t().contiguous().index_select(1, self.picture)

    def interpolate_corners(self, corners: Tensor) -> Tensor:
        """(N, C) values at the fragments from values (F, 3, C) that belong to the corners of each triangle."""
        return (corners.index_select(0, self.face) * self.weights[..., None]).sum(1)


class _Triangles(NamedTuple):
    """The triangles that reach the screen, T in all: boxes in pixels, weights as planes over the box."""

    number: Tensor  # (T,) place in the batch's B * F triangles
    left: Tensor  # (T,) int64
    top: Tensor  # (T,) int64
    columns: Tensor  # (T,) int32 width of the box
    rows: Tensor  # (T,) int32 height of the box
    planes: Tensor  # (T, 6) second and third corner's weight: at the box's first pixel, step in x, step in y
    depths: Tensor  # (T, 3) of the corners, or one over them in perspective


def rasterize(
    points_px: Tensor,
    depth: Tensor,
    faces: Tensor,
    size_px: tuple[int, int],
    *,
    facing: Facing = "front",
    drawn: Tensor | None = None,
    near: float = 1e-3,
    projection: Literal["perspective", "parallel"] = "perspective",
) -> Fragments:
    """Find what is seen at every pixel.

    Parameters
    ----------
    points_px : (B, V, 2) float32 vertices on the screen, x right, y down; pixel (0, 0) has its centre at the origin
    depth : (B, V) float32 depth of the vertices, the same unit as `near`
    faces : (F, 3) int64 triangles, the same in every picture
    size_px : width and height
    facing : which triangles are drawn
    drawn : (B, F) bool, triangles to draw in each picture; all where None
    near : triangles with a corner nearer than this positive depth are left out, not clipped
    projection : how depth and weights run over a triangle: as a pinhole camera sees it, or a far light

    Returns
    -------
    Fragments
        of two surfaces at one depth the triangle that comes first wins, on every device
    """
    width, height = size_px
    triangles = _set_up(points_px, depth, faces, size_px, facing=facing, drawn=drawn, near=near)
    if projection == "perspective":
        triangles = triangles._replace(depths=triangles.depths.reciprocal())
    owner, row, column, second, third = _spread(triangles)
    base = (triangles.number // len(faces)) * (height * width) + triangles.top * width + triangles.left
    pixel = base.index_select(0, owner) + row * width + column
    near_corner = triangles.depths[:, 0]
    slopes = triangles.depths[:, 1:] - near_corner[:, None]
    slope = slopes.index_select(0, owner)
    z = near_corner.index_select(0, owner) + second * slope[:, 0] + third * slope[:, 1]
    if projection == "perspective":
        z = z.reciprocal()
    # The bits of a positive float sort like the float itself.
    place = torch.arange(len(owner), device=owner.device)
    key = (z.view(torch.int32).to(torch.int64) << _INDEX_BITS) | place
    nearest = torch.full((len(points_px) * height * width,), _EMPTY_KEY, dtype=torch.int64, device=key.device)
    nearest.scatter_reduce_(0, pixel, key, "amin")
    hit = (nearest != _EMPTY_KEY).nonzero().squeeze(1)
    winner = nearest.index_select(0, hit) & ((1 << _INDEX_BITS) - 1)
    owner, second, third, z = (values.index_select(0, winner) for values in (owner, second, third, z))
    weights = torch.stack([1 - second - third, second, third], 1)
    if projection == "perspective":
        weights = weights * triangles.depths.index_select(0, owner) * z[:, None]
    face = triangles.number.index_select(0, owner) % len(faces)
    return Fragments(hit, hit // (height * width), face, weights, z)


def _set_up(
    points_px: Tensor,
    depth: Tensor,
    faces: Tensor,
    size_px: tuple[int, int],
    *,
    facing: Facing,
    drawn: Tensor | None,
    near: float,
) -> _Triangles:
    """Keep the triangles whose box holds a pixel's centre, and write their weights as planes."""
    width, height = size_px
    batch, vertices = depth.shape
    table = torch.cat([points_px, depth[..., None]], -1).reshape(-1, 3)
    first_vertex = torch.arange(batch, device=depth.device) * vertices
    corners = (faces + first_vertex[:, None, None]).reshape(-1, 3)
    points = [table.index_select(0, corner) for corner in corners.unbind(1)]
    (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = (point.unbind(1) for point in points)
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    left = torch.minimum(torch.minimum(x0, x1), x2).ceil().clamp_(min=0)
    right = torch.maximum(torch.maximum(x0, x1), x2).floor().clamp_(max=width - 1)
    top = torch.minimum(torch.minimum(y0, y1), y2).ceil().clamp_(min=0)
    bottom = torch.maximum(torch.maximum(y0, y1), y2).floor().clamp_(max=height - 1)
    kept = (-area if facing == "front" else area.abs()) > _SMALLEST_AREA_PX2
    kept &= (right >= left) & (bottom >= top) & (torch.minimum(torch.minimum(z0, z1), z2) > near)
    if drawn is not None:
        kept &= drawn.reshape(-1)
    index = kept.nonzero().squeeze(1)
    box = torch.stack([left, top, right, bottom, area], 1).index_select(0, index)
    left, top, right, bottom, area = box.unbind(1)
    points = [point.index_select(0, index) for point in points]
    (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = (point.unbind(1) for point in points)
    scale = area.reciprocal()
    second_x, second_y = (y2 - y0) * scale, (x0 - x2) * scale
    third_x, third_y = (y0 - y1) * scale, (x1 - x0) * scale
    second = (left - x0) * second_x + (top - y0) * second_y
    third = (left - x0) * third_x + (top - y0) * third_y
    return _Triangles(
        index,
        left.to(torch.int64),
        top.to(torch.int64),
        (right - left + 1).to(torch.int32),
        (bottom - top + 1).to(torch.int32),
        torch.stack([second, second_x, second_y, third, third_x, third_y], 1),
        torch.stack([z0, z1, z2], 1),
    )


class _Inside(NamedTuple):
    """The pixels inside every triangle, N in all."""

    owner: Tensor  # (N,) place among the triangles
    row: Tensor  # (N,) in the triangle's box
    column: Tensor  # (N,) in the triangle's box
    second: Tensor  # (N,) weight of the second corner
    third: Tensor  # (N,) weight of the third corner


def _spread(triangles: _Triangles) -> _Inside:
    """Spread triangles over the rows of their boxes, and the rows over the pixels between their two edges."""
    device = triangles.rows.device
    owner = torch.repeat_interleave(torch.arange(len(triangles.rows), device=device), triangles.rows)
    row = _places(triangles.rows, owner)
    y = row.to(triangles.planes.dtype)
    second_0, second_x, second_y, third_0, third_x, third_y = triangles.planes.index_select(0, owner).unbind(1)
    at_second, at_third = second_0 + y * second_y, third_0 + y * third_y
    low = torch.zeros_like(y)
    high = (triangles.columns.index_select(0, owner) - 1).to(y.dtype)
    edges = ((at_second, second_x), (at_third, third_x), (1 - at_second - at_third, -second_x - third_x))
    for start, step in edges:
        # Where a weight is zero on this row: it is positive to the right if it grows with x, else to the left.
        crossing = -start / step
        low = torch.where(step > 0, torch.maximum(low, crossing - _RIM_PX), low)
        high = torch.where(step < 0, torch.minimum(high, crossing + _RIM_PX), high)
        high = torch.where((step == 0) & (start < 0), -torch.ones_like(high), high)
    first = low.ceil()
    count = (high.floor() - first + 1).clamp_(min=0).to(torch.int32)
    line = torch.repeat_interleave(torch.arange(len(owner), device=device), count)
    place = _places(count, line)
    table = torch.stack([first, at_second, second_x, at_third, third_x], 1).index_select(0, line)
    x = place.to(y.dtype) + table[:, 0]
    second = (table[:, 1] + x * table[:, 2]).clamp_(0, 1)
    third = torch.minimum((table[:, 3] + x * table[:, 4]).clamp_(min=0), 1 - second)
    return _Inside(owner.index_select(0, line), row.index_select(0, line), x.to(torch.int64), second, third)


def _places(count: Tensor, owner: Tensor) -> Tensor:
    """(N,) for what `repeat_interleave` made: the how-manieth of its owner each is."""
    start = (torch.cumsum(count, 0) - count).to(torch.int32)
    return torch.arange(len(owner), device=owner.device, dtype=torch.int32) - start.index_select(0, owner)
