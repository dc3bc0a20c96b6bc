"""Training batches that are drawn while training goes on: no picture is seen twice, and none lies on a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ..fit.placement import AnswerAxes, turn_to_direction
from ..synthesis.sample import Samples, Settings
from .batch import TrainingBatch
from .drawn_batches import DrawnBatches
from .paper_losses import LossTargets

MILLIMETRES: Final = 1000.0
_LEAST_VISIBLE: Final = 3
"""A hand of which fewer points are visible cannot be told: it counts as absent."""


class SyntheticStream:
    """See `BatchStream`.

    Parameters
    ----------
    samples : how many make an epoch
    weights_dir, settings, batch, seed, device, workers : see `DrawnBatches`
    """

    def __init__(
        self,
        weights_dir: Path,
        settings: Settings,
        *,
        batch: int,
        seed: int,
        samples: int,
        device: torch.device,
        workers: int = 0,
    ) -> None:
        self.samples = samples
        self._drawn = DrawnBatches(
            weights_dir, settings, batch_of, batch=batch, seed=seed, device=device, workers=workers
        )

    @property
    def axes(self) -> AnswerAxes:
        """See `BatchStream.axes` and `batch_of`."""
        return "crop ray"

    def batches(self, first: int, step: int) -> Iterator[TrainingBatch]:
        """See `BatchStream.batches`."""
        return self._drawn.row(first, step)


def batch_of(samples: Samples) -> TrainingBatch:
    """What a network that sees the crop alone is to say about samples.

    All directions are turned so that the ray through the middle of the crop becomes the axis: the crop does not tell
    where in a larger picture it lies (`fit.placement.turn_to_ray` turns the answer back).
    """
    turn = _turn_from_ray(samples)
    seen = samples.present & (samples.visible.sum(dim=-1) >= _LEAST_VISIBLE)
    seen_float = seen.to(torch.float32)
    return TrainingBatch(
        picture=samples.picture.to(torch.float32) / 255,
        targets=LossTargets(
            points_mm=MILLIMETRES * samples.joints_m @ turn,
            points_valid=seen_float[..., None].expand(samples.visible.shape).contiguous(),
            hand_present=seen_float,
            betas=samples.betas,
            fit_valid=seen_float,
            presence_valid=torch.ones_like(seen_float[:, 0]),
        ),
        vertices_mm=MILLIMETRES * samples.vertices_m @ turn,
        vertices_valid=seen_float,
        joints_px=samples.joints_px,
        skipped=torch.tensor(0),
    )


def _turn_from_ray(samples: Samples) -> Tensor:
    """(B, 1, 3, 3) that rows of points are multiplied by from the right: ``turn_to_ray``, whose transpose undoes it."""
    middle = (samples.picture.shape[-1] - 1) / 2
    slopes = (middle - samples.principal_px) / samples.focal_px[:, None]
    return torch.from_numpy(turn_to_direction(slopes.cpu().numpy())).to(slopes).unsqueeze(1)
