"""Pictures of the samples with the largest errors: the predicted skeletons over the true ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..crops import SquareCrop, crop_around, dataset_crop
from ..datasets.dataset import HandDataset
from ..datasets.pictures import PictureReader
from ..hands.joints import SKELETON_EDGES
from .errors import WorstSample

_TILE_PX: Final = 320
_TRUE_RGB: Final = (255, 255, 255)
_PREDICTED_RGB: Final = ((64, 140, 255), (255, 150, 40))
"""Right and left hand, as in previews."""
_PLAIN_GREY: Final = 64
_JPEG_QUALITY: Final = 85
_SUBPIXEL_BITS: Final = 4


def worst_tiles(
    dataset: HandDataset, worst: list[WorstSample], reader: PictureReader
) -> Iterator[tuple[WorstSample, bytes]]:
    """Each sample with its tile as JPEG; plain grey where the picture cannot be read."""
    for item in worst:
        camera = dataset.intrinsics(item.sample)
        # Round the hands that are drawn: an annotated box may hold less.
        seen = crop_around(camera.project(item.true_mm[item.shown])) or dataset_crop(dataset.box_px(item.sample))
        crop = SquareCrop(seen.corner_px, seen.side_px, _TILE_PX)
        rgb = reader(item.sample)
        plain = np.full((_TILE_PX, _TILE_PX, 3), _PLAIN_GREY, dtype=np.uint8)
        tile = plain if rgb is None else crop.cut(rgb)
        for hand in np.flatnonzero(item.shown):
            for points_mm, colour, width in (
                (item.true_mm[hand], _TRUE_RGB, 3),
                (item.predicted_mm[hand], _PREDICTED_RGB[hand], 2),
            ):
                _draw(tile, crop.to_crop(camera.project(points_mm)), colour, width)
        encoded, content = cv2.imencode(".jpg", tile[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        if encoded:
            yield item, content.tobytes()


def _draw(tile: NDArray[np.uint8], points_px: NDArray[np.float64], colour: tuple[int, int, int], width: int) -> None:
    # Points behind the camera land anywhere; OpenCV wants numbers that fit.
    ends = np.clip(np.nan_to_num(points_px), -1e4, 1e4)
    fixed = np.round(ends * 2**_SUBPIXEL_BITS).astype(int)
    for first, second in SKELETON_EDGES:
        start, end = (tuple(int(value) for value in fixed[point]) for point in (first, second))
        cv2.line(tile, start, end, colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)
