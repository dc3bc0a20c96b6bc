"""A small run for the tests of training: a made-up data set, the compact network at random weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from inference.datasets import InterHandDataset, SampleFilter, open_interhand
from inference.training.configuration import TrainingConfiguration, load_configuration
from inference.training.distributed import World
from inference.training.start import InterShapeTrainer, make_trainer
from inference.training.trainer import Limits, TrainingResult
from tests.made_interhand import MODELS, write_interhand

ALONE = World(0, 1, torch.device("cpu"))


def silent(record: Mapping[str, Any]) -> None:
    pass


def made_set(folder: Path, hands: Any = "both") -> InterHandDataset:
    """Twelve samples."""
    root = write_interhand(folder / "interhand", split="train")
    return open_interhand(root, "train", MODELS, wanted=SampleFilter(hands), report=silent, index_base=folder / "index")


def small(*changes: str) -> TrainingConfiguration:
    """The compact configuration for a few steps of two samples."""
    return load_configuration("compact", ["batch=2", "steps=4", "warmup_steps=0", *changes])


def trainer(
    configuration: TrainingConfiguration, dataset: InterHandDataset, out: Path, **options: Any
) -> InterShapeTrainer:
    options = {"start": "random", **options}
    return make_trainer(configuration, dataset, out, ALONE, **options)


def run(
    configuration: TrainingConfiguration,
    dataset: InterHandDataset,
    out: Path,
    limits: Limits | None = None,
    **options: Any,
) -> TrainingResult:
    return trainer(configuration, dataset, out, **options).run(limits or Limits(), silent)
