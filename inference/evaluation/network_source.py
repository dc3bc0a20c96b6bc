"""Predictions of the two-hand network itself: the data set's crop in, joints and vertices out, nothing in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..crops import SquareCrop, dataset_crop
from ..datasets.dataset import HandDataset
from ..datasets.pictures import PictureReader
from ..fit.placement import AnswerAxes, turn_to_direction
from ..hands.joints import POINT_COUNT
from .prediction import PredictedHands, wrist_offset_from_trans

if TYPE_CHECKING:
    from ..networks.intershape import InterShape

BATCH: Final = 64
"""Pictures read at once; how many of them the network sees at once is chosen by free memory."""


class NetworkSource:
    """See `PredictionSource`.

    Parameters
    ----------
    network : on its device, in evaluation mode
    reader : reads the data set's pictures
    axes : that it answers in; answers about the crop's ray are turned by the camera of the sample
    """

    def __init__(self, network: InterShape, reader: PictureReader, *, axes: AnswerAxes) -> None:
        from ..networks.batch_predictor import BatchPredictor

        self._reader, self._picture_px, self._axes = reader, network.configuration.picture_px, axes
        self._predictor = BatchPredictor(network, network.imagenet_mean.device)
        self.name = f"network {network.configuration.name}"

    def batches(self, dataset: HandDataset) -> Iterator[tuple[NDArray[np.int64], PredictedHands]]:
        """See `PredictionSource.batches`; broken pictures that are skipped have no prediction.

        Raises
        ------
        HandsError
            INPUT_UNREADABLE where the answer cannot be turned for want of a camera; the reader's own
        """
        for start in range(0, len(dataset), BATCH):
            samples: list[int] = []
            crops: list[NDArray[np.uint8]] = []
            turns: list[NDArray[np.float64]] = []
            for sample in range(start, min(start + BATCH, len(dataset))):
                rgb = self._reader(sample)
                if rgb is not None:
                    samples.append(sample)
                    crop = replace(dataset_crop(dataset.box_px(sample)), size_px=self._picture_px)
                    crops.append(crop.cut(rgb, smooth=False))
                    turns.append(self._turn(dataset, sample, crop))
            if samples:
                yield np.array(samples, dtype=np.int64), _turned(self._predict(np.stack(crops)), np.stack(turns))

    def _turn(self, dataset: HandDataset, sample: int, crop: SquareCrop) -> NDArray[np.float64]:
        """(3, 3) from the axes of the answer to the camera's."""
        if self._axes == "camera":
            return np.eye(3)
        camera = dataset.intrinsics(sample)
        numbers = np.array([*camera.focal_px, *camera.principal_px])
        if not (np.isfinite(numbers).all() and min(camera.focal_px) > 0):
            raise HandsError(
                ErrorCode.INPUT_UNREADABLE,
                f"{dataset.name} does not say with which camera '{dataset.ids(np.array([sample]))[0]}' was taken.",
                "This network answers about the ray through a crop, which nothing but the camera tells: "
                "give data with cameras.",
            )
        middle = (crop.size_px - 1) / 2
        return turn_to_direction(
            (crop.to_picture((middle, middle)) - np.array(camera.principal_px)) / np.array(camera.focal_px)
        )

    def _predict(self, crops: NDArray[np.uint8]) -> PredictedHands:
        import torch

        pictures = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        parts: list[list[NDArray[np.float64]]] = []
        for prediction in self._predictor.predict(pictures):
            mesh = prediction.mesh
            hands = (mesh.right[-1], mesh.left[-1])
            vertices = [hand.vertices_mm for hand in hands if hand.vertices_mm is not None]
            points = torch.stack([hand.points_mm for hand in hands], dim=1)
            parts.append([tensor.double().cpu().numpy() for tensor in (points, *vertices, mesh.trans)])
        points_mm, right_mm, left_mm, trans = (np.concatenate(part) for part in zip(*parts, strict=True))
        return PredictedHands(
            points_mm.reshape(-1, 2, POINT_COUNT, 3), (right_mm, left_mm), wrist_offset_from_trans(points_mm, trans)
        )


def _turned(hands: PredictedHands, turns: NDArray[np.float64]) -> PredictedHands:
    """The hands of n samples in other axes, by `turns` (n, 3, 3)."""
    back = np.swapaxes(turns, 1, 2)
    vertices, offset = hands.vertices_mm, hands.wrist_offset_mm
    return PredictedHands(
        hands.points_mm @ back[:, None],
        None if vertices is None else (vertices[0] @ back, vertices[1] @ back),
        None if offset is None else (offset[:, None] @ back)[:, 0],
    )
