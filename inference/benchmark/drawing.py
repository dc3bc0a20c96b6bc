"""How fast pictures for training are drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

from ..synthesis.sample import Generator, Settings
from .measurement import Measurement, summarise

_SIZES_PX: Final = (128, 192, 256)
_CPU_THREADS: Final = (1, 2)
_CPU_BATCH: Final = 16
_GPU_BATCH: Final = 256
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"


def measure_drawing(repeats: int, tell: Callable[[str], None]) -> list[Measurement]:
    """Pictures a second, all kinds of samples, by size: on one and two cores, and on a CUDA GPU where there is one.

    Parameters
    ----------
    repeats : batches of every measurement
    tell : receives a line about what is being done
    """
    results: list[Measurement] = []
    threads_before = torch.get_num_threads()
    cuda = torch.cuda.is_available()
    if not cuda:
        tell("There is no CUDA GPU here: the rows of drawing on one are left out.")
    try:
        for size_px in _SIZES_PX:
            generator = Generator.from_weights(_WEIGHTS_DIR, Settings(size_px=size_px))
            for threads in _CPU_THREADS:
                tell(f"Drawing pictures of {size_px} px, {threads} CPU thread(s) ...")
                torch.set_num_threads(threads)
                name = f"draw {size_px} px, CPU, {threads} thread{'s' if threads > 1 else ''}"
                results.append(summarise(name, "pictures/s", _rates(generator, _CPU_BATCH, repeats)))
            if cuda:
                tell(f"Drawing pictures of {size_px} px on the GPU ...")
                name = f"draw {size_px} px, {torch.cuda.get_device_name(0)}"
                results.append(summarise(name, "pictures/s", _rates(generator.to("cuda"), _GPU_BATCH, repeats)))
    finally:
        torch.set_num_threads(threads_before)
    return results


def _rates(generator: Generator, batch: int, repeats: int) -> list[float]:
    """Pictures a second of each batch; the first one, which warms up, is not among them."""
    rates: list[float] = []
    for number in range(repeats + 1):
        started_s = time.perf_counter()
        samples = generator.make(0, torch.arange(number * batch, (number + 1) * batch))
        samples.picture.cpu()  # a GPU answers when it is done
        rates.append(batch / (time.perf_counter() - started_s))
    return rates[1:]
