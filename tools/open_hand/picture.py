"""Small shaded pictures of hands, to look at while building: a z-buffer in numpy, no other renderer needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .mesh import vertex_normals

Array = NDArray[np.float64]

SKIN_COLOUR = np.array([226.0, 180.0, 155.0])
INSIDE_COLOUR = np.array([80.0, 80.0, 210.0])
"""Faces seen from behind stand out: a fold or a self-cut shows blue."""
LIGHT = np.array([-0.35, 0.45, 0.82]) / np.linalg.norm([-0.35, 0.45, 0.82])

VIEWS = {
    "back": np.array([[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]]),
    "palm": np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]),
    "thumb side": np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
    "little finger side": np.array([[0.0, -1, 0], [-1, 0, 0], [0, 0, -1]]),
    "fingertips": np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
}
"""Rotations from the model's frame to the picture's: right, up, towards the viewer (right hand)."""


def render(
    vertices: Array,
    triangles: NDArray[np.int32],
    view: str,
    *,
    size_px: int = 360,
    width_m: float = 0.24,
    centre_m: Sequence[float] = (-0.085, -0.01, 0.005),
) -> Image.Image:
    """Orthographic picture of vertices (V, 3); `width_m` metres fill the picture."""
    axes = VIEWS[view]
    scale = size_px / width_m
    seen = (vertices - np.asarray(centre_m)) @ axes.T * scale
    screen = np.stack([seen[:, 0] + size_px / 2, size_px / 2 - seen[:, 1], seen[:, 2]], axis=1)
    normals = vertex_normals(vertices, triangles) @ axes.T
    image = np.full((size_px, size_px, 3), 255.0)
    depth = np.full((size_px, size_px), -np.inf)
    for triangle in triangles:
        _fill(image, depth, screen[triangle], normals[triangle])
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def _fill(image: Array, depth: Array, corners: Array, normals: Array) -> None:
    size = len(depth)
    low = np.clip(np.floor(corners[:, :2].min(axis=0)).astype(int), 0, size - 1)
    high = np.clip(np.ceil(corners[:, :2].max(axis=0)).astype(int), 0, size - 1)
    edges = corners[1:, :2] - corners[0, :2]
    area = edges[0, 0] * edges[1, 1] - edges[0, 1] * edges[1, 0]
    if abs(area) < 1e-9:
        return
    rows, columns = np.mgrid[low[1] : high[1] + 1, low[0] : high[0] + 1]
    x, y = columns - corners[0, 0], rows - corners[0, 1]
    second = (x * edges[1, 1] - y * edges[1, 0]) / area
    third = (y * edges[0, 0] - x * edges[0, 1]) / area
    share = np.stack([1 - second - third, second, third], axis=-1)
    near = share @ corners[:, 2]
    window = (slice(low[1], high[1] + 1), slice(low[0], high[0] + 1))
    seen = (share.min(axis=-1) >= -1e-6) & (near > depth[window])
    normal = share @ normals
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-12
    shade = 0.28 + 0.72 * np.clip(normal @ LIGHT, 0, 1)
    # On screen y points down, so a face that looks at the viewer has negative area.
    colour = SKIN_COLOUR if area < 0 else INSIDE_COLOUR
    image[window][seen] = (shade[..., None] * colour)[seen]
    depth[window][seen] = near[seen]


def contact_sheet(pictures: Sequence[tuple[str, Image.Image]], columns: int) -> Image.Image:
    """Pictures of one size in rows, each with its label."""
    width, height = pictures[0][1].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (width * columns, height * rows), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (label, picture) in enumerate(pictures):
        corner = (place % columns * width, place // columns * height)
        sheet.paste(picture, corner)
        draw.text((corner[0] + 6, corner[1] + 4), label, fill=(0, 0, 0))
    return sheet
