"""Predictions of the two-hand network itself: the data set's crop in, joints and vertices out, nothing in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ..crops import dataset_crop
from ..datasets.dataset import HandDataset
from ..datasets.pictures import PictureReader
from ..fit.placement import AnswerAxes
from .network_answer import answered_hands, in_camera_axes, turn_to_camera
from .prediction import PredictedHands

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

        self._reader, self._picture_px = reader, network.configuration.picture_px
        self._axes: AnswerAxes = axes
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
                    turns.append(turn_to_camera(dataset, sample, crop, self._axes))
            if samples:
                yield np.array(samples, dtype=np.int64), in_camera_axes(self._predict(np.stack(crops)), np.stack(turns))

    def _predict(self, crops: NDArray[np.uint8]) -> PredictedHands:
        import torch

        pictures = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        return answered_hands(list(self._predictor.predict(pictures)))
