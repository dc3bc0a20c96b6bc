"""What a training step is given: pictures and everything that is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor

from ..fit.placement import AnswerAxes
from .paper_losses import LossTargets


class StepBatch(Protocol):
    """What the trainer asks of a batch, whatever is trained on it.

    Attributes
    ----------
    skipped : () pictures that could not be read and were replaced by others
    """

    @property
    def skipped(self) -> Tensor: ...

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        ...

    def named_tensors(self) -> dict[str, Tensor]:
        """Flat, for a file."""
        ...


class TrainingBatch(NamedTuple):
    """B samples as the network sees them; hand 0 is the right, 1 the left.

    Parameters
    ----------
    picture : (B, 3, S, S) RGB from 0 to 1
    targets : see `LossTargets`
    vertices_mm : (B, 2, V, 3) camera axes; zeros fill a hand with fewer vertices than the other
    vertices_valid : (B, 2)
    joints_px : (B, 2, 21, 2) pixels of the crop
    skipped : () pictures that could not be read and were replaced by others
    """

    picture: Tensor
    targets: LossTargets
    vertices_mm: Tensor
    vertices_valid: Tensor
    joints_px: Tensor
    skipped: Tensor

    def to(self, device: torch.device) -> TrainingBatch:
        """The same on a device, copied while the device works where that is possible.

        The channels of a pixel lie together there: convolutions run 1.5 times as fast on it (measured on a CPU, forth
        and back).
        """

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return self._replace(
            picture=move(self.picture).contiguous(memory_format=torch.channels_last),
            targets=LossTargets(*(move(part) for part in self.targets)),
            vertices_mm=move(self.vertices_mm),
            vertices_valid=move(self.vertices_valid),
            joints_px=move(self.joints_px),
        )

    def named_tensors(self) -> dict[str, Tensor]:
        """Flat, for a file."""
        parts = self._asdict()
        targets: LossTargets = parts.pop("targets")
        return {**parts, **{f"targets.{name}": value for name, value in targets._asdict().items()}}


Batch_co = TypeVar("Batch_co", bound=StepBatch, covariant=True)


class BatchStream(Protocol[Batch_co]):
    """An endless row of batches, in which every batch is known by its number: a run that goes on sees what it would
    have seen."""

    @property
    def samples(self) -> int:
        """How many different samples there are."""
        ...

    @property
    def axes(self) -> AnswerAxes:
        """The axes of all targets, and so of what a network trained on them answers."""
        ...

    def batches(self, first: int, step: int) -> Iterator[Batch_co]:
        """Batches `first`, `first` + `step`, ... (`step` processes share the row)."""
        ...
