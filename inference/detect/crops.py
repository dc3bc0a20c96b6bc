"""Cutting regions out of pictures of any size, smoothed where they shrink."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .region import Region

_MARGIN_PX: Final = 2
_DARK: Final = 0.45
"""A crop whose brightest fiftieth is darker is brightened, the more the darker: the nets know few dark hands."""
_BRIGHTNESS_STEP: Final = 6
_LARGEST_GAIN: Final = 12.0


class CropSource:
    """One picture, ready to be cut from: halved copies are made when first needed.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    """

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
            raise ValueError(f"a picture must be (H, W, 3) uint8 and not empty, got {rgb.shape} {rgb.dtype}")
        self.height, self.width = rgb.shape[:2]
        self._levels: list[NDArray[np.uint8]] = [rgb]

    def crop(self, region: Region, size: int, replicate: bool, flip: bool = False) -> NDArray[np.float32]:
        """(size, size, 3) in [0, 1]: the region in its own axes, brightened where it is very dark.

        Outside of the picture it is black, or with `replicate` the nearest pixel; `flip` mirrors left and right.
        """
        level = self._level(max(0, math.floor(math.log2(region.side_px / size))))
        scale = np.array([self.width / level.shape[1], self.height / level.shape[0]])
        matrix = region.matrix(size)
        # Pixel centres: picture = (level + 0.5) * scale - 0.5.
        half = np.array([[0, 0, 0.5], [0, 0, 0.5]])
        matrix = np.asarray((matrix + half) / scale[:, None] - half, dtype=np.float64)
        if flip:
            matrix = matrix @ np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]])
        # Only the part that is needed is handed on: warpAffine takes no pictures beyond 32767 pixels a side.
        corners = matrix[:, :2] @ np.array([[0, 0, size, size], [0, size, 0, size]]) + matrix[:, 2:]
        limit = np.array([[level.shape[1]], [level.shape[0]]])
        low = np.clip(np.floor(corners.min(axis=1, keepdims=True)) - _MARGIN_PX, 0, limit - 1).astype(int)[:, 0]
        high = np.clip(np.ceil(corners.max(axis=1, keepdims=True)) + _MARGIN_PX, 1, limit).astype(int)[:, 0]
        high = np.maximum(high, low + 1)
        matrix[:, 2] -= low
        cut = cv2.warpAffine(
            level[low[1] : high[1], low[0] : high[0]],
            matrix,
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT,
        )
        return np.multiply(_brightened(cut), np.float32(1 / 255), dtype=np.float32)

    def crops(self, regions: Sequence[Region], size: int, replicate: bool) -> NDArray[np.float32]:
        """(N, size, size, 3): every region's crop."""
        batch = np.empty((len(regions), size, size, 3), np.float32)
        for index, region in enumerate(regions):
            batch[index] = self.crop(region, size, replicate)
        return batch

    def _level(self, wanted: int) -> NDArray[np.uint8]:
        while len(self._levels) <= wanted:
            last = self._levels[-1]
            height, width = last.shape[:2]
            if max(height, width) == 1:
                return last
            halved = cv2.resize(last, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA)
            self._levels.append(halved.astype(np.uint8, copy=False))
        return self._levels[wanted]


def _brightened(crop: NDArray[Any]) -> NDArray[Any]:
    """A uint8 crop, multiplied where it is dark; crops of usual brightness come back as they are.

    A factor, not a curve: it keeps the contrast by which the net tells the palm from the back of the hand.
    """
    brightest = float(np.percentile(crop[::_BRIGHTNESS_STEP, ::_BRIGHTNESS_STEP].max(axis=-1), 98)) / 255
    if not 0 < brightest < _DARK:
        return crop
    return cv2.convertScaleAbs(crop, alpha=min((2 * _DARK - brightest) / brightest, _LARGEST_GAIN))
