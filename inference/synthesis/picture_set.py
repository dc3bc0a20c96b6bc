"""Samples on disk: pictures as PNG and their truth as one npz, a folder for a set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from .sample import Generator, Samples

TRUTH_FILE: Final = "truth.npz"
_NOT_STORED: Final = ("picture",)


def batches(generator: Generator, seed: int, first: int, count: int, batch: int) -> Iterator[Samples]:
    """The samples `first` to `first + count` of the set `seed`, some at a time."""
    for start in range(first, first + count, batch):
        yield generator.make(seed, torch.arange(start, min(start + batch, first + count)))


def write_set(
    folder: Path,
    generator: Generator,
    *,
    seed: int,
    count: int,
    first: int = 0,
    batch: int = 16,
    done: Callable[[int, float], None] | None = None,
) -> float:
    """Write ``pictures/NNNNNNN.png`` and ``truth.npz`` (arrays named as in `Samples`, and the seed).

    Parameters
    ----------
    folder : made where it is missing
    generator : what draws
    seed, first, count : which samples
    batch : how many are drawn at once
    done : told after each batch how many samples are written, and the seconds since the start

    Returns
    -------
    samples drawn a second, writing left out

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE
    """
    from .sheet import pictures_bgr, write_picture

    pictures = folder / "pictures"
    truth: dict[str, list[NDArray[np.generic]]] = {}
    started, drawing, written = time.perf_counter(), 0.0, 0
    before = started
    for samples in batches(generator, seed, first, count, batch):
        images = pictures_bgr(samples, truth=False)
        drawing += time.perf_counter() - before
        for index, image in zip(samples.index.tolist(), images, strict=True):
            write_picture(pictures / f"{index:07d}.png", image)
        for name, value in vars(samples).items():
            if name not in _NOT_STORED:
                truth.setdefault(name, []).append(value.cpu().numpy())
        written += len(images)
        if done is not None:
            done(written, time.perf_counter() - started)
        before = time.perf_counter()
    arrays: dict[str, Any] = {name: np.concatenate(values) for name, values in truth.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / TRUTH_FILE, seed=np.int64(seed), gestures=np.array(generator.library.gestures), **arrays
        )
    except OSError as error:
        raise HandsError(
            ErrorCode.OUTPUT_NOT_WRITABLE, f"'{folder}' cannot be written ({error}).", "Choose another place."
        ) from error
    return written / max(drawing, 1e-9)
