"""Samples on disk: pictures as PNG and their truth as one npz, a folder for a set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract import output_error
from .sample import Generator
from .sheet import pictures_bgr, write_picture
from .truth import Samples

TRUTH_FILE: Final = "truth.npz"
_NOT_STORED: Final = ("picture",)

Done = Callable[[int, float], None]
"""Told after each batch how many samples are written, and the seconds since the start."""


@dataclass(frozen=True)
class SetPlan:
    """Which samples make a set: `count` from number `first` on of the set `seed`, drawn `batch` at once."""

    seed: int
    count: int
    first: int = 0
    batch: int = 16
    name: str = "synthetic"

    def as_dict(self) -> dict[str, Any]:
        """What names the samples."""
        content = asdict(self)
        del content["batch"]
        return content


def batches(generator: Generator, plan: SetPlan) -> Iterator[Samples]:
    """The samples of a plan, some at a time."""
    end = plan.first + plan.count
    for start in range(plan.first, end, plan.batch):
        yield generator.make(plan.seed, torch.arange(start, min(start + plan.batch, end)))


class Drawing:
    """Draws the samples of a plan, batch by batch, for a caller that does something with them.

    Parameters
    ----------
    generator, plan : what draws which samples
    done : see `Done`

    Attributes
    ----------
    rate : samples drawn a second so far; what the caller does meanwhile does not count
    """

    def __init__(self, generator: Generator, plan: SetPlan, done: Done | None = None) -> None:
        self._generator, self._plan, self._done = generator, plan, done
        self.rate = 0.0

    def __iter__(self) -> Iterator[Samples]:
        started_s, drawing_s, count = time.perf_counter(), 0.0, 0
        before_s = started_s
        for samples in batches(self._generator, self._plan):
            samples.index.cpu()  # a GPU answers when it is done
            count += len(samples.index)
            drawing_s += time.perf_counter() - before_s
            self.rate = count / max(drawing_s, 1e-9)
            yield samples
            if self._done is not None:
                self._done(count, time.perf_counter() - started_s)
            before_s = time.perf_counter()


def write_set(folder: Path, generator: Generator, plan: SetPlan, done: Done | None = None) -> float:
    """Write ``pictures/NNNNNNN.png`` and ``truth.npz`` (arrays named as in `Samples`, and the seed).

    Parameters
    ----------
    folder : made where it is missing
    generator : what draws
    plan : which samples
    done : see `Done`

    Returns
    -------
    samples drawn a second, writing left out

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    pictures = folder / "pictures"
    truth: dict[str, list[NDArray[np.generic]]] = {}
    drawing = Drawing(generator, plan, done)
    for samples in drawing:
        images = pictures_bgr(samples, truth=False)
        for index, image in zip(samples.index.tolist(), images, strict=True):
            write_picture(pictures / f"{index:07d}.png", image)
        for name, value in vars(samples).items():
            if name not in _NOT_STORED:
                truth.setdefault(name, []).append(value.cpu().numpy())
    arrays: dict[str, Any] = {name: np.concatenate(values) for name, values in truth.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / TRUTH_FILE, seed=np.int64(plan.seed), gestures=np.array(generator.library.gestures), **arrays
        )
    except OSError as error:
        raise output_error(folder, error) from error
    return drawing.rate
