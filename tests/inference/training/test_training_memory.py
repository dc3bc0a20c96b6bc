"""Memory that is full, as torch really says it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from inference.__main__ import main
from inference.commands.training_memory import memory_in_words
from inference.contract import ErrorCode, HandsError
from inference.training.trainer import Trainer


class Killed(Dataset[int]):
    """Its process does not survive the first sample."""

    def __getitem__(self, index: int) -> int:
        os._exit(9)

    def __len__(self) -> int:
        return 1


def no_gpu_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.parametrize(
    ("happens", "code", "words"),
    [
        (no_gpu_memory, ErrorCode.OUT_OF_MEMORY, "GPU does not hold a batch of 7"),
        (lambda: torch.empty(1 << 58), ErrorCode.OUT_OF_MEMORY, "this machine does not hold a batch of 7"),
        (lambda: list(DataLoader(Killed(), num_workers=1)), ErrorCode.WORKER_LOST, "reads pictures ahead was ended"),
    ],
)
def test_a_full_memory_is_a_sentence(happens: Callable[[], object], code: ErrorCode, words: str) -> None:
    with pytest.raises(HandsError, match=words) as error, memory_in_words(7):
        happens()
    assert error.value.code is code


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory_in_words(7):
        torch.zeros(2).reshape(3)


def test_training_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Trainer, "run", lambda *_: no_gpu_memory())
    words = ["train", "--config", "open", "--data", "synthesis", "--first-weights", "random"]
    small = ["--set", "picture_px=64", "--set", "batch=3"]
    assert main([*words, *small, "--out", str(tmp_path)]) == ErrorCode.OUT_OF_MEMORY.exit_code
    assert "does not hold a batch of 3" in capsys.readouterr().err
