"""Scalars and pictures of predictions for TensorBoard, where it is installed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..hands.joints import PARENTS, TIP_PARENTS
from .batch import TrainingBatch
from .supervised_module import in_evaluation

if TYPE_CHECKING:
    from ..networks.intershape import InterShape

_logger = logging.getLogger(__name__)
_COLOURS: Final = ((255, 120, 60), (60, 160, 255))
"""Right hand orange, left hand blue, RGB."""
_TRUTH_COLOUR: Final = (255, 255, 255)
_BONES: Final = [(joint, PARENTS[joint]) for joint in range(1, 16)] + [
    (16 + tip, parent) for tip, parent in enumerate(TIP_PARENTS)
]
_ENLARGED: Final = 2


class ScalarsAndPictures:
    """Writes a run's events; without the package ``tensorboard`` it says so once and does nothing (the run's
    ``log.jsonl`` holds the scalars all the same).

    Parameters
    ----------
    folder : of the run
    first_step : steps done before; curves of later ones, from a run that was killed, are written anew
    """

    def __init__(self, folder: Path, first_step: int = 0) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            _say_once("TensorBoard is not installed (pip install tensorboard): log.jsonl alone is written.")
            self._writer = None
            return
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point of every curve."""
        if self._writer is not None:
            for name, value in values.items():
                if name != "step":
                    self._writer.add_scalar(name, value, step)

    def picture(self, step: int, draw: Callable[[], NDArray[np.uint8]]) -> None:
        """What `draw` gives, (H, W, 3) RGB; it is not called where nothing is written."""
        if self._writer is not None:
            self._writer.add_image("predictions", draw(), step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()


@cache
def _say_once(sentence: str) -> None:
    _logger.warning(sentence)


def draw_predictions(network: InterShape, batch: TrainingBatch, count: int) -> NDArray[np.uint8]:
    """(2 S, 2 S * count, 3) RGB: pictures with the true bones in white and the network's in colour over them."""
    picture = batch.picture[:count]
    with in_evaluation(network):
        summary = network.predict(picture).heatmaps
    factor = picture.shape[-1] / summary.attention.shape[-1]
    peaks = (summary.peaks_xyc[..., :2] * factor).unflatten(1, (2, -1))
    return draw_joints(picture, peaks, batch.joints_px[:count], batch.targets.points_valid[:count])


def draw_joints(picture: Tensor, joints_px: Tensor, true_px: Tensor, valid: Tensor) -> NDArray[np.uint8]:
    """(2 S, 2 S * B, 3) RGB: pictures (B, 3, S, S) with bones of joints (B, 2, 21, 2) in colour, true ones white."""
    said, truth, counts = (part.float().cpu().numpy() for part in (joints_px, true_px, valid))
    tiles = []
    for number, pixels in enumerate((picture * 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()):
        tile = np.repeat(np.repeat(pixels, _ENLARGED, axis=0), _ENLARGED, axis=1).copy()
        for hand, colour in enumerate(_COLOURS):
            for points, paint in ((truth[number, hand], _TRUTH_COLOUR), (said[number, hand], colour)):
                for end, start in _BONES:
                    if counts[number, hand, end] and counts[number, hand, start]:
                        _line(tile, points[start], points[end], paint)
        tiles.append(tile)
    return np.concatenate(tiles, axis=1)


def _line(
    tile: NDArray[np.uint8], start: NDArray[np.float32], end: NDArray[np.float32], colour: tuple[int, ...]
) -> None:
    limit = 8 * tile.shape[0]
    first, last = (np.clip(np.rint(_ENLARGED * point), -limit, limit).astype(int).tolist() for point in (start, end))
    cv2.line(tile, first, last, colour, 1, cv2.LINE_AA)
