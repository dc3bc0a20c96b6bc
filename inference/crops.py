"""Square crops for the two-hand network: which part of a picture it sees, and the exact way back to the picture.

Three ways to choose one: the authors' demo (`whole_picture`), their data set (`dataset_crop`), and ours round the
hands (`crop_around`), which follows what the network itself sees (`sure_points`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

CROP_PX: Final = 256
"""Side of the network's input."""
DATASET_MARGIN: Final = 1.25
"""Side of the data set's crop by that of the square round the hands' joints."""
SMALLEST_SIDE_PX: Final = 8.0
_LARGEST_SIDE_PX: Final = 1e6
_LARGEST_PART_PX: Final = 32766
"""A side of what warpAffine takes."""

_OUTLIER_SPREADS: Final = 4.0
"""Peaks further than this many median distances from the hands' middle do not widen a crop."""
_SURE_SHARE: Final = 0.3
"""Peaks count for a crop from this share of a typical (median) peak's confidence."""

Box = tuple[float, float, float, float]
"""(x, y, width, height) in the picture's pixels."""


@dataclass(frozen=True)
class SquareCrop:
    """An upright square of a picture, shown to the network with `size_px` pixels a side.

    A crop's pixel (0, 0) shows the picture's point `corner_px` and one crop pixel is `side_px` / `size_px` picture
    pixels, with pixel centres on whole numbers in both: the data set's own rule, which the network was trained with.

    Parameters
    ----------
    corner_px : (x, y) top left
    side_px : in the picture's pixels
    size_px : side of what the network sees
    """

    corner_px: tuple[float, float]
    side_px: float
    size_px: int = CROP_PX

    @property
    def scale(self) -> float:
        """Crop pixels a picture pixel."""
        return self.size_px / self.side_px

    @property
    def centre_px(self) -> tuple[float, float]:
        """(x, y) in the picture."""
        return self.corner_px[0] + self.side_px / 2, self.corner_px[1] + self.side_px / 2

    @property
    def usable(self) -> bool:
        """False for squares that nothing can be cut from: not finite, hardly a pixel, or absurdly large."""
        return bool(np.all(np.isfinite([*self.corner_px, self.side_px]))) and 1 <= self.side_px < _LARGEST_SIDE_PX

    def to_crop(self, points_px: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 2) of the picture in the crop's pixels."""
        return (np.asarray(points_px, dtype=np.float64) - np.array(self.corner_px)) * self.scale

    def to_picture(self, points_px: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 2) of the crop in the picture's pixels; undoes `to_crop`."""
        return np.asarray(points_px, dtype=np.float64) / self.scale + np.array(self.corner_px)

    def matrix(self) -> NDArray[np.float64]:
        """(2, 3) from picture pixels to crop pixels."""
        x, y = self.corner_px
        return np.array([[self.scale, 0.0, -self.scale * x], [0.0, self.scale, -self.scale * y]])

    def cut(self, rgb: NDArray[np.uint8], *, smooth: bool = True) -> NDArray[np.uint8]:
        """(size_px, size_px, 3) of a picture (H, W, 3), bilinear, black outside of it.

        With `smooth` a part that is shrunk to less than half is halved by area first, so that no detail flickers;
        without, pixels in between are left out as in the authors' code, up to the largest part that can be cut at once.
        """
        matrix = self.matrix()
        part, origin = self._part(rgb)
        matrix[:, 2] += matrix[:, :2] @ origin
        while (smooth and matrix[0, 0] < 0.5 and min(part.shape[:2]) > 1) or max(part.shape[:2]) > _LARGEST_PART_PX:
            height, width = part.shape[:2]
            # An odd last row or column is repeated: halving must not stretch the picture.
            even = cv2.copyMakeBorder(part, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
            part = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)
            # Pixel centres: before = 2 * after + 0.5.
            matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5]
            matrix[:, :2] *= 2
        cut = cv2.warpAffine(part, matrix, (self.size_px, self.size_px), flags=cv2.INTER_LINEAR)
        return cut.astype(np.uint8, copy=False)

    def _part(self, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """What of the picture is seen, with a margin, and where it begins."""
        margin = 2 + math.ceil(2 / self.scale)
        limit = np.array([rgb.shape[1], rgb.shape[0]])
        low = np.clip(np.floor(self.corner_px).astype(np.int64) - margin, 0, limit - 1)
        high = np.clip(np.ceil(np.add(self.corner_px, self.side_px)).astype(np.int64) + margin, low + 1, limit)
        return rgb[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)


def whole_picture(size_px: tuple[int, int]) -> SquareCrop:
    """The authors' demo: the whole picture (width, height), longer side to the network's, top left, black elsewhere.

    Cut it without `smooth` for their exact pixels.
    """
    return SquareCrop((0.0, 0.0), float(max(size_px)))


def dataset_crop(box: Box, margin: float = DATASET_MARGIN) -> SquareCrop:
    """The authors' data set: a square of the box's longer side round its middle, made larger by `margin`."""
    x, y, width, height = box
    side = margin * max(width, height, SMALLEST_SIDE_PX / margin)
    return SquareCrop((x + (width - side) / 2, y + (height - side) / 2), side)


def crop_around(points_px: ArrayLike, margin: float = DATASET_MARGIN) -> SquareCrop | None:
    """The square round points (N, 2) of one or two hands; None where there are none or they are not finite."""
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    width, height = high - low
    crop = dataset_crop((float(low[0]), float(low[1]), float(width), float(height)), margin)
    return crop if crop.usable else None


def sure_points(hands: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """The peaks that a crop should hold (N, 2): those that are about as sure as the rest, without far outliers.

    Parameters
    ----------
    hands : (21, 2) peaks of a hand and their (21,) confidences, for each hand that is there
    """
    kept = []
    for points, confidence in hands:
        sure = confidence >= _SURE_SHARE * np.median(confidence)
        sure &= confidence > 0
        if not sure.any():
            continue
        chosen, weight = points[sure], confidence[sure]
        middle = np.array([_weighted_median(chosen[:, axis], weight) for axis in range(2)])
        distance = np.linalg.norm(chosen - middle, axis=1)
        spread = _weighted_median(distance, weight)
        kept.append(chosen[distance <= _OUTLIER_SPREADS * max(spread, 1e-9)])
    return np.concatenate(kept) if kept else np.zeros((0, 2))


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
