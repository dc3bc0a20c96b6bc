"""Samples of two hands for the tests of the pair network's training: made-up points before a simple camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.fit.placement import AnswerAxes
from inference.training.batch import TrainingBatch
from inference.training.paper_losses import LossTargets

PICTURE_PX = 32
PX_A_MM = 0.05
"""The camera is far away: all depths are seen at this scale."""


def seen_px(points_mm: Tensor) -> Tensor:
    """(..., 2) where the camera sees points (..., 3)."""
    return points_mm[..., :2] * PX_A_MM + (PICTURE_PX - 1) / 2


def made_pair_batch(number: int, count: int = 2, present: Tensor | None = None, vertices: int = 3) -> TrainingBatch:
    """`count` samples that are told by their number; `present` (count, 2), both hands where it is not given.

    `vertices` is how many the meshes have; they lie beside the points.
    """
    chance = torch.Generator().manual_seed(number)
    hands = torch.ones(count, 2) if present is None else present.float()
    middle = torch.tensor([[-120.0, 20.0, 600.0], [120.0, -20.0, 620.0]])[:, None]
    points = 40 * torch.randn(count, 2, 21, 3, generator=chance) + middle
    picture = torch.rand(count, 3, PICTURE_PX, PICTURE_PX, generator=chance)
    return TrainingBatch(
        picture=picture,
        targets=LossTargets(
            points_mm=points,
            points_valid=hands[..., None].expand(-1, -1, 21).contiguous(),
            hand_present=hands,
            betas=torch.randn(count, 2, 10, generator=chance),
            fit_valid=hands,
            presence_valid=torch.ones(count),
        ),
        vertices_mm=points[:, :, torch.arange(vertices) % 21] + 5,
        vertices_valid=hands,
        joints_px=seen_px(points),
        skipped=torch.tensor(0),
    )


@dataclass
class MadeStream:
    """Batches by number; remembers which were asked for."""

    count: int = 2
    samples: int = 1000
    vertices: int = 3

    def __post_init__(self) -> None:
        self.drawn: list[int] = []

    @property
    def axes(self) -> AnswerAxes:
        return "crop ray"

    def batches(self, first: int, step: int) -> Iterator[TrainingBatch]:
        number = first
        while True:
            self.drawn.append(number)
            yield made_pair_batch(number, self.count, vertices=self.vertices)
            number += step
