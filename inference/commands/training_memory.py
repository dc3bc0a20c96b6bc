"""What a full memory says while a network is trained, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..contract import ErrorCode, HandsError

_CPU_IS_FULL: Final = "can't allocate memory"
_READER_IS_LOST: Final = "DataLoader worker"


@contextmanager
def memory_in_words(batch: int) -> Iterator[None]:
    """For training with batches of that size.

    Raises
    ------
    HandsError
        OUT_OF_MEMORY where torch gets no memory; WORKER_LOST where a process that reads pictures ahead was ended, as a
        full memory ends it
    """
    import torch

    try:
        yield
    except RuntimeError as error:  # torch has a class of its own for memory of GPUs alone
        on_gpu = isinstance(error, torch.OutOfMemoryError)
        if on_gpu or _CPU_IS_FULL in str(error):
            raise HandsError(
                ErrorCode.OUT_OF_MEMORY,
                f"The memory of {'the GPU' if on_gpu else 'this machine'} does not hold a batch of {batch}.",
                "Make it smaller with --set batch=N, and --set accumulate=N takes as many samples in a step.",
            ) from error
        if _READER_IS_LOST in str(error):
            raise HandsError(
                ErrorCode.WORKER_LOST,
                "A process that reads pictures ahead was ended, perhaps because the memory is full.",
                "Use fewer --workers or a smaller batch, and run the same command again to go on.",
            ) from error
        raise
