"""Batches that are drawn, known by their number: now, or ahead by processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from ..synthesis.sample import Generator, Samples, Settings

Drawn = TypeVar("Drawn")
_ENDLESS: Final = 1 << 40
_AHEAD: Final = 4
"""Batches that a process draws ahead."""


class DrawnBatches(Dataset[Drawn], Generic[Drawn]):
    """Batch by number.

    Parameters
    ----------
    weights_dir : the shipped hand and two-hand poses
    settings : what the pictures are like
    convert : what is made of the samples, where they are drawn
    batch : samples a batch
    seed : of the set
    device : on a GPU pictures are drawn where they are used; on a CPU `workers` processes draw ahead
    workers : 0 draws when asked
    """

    def __init__(
        self,
        weights_dir: Path,
        settings: Settings,
        convert: Callable[[Samples], Drawn],
        *,
        batch: int,
        seed: int,
        device: torch.device,
        workers: int = 0,
    ) -> None:
        self._generator = Generator.from_weights(weights_dir, settings).to(device)
        self._convert, self._batch, self._seed = convert, batch, seed
        self._workers = workers if device.type == "cpu" else 0

    def __getitem__(self, number: int) -> Drawn:
        device = self._generator.sphere_radii.device
        first = number * self._batch
        return self._convert(self._generator.make(self._seed, torch.arange(first, first + self._batch, device=device)))

    def row(self, first: int, step: int) -> Iterator[Drawn]:
        """The batches `first`, `first` + `step`, ..."""
        numbers = range(first, _ENDLESS, step)
        if self._workers == 0:
            return (self[number] for number in numbers)
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=numbers,
            num_workers=self._workers,
            worker_init_fn=_one_thread,
            prefetch_factor=_AHEAD,
        )
        return iter(loader)


def _one_thread(_: int) -> None:
    # Drawing beside the network's own threads: more would only hinder them.
    torch.set_num_threads(1)
