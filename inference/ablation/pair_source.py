"""Predictions of the pair network on drawn samples, whose hands somebody has found for it more or less well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..crops import dataset_crop
from ..datasets.dataset import HandDataset
from ..evaluation.drawn_set import DrawnSet
from ..evaluation.network_answer import answered_hands, in_camera_axes, turn_to_camera
from ..evaluation.prediction import PredictedHands
from ..networks.pair_net import PairNet
from ..training.pair_batch import moved, true_regions

_BATCH: Final = 16
_SEED: Final = 1


class PairSource:
    """See `PredictionSource`.

    The squares are the true ones of the annotated hands, moved as in training (`pair_batch.moved`), always in the same
    way: stage two is measured alone, and every network on the same squares.

    Parameters
    ----------
    network : on its device, in evaluation mode
    drawn : the data set that is evaluated on
    stages : read the answer after so many refinements, where only the last one has meshes; None for all of them
    """

    def __init__(self, network: PairNet, drawn: DrawnSet, stages: int | None = None) -> None:
        self._network, self._drawn, self._end = network, drawn, None if stages is None else stages + 1
        self.name = f"network {network.configuration.name}"
        chance = torch.Generator().manual_seed(_SEED)
        self.regions = moved(true_regions(drawn.samples.joints_px), chance)
        """(N, 2, 5)"""
        self.regions[..., 4] = torch.from_numpy(drawn.annotated).float()

    def batches(self, dataset: HandDataset) -> Iterator[tuple[NDArray[np.int64], PredictedHands]]:
        """See `PredictionSource.batches`."""
        device = self._network.joint_certainty.weight.device
        for rows in torch.arange(len(dataset)).split(_BATCH):
            picture = self._drawn.samples.picture[rows].float() / 255
            answer = self._network.predict(picture.to(device), self.regions[rows].to(device))
            mesh = answer.mesh
            answer = answer._replace(mesh=mesh._replace(right=mesh.right[: self._end], left=mesh.left[: self._end]))
            samples = rows.numpy()
            crops = [dataset_crop(dataset.box_px(sample)) for sample in samples]
            turns = [
                turn_to_camera(dataset, int(sample), replace(crop, size_px=picture.shape[-1]), "crop ray")
                for sample, crop in zip(samples, crops, strict=True)
            ]
            yield samples, in_camera_axes(answered_hands([answer]), np.stack(turns))
