"""Other backgrounds behind the hands: the true meshes say which pixels are hands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

_MARGIN_SHARE: Final = 0.02
"""Of the picture's side: fits are not exact, and skin that is cut off teaches more harm than a rim of the old
background."""
_SOFTNESS_SHARE: Final = 0.006
_COARSEST_CELLS: Final = 2
_FINEST_CELLS: Final = 48


def hands_mask(
    meshes_px: Sequence[tuple[NDArray[np.float64], NDArray[np.integer[Any]]]], size_px: int
) -> NDArray[np.float32]:
    """(size_px, size_px) from 0 to 1: where the hands are, with a soft margin.

    Parameters
    ----------
    meshes_px : of each hand its vertices (V, 2) in the picture's pixels and its triangles (F, 3)
    """
    mask = np.zeros((size_px, size_px), dtype=np.uint8)
    for vertices_px, triangles in meshes_px:
        corners = np.clip(np.rint(vertices_px), -8 * size_px, 8 * size_px).astype(np.int32)
        for triangle in corners[triangles]:
            cv2.fillConvexPoly(mask, triangle, (255,))
    margin = max(1, round(_MARGIN_SHARE * size_px))
    mask = np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2)), np.uint8)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SOFTNESS_SHARE * size_px)
    return np.asarray(soft, dtype=np.float32) / np.float32(255)


def draw_background(rng: np.random.Generator, size_px: int) -> NDArray[np.float32]:
    """(size_px, size_px, 3) from 0 to 1: coarse and fine random patches about a random colour."""
    picture = np.ones((size_px, size_px, 3)) * rng.uniform(0, 1, 3)
    for _ in range(int(rng.integers(1, 4))):
        cells = int(rng.integers(_COARSEST_CELLS, _FINEST_CELLS))
        patches = rng.normal(0, rng.uniform(0.02, 0.3), (cells, cells, 3))
        smooth = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
        picture += cv2.resize(patches, (size_px, size_px), interpolation=smooth)
    return np.clip(picture, 0, 1).astype(np.float32)


def before_background(
    picture: NDArray[np.float32], mask: NDArray[np.float32], background: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The masked part of a picture (S, S, 3) before a background."""
    share = mask[..., None]
    return np.asarray(picture * share + background * (1 - share), dtype=np.float32)
