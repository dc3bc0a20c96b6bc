"""How fast the networks are trained, and whether the pictures come fast enough."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch

from ..datasets import HandDataset
from ..training.configuration import TrainingConfiguration, load_configuration
from ..training.dataset_stream import DatasetStream
from ..training.distributed import World
from ..training.run_folder import RunFolder, SavedRun
from ..training.start import START_RANDOM, make_synthetic_trainer, trainer_on
from ..training.start_finder import make_finder_trainer
from ..training.trainer import Limits, Trainer
from .made_pictures import made_pictures
from .measurement import Measurement, summarise

LOADER_WORKERS: Final = 2
_PICTURES: Final = 64
_LOADER_BATCH: Final = 8
_LOADER_BATCHES: Final = 12
_GPU_STEPS: Final = 20
_CONFIGURATIONS: Final = ("compact", "paper")
"""Trained on pictures of a data set."""
_DRAWING: Final = ("pair", "finder")
"""Trained on pictures that are drawn meanwhile, as `train --data synthesis` does."""
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"


class _Case(NamedTuple):
    """One measured training; `steps` are those of a repetition."""

    name: str
    device: torch.device
    batch: int
    steps: int
    workers: int
    precision: str = "fp32"


class _UnsavedRun(RunFolder):
    """A checkpoint of the paper's network has 1.7 GB: writing it is not what is measured."""

    def save(self, run: SavedRun) -> None:
        """Keeps nothing."""


def measure_training(repeats: int, tell: Callable[[str], None]) -> list[Measurement]:
    """The loader alone, then training on the CPU and, where there is one, on a CUDA GPU.

    Parameters
    ----------
    repeats : of every measurement
    tell : receives a line about what is being done
    """
    cpu = torch.device("cpu")
    cases = [_Case("compact", cpu, 8, 2, 1), _Case("paper", cpu, 1, 1, 1)]
    cases += [_Case(name, cpu, 16, 2, 1) for name in _DRAWING]
    if torch.cuda.is_available():
        cuda, workers = torch.device("cuda", 0), max(1, (os.cpu_count() or 2) - 1)
        for name in (*_CONFIGURATIONS, *_DRAWING):
            cases += [_Case(name, cuda, 32, _GPU_STEPS, workers, precision) for precision in ("fp32", "bf16")]
    else:
        tell("There is no CUDA GPU here: its rows are left out.")
    results: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="twohand-training-") as folder:
        dataset = made_pictures(Path(folder) / "set", _PICTURES)
        for name in _CONFIGURATIONS:
            tell(f"Reading pictures as for {name} ...")
            results.append(_measure_loader(name, dataset, repeats))
        for case in cases:
            tell(f"Training {case.name}, {case.device.type}, {case.precision} ...")
            results += _measure_case(case, dataset, Path(folder) / "run", repeats)
    return results


def _measure_loader(name: str, dataset: HandDataset, repeats: int) -> Measurement:
    settings = load_configuration(name).augmentation
    stream = DatasetStream(dataset, batch=_LOADER_BATCH, augmentation=settings, seed=0, workers=LOADER_WORKERS)
    batches = stream.batches(0, 1)
    # What the processes read ahead while they start is not their speed.
    for _ in islice(batches, _LOADER_BATCHES):
        pass
    rates: list[float] = []
    for _ in range(repeats):
        start_s = time.perf_counter()
        for _ in islice(batches, _LOADER_BATCHES):
            pass
        rates.append(_LOADER_BATCH * _LOADER_BATCHES / (time.perf_counter() - start_s))
    return summarise(f"loader alone, {name}, {LOADER_WORKERS} processes", "pictures/s", rates)


def _measure_case(case: _Case, dataset: HandDataset, out: Path, repeats: int) -> list[Measurement]:
    configuration, world = _configuration(case, repeats), World(0, 1, case.device)
    trainer: Trainer[Any, Any]
    if case.name in _DRAWING:
        make = make_finder_trainer if case.name == "finder" else make_synthetic_trainer
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            trainer = make(configuration, _WEIGHTS_DIR, Path(folder), world, start=START_RANDOM, workers=case.workers)
            return _measure_trainer(trainer, case, repeats)
    stream = DatasetStream(
        dataset,
        batch=case.batch,
        augmentation=configuration.augmentation,
        seed=0,
        authors_validity=configuration.authors_slips,
        workers=case.workers,
    )
    models = (dataset.models["right"], dataset.models["left"])
    trainer = trainer_on(
        configuration, stream, "made-up pictures", models, _UnsavedRun(out), world=world, start=START_RANDOM
    )
    return _measure_trainer(trainer, case, repeats)


def _measure_trainer(trainer: Trainer[Any, Any], case: _Case, repeats: int) -> list[Measurement]:
    trainer.run(Limits(steps=1), lambda _: None)  # warms up
    rates, waiting = [], []
    for _ in range(repeats):
        result = trainer.run(Limits(steps=trainer.step + case.steps), lambda _: None)
        rates.append(result.samples_a_second)
        waiting.append(100 * result.waiting_share)
    device = "CPU" if case.device.type == "cpu" else torch.cuda.get_device_name(case.device)
    title = f"train {case.name}, {device}, {case.precision}, batch {case.batch}"
    return [
        summarise(title, "pictures/s", rates),
        summarise(f"{title}: waiting for data", "%", waiting),
    ]


def _configuration(case: _Case, repeats: int) -> TrainingConfiguration:
    changes = [f"precision='{case.precision}'", f"batch={case.batch}", f"steps={1 + repeats * case.steps}"]
    return replace(load_configuration(case.name, changes), name=f"benchmark {case.name}")
