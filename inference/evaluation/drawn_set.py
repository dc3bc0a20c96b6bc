"""Held-out drawn samples in memory, as a data set to evaluate on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..crops import DATASET_MARGIN
from ..datasets.dataset import INTERACTING, GroundTruth, Intrinsics, ModelParameters
from ..hands.joints import POINT_COUNT, Side
from ..hands.model import HandModel
from ..hands.open_hand import load_hand_models
from ..synthesis.fixed_sets import FixedSet
from ..synthesis.sample import Generator
from ..synthesis.truth import Samples

MILLIMETRES: Final = 1000.0
LEAST_VISIBLE: Final = 3
"""A hand of which fewer points are visible is not annotated: nobody could tell it."""
_AT_ONCE: Final = 16


class DrawnSet:
    """See `HandDataset`. Every sample is a sequence of its own; samples without an annotated hand are left out.

    Parameters
    ----------
    name : for reports
    samples : what was drawn
    models : the hands that it was drawn with

    Attributes
    ----------
    samples : those with an annotated hand
    annotated : (N, 2)
    """

    def __init__(self, name: str, samples: Samples, models: Mapping[Side, HandModel]) -> None:
        self.name, self.models = name, models
        annotated = samples.present & (samples.visible.sum(dim=-1) >= LEAST_VISIBLE)
        rows = annotated.any(dim=1).nonzero()[:, 0]
        self.samples = _map(lambda values: values[0][rows].cpu(), [samples])
        self.annotated: NDArray[np.bool_] = annotated[rows].cpu().numpy()
        both = self.annotated.all(axis=1)
        self.kinds: NDArray[np.int8] = np.where(both, INTERACTING, self.annotated.argmax(axis=1)).astype(np.int8)
        self.kinds_valid: NDArray[np.bool_] = np.ones(len(rows), dtype=bool)
        self.sequences: NDArray[np.int32] = np.arange(len(rows), dtype=np.int32)
        self.frames: NDArray[np.int64] = np.zeros(len(rows), dtype=np.int64)
        self._numbers = {name: place for place, name in enumerate(self.ids(np.arange(len(rows))))}

    @classmethod
    def draw(cls, fixed: FixedSet, weights_dir: Path, *, count: int, size_px: int) -> Self:
        """The first `count` samples of a held-out set, `size_px` a side."""
        generator = Generator.from_weights(weights_dir, fixed.settings(size_px))
        parts = [generator.make(fixed.seed, numbers) for numbers in torch.arange(count).split(_AT_ONCE)]
        name = f"the first {count} of the drawn set '{fixed.name}'"
        return cls(name, _map(torch.cat, parts), load_hand_models(weights_dir))

    def __len__(self) -> int:
        return len(self.annotated)

    def sequence_name(self, number: int) -> str:
        """The sample's number in what was drawn."""
        return str(int(self.samples.index[number]))

    def ids(self, samples: NDArray[np.int64]) -> list[str]:
        """See `HandDataset.ids`."""
        return [f"{self.sequence_name(int(sample))}/0/0" for sample in samples]

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """See `HandDataset.find`."""
        return np.array([self._numbers.get(name, -1) for name in ids], dtype=np.int64)

    def truth(self, samples: NDArray[np.int64]) -> GroundTruth:
        """See `HandDataset.truth`; every point of an annotated hand is valid, be it hidden or not."""
        rows, valid = torch.from_numpy(samples), self.annotated[samples]
        points, vertices = (
            MILLIMETRES * values[rows].double().numpy() for values in (self.samples.joints_m, self.samples.vertices_m)
        )
        each = np.repeat(valid[..., None], POINT_COUNT, axis=2)
        return GroundTruth(points, (vertices[:, 0], vertices[:, 1]), valid, each)

    def parameters(self, samples: NDArray[np.int64]) -> ModelParameters:
        """See `HandDataset.parameters`."""
        rows, valid = torch.from_numpy(samples), self.annotated[samples]
        pose = self.samples.pose_rotvec[rows].double().flatten(2).numpy()
        betas = self.samples.betas[rows].double().numpy()
        return ModelParameters(pose * valid[..., None], betas * valid[..., None], valid)

    def picture(self, sample: int) -> NDArray[np.uint8]:
        """See `HandDataset.picture`."""
        return self.samples.picture[sample].permute(1, 2, 0).contiguous().numpy()

    def box_px(self, sample: int) -> tuple[float, float, float, float]:  # noqa: ARG002 - all samples have the same
        """The box of which the crop with the data set's margin is the whole sample: samples are crops already."""
        size = self.samples.picture.shape[-1]
        side = size / DATASET_MARGIN
        return (size - side) / 2, (size - side) / 2, side, side

    def intrinsics(self, sample: int) -> Intrinsics:
        """See `HandDataset.intrinsics`."""
        focal, (x, y) = float(self.samples.focal_px[sample]), self.samples.principal_px[sample].tolist()
        return Intrinsics((focal, focal), (x, y))


def _map(change: Callable[[list[Tensor]], Tensor], parts: Sequence[Samples]) -> Samples:
    """Samples whose every tensor is made of those of `parts`."""
    return Samples(**{entry.name: change([getattr(part, entry.name) for part in parts]) for entry in fields(Samples)})
