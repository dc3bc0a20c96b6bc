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
from ..hands.joints import POINT_COUNT
from ..models.folder import ModelFolder
from ..runtime import require
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
    """

    def __init__(self, network: InterShape, reader: PictureReader) -> None:
        from ..networks.batch_predictor import BatchPredictor

        self._reader, self._picture_px = reader, network.configuration.picture_px
        self._predictor = BatchPredictor(network, network.imagenet_mean.device)
        self.name = f"network {network.configuration.name}"

    def batches(self, dataset: HandDataset) -> Iterator[tuple[NDArray[np.int64], PredictedHands]]:
        """See `PredictionSource.batches`; broken pictures that are skipped have no prediction."""
        for start in range(0, len(dataset), BATCH):
            samples: list[int] = []
            crops: list[NDArray[np.uint8]] = []
            for sample in range(start, min(start + BATCH, len(dataset))):
                rgb = self._reader(sample)
                if rgb is not None:
                    samples.append(sample)
                    crop = replace(dataset_crop(dataset.box_px(sample)), size_px=self._picture_px)
                    crops.append(crop.cut(rgb, smooth=False))
            if samples:
                yield np.array(samples, dtype=np.int64), self._predict(np.stack(crops))

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


def load_paper_network(folder: ModelFolder, threads: int = 0) -> InterShape:
    """The paper's network with the user's weights and MANO, on the GPU where there is one.

    Raises
    ------
    HandsError
        RUNTIME_MISSING without torch; MODEL_MISSING or MODEL_DAMAGED
    """
    require("torch")
    import torch

    from ..networks.configuration import PAPER
    from ..networks.intershape import InterShape

    weights = folder.paper_weights()
    network = InterShape(PAPER, folder.hand_models())
    network.load_state_dict(weights, strict=True)
    if threads:
        torch.set_num_threads(threads)
    return network.eval().to("cuda" if torch.cuda.is_available() else "cpu")
