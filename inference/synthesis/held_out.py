"""What training never sees: every tenth two-hand pose, and every set whose seed is negative."""

from __future__ import annotations

from typing import Final, Literal

from ..contract import ErrorCode, HandsError
from .interactions import InteractionLibrary

Use = Literal["training", "test"]
"""What samples are for. Poses and seeds of the two have nothing in common."""
_EVERY: Final = 10
_FIRST: Final = 7
"""Poses 7, 17, 27, ... of the file belong to the tests."""


def poses_for(library: InteractionLibrary, use: Use) -> InteractionLibrary:
    """The library's poses that samples for `use` are drawn from."""
    held_out = library.number % _EVERY == _FIRST
    return library.select((held_out if use == "test" else ~held_out).nonzero().squeeze(1))


def check_seed(seed: int, use: Use) -> None:
    """Training draws sets from 0 up, tests draw sets below 0.

    Raises
    ------
    HandsError
        USAGE where a seed belongs to the other use
    """
    if (seed < 0) != (use == "test"):
        raise HandsError(
            ErrorCode.USAGE,
            f"Set {seed} cannot be drawn for {use}: sets for training are numbered from 0, held-out ones below 0.",
            "Give a seed of 0 or more.",
        )
