"""A picture with one hand painted over, so that the nets look for another."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..hands.joints import SKELETON_EDGES
from .crops import CropSource
from .region import Region

_FINGER_WIDTH: Final = 0.09
"""Of a finger with its margin, as a share of the hand's region."""
_PALM_OUTLINE: Final = [0, 13, 1, 4, 10, 7]
_SAMPLE_SIZE: Final = 128
_PAINTED: Final = (255,)


class CoveredSource(CropSource):
    """Cuts regions like the source it stands for, with a hand painted in the colour that surrounds it.

    Parameters
    ----------
    source : the picture
    joints_px : (21, 2) points of the hand to hide, MANO order
    """

    def __init__(self, source: CropSource, joints_px: NDArray[np.float64]) -> None:
        self.width, self.height = source.width, source.height
        self._source = source
        self._joints_px = joints_px
        self._width_px = _FINGER_WIDTH * Region.from_joints(joints_px).side_px
        self._color = self._surrounding_color()

    def crop(self, region: Region, size: int, replicate: bool, flip: bool = False) -> NDArray[np.float32]:
        """As `CropSource.crop`, the hand painted over."""
        crop = self._source.crop(region, size, replicate, flip)
        crop[self._silhouette(region, size, flip) > 0] = self._color
        return crop

    def _surrounding_color(self) -> NDArray[np.float32]:
        region = Region.from_joints(self._joints_px).scaled(1.2)
        crop = self._source.crop(region, _SAMPLE_SIZE, replicate=True)
        silhouette = self._silhouette(region, _SAMPLE_SIZE, flip=False)
        ring = (cv2.dilate(silhouette, np.ones((9, 9), np.uint8)) > 0) & (silhouette == 0)
        return np.median(crop[ring] if ring.any() else crop.reshape(-1, 3), axis=0).astype(np.float32)

    def _silhouette(self, region: Region, size: int, flip: bool) -> NDArray[np.uint8]:
        """(size, size), 255 on the hand."""
        matrix = region.matrix(size)
        points = (self._joints_px - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        if flip:
            points = points * [-1, 1] + [size - 1, 0]
        # Far outside nothing is drawn anyway, and cv2 counts in 32 bits.
        pixels = np.clip(np.round(points), -8 * size, 8 * size).astype(np.int32)
        width = max(1, round(self._width_px * size / region.side_px))
        silhouette = np.zeros((size, size), np.uint8)
        for start, end in SKELETON_EDGES:
            cv2.line(silhouette, pixels[start].tolist(), pixels[end].tolist(), _PAINTED, width)
        palm = cv2.convexHull(pixels[_PALM_OUTLINE])
        cv2.fillConvexPoly(silhouette, palm, _PAINTED)
        cv2.polylines(silhouette, [palm], True, _PAINTED, width)
        return silhouette
