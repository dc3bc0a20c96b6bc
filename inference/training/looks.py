"""Samples used several times, each time seen in another way: to draw one costs as much as to learn from it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor


class HasPictures(Protocol):
    """Samples in the leading dimension."""

    @property
    def picture(self) -> Tensor: ...


Pool = TypeVar("Pool", bound=HasPictures)
_GROUP: Final = 4
"""Batches that are drawn before their samples are mixed."""


class Look(NamedTuple, Generic[Pool]):
    """A batch to be.

    Parameters
    ----------
    pool : drawn samples
    rows : (B,) those that the batch consists of, on the CPU
    random : of how they are seen
    """

    pool: Pool
    rows: Tensor
    random: torch.Generator


def looks_at(
    row: Callable[[int, int], Iterator[Pool]],
    join: Callable[[list[Pool]], Pool],
    *,
    first: int,
    step: int,
    looks: int,
    seed: int,
) -> Iterator[Look[Pool]]:
    """The looks `first`, `first` + `step`, ...: the same to a number, always; a process mixes its own samples only.

    Parameters
    ----------
    row : the drawn batches `first`, `first` + `step`, ...
    join : several of them into one
    looks : how often each sample is used
    seed : of the order, and of how samples are seen
    """
    own, rank = divmod(first, step)
    rounds = _GROUP * looks
    group, begin = divmod(own, rounds)
    drawn = row(group * _GROUP * step + rank, step)
    while True:
        parts = [next(drawn) for _ in range(_GROUP)]
        pool = join(parts)
        count = sum(len(part.picture) for part in parts)
        random = _random(seed, rank, group)
        order = torch.cat([torch.randperm(count, generator=random) for _ in range(looks)])
        for place, rows in enumerate(order.split(count // _GROUP)):
            if place >= begin:
                yield Look(pool, rows, _random(seed, rank, group, place))
        group, begin = group + 1, 0


def _random(*numbers: int) -> torch.Generator:
    return torch.Generator().manual_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))
