"""An ablation on annotated pictures."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..contract import ErrorCode, HandsError
from ..datasets import HandDataset, PictureReader
from ..datasets.pictures import BrokenPictures
from ..evaluation.evaluate import evaluate
from ..evaluation.network_source import NetworkSource
from ..evaluation.protocol import Protocol
from ..hands.joints import SIDES
from ..training.configuration import TrainingConfiguration
from ..training.distributed import World
from ..training.run_identity import hashes_of
from ..training.start import START_IMAGENET, make_trainer
from ..training.trained_network import load_trained_network
from ..training.trainer import Trainer
from .bench import Report, Tested

_COMPARED: Final = 100


@dataclass(frozen=True)
class AblationData:
    """What is trained on and what is tested on, and how their pictures are read."""

    training: HandDataset
    test: HandDataset
    broken: BrokenPictures = "fatal"
    workers: int = 0


class DatasetBench:
    """See `Bench`.

    Parameters
    ----------
    data : both data sets
    protocol : of the test
    world : this process
    start, imagenet : first weights, see `make_trainer`

    Raises
    ------
    HandsError
        USAGE where the test data are made with other hand models than the training data: seen before the training, not
        after it
    """

    def __init__(
        self,
        data: AblationData,
        protocol: Protocol,
        world: World,
        *,
        start: str = START_IMAGENET,
        imagenet: Path | None = None,
    ) -> None:
        self._data, self._protocol, self._world = data, protocol, world
        self._start, self._imagenet = start, imagenet
        self.training_name, self.test_name = data.training.name, data.test.name
        right, left = (data.training.models[side] for side in SIDES)
        self._models = (right, left)
        if hashes_of(self._models) != hashes_of((data.test.models["right"], data.test.models["left"])):
            raise HandsError(
                ErrorCode.USAGE,
                f"{data.test.name} is made with other hand models than {data.training.name}.",
                "Test on data of the hand models that are trained with.",
            )

    def trainer(self, configuration: TrainingConfiguration, out: Path) -> Trainer[Any, Any]:
        """See `Bench.trainer`."""
        data = self._data
        return make_trainer(
            configuration,
            data.training,
            out,
            self._world,
            start=self._start,
            imagenet=self._imagenet,
            broken=data.broken,
            workers=data.workers,
        )

    def test(self, network: Path, report: Report, cancelled: threading.Event | None) -> Tested:
        """See `Bench.test`."""
        data = self._data
        trained = load_trained_network(network, self._models)
        reader = PictureReader(data.test, data.broken)
        tested = evaluate(
            data.test,
            NetworkSource(trained.network, reader, axes=trained.axes),
            self._protocol,
            report=report,
            cancelled=cancelled,
            allow_missing=data.broken == "skip",
        )
        if reader.skipped:
            tested.scores.notes.append(reader.summary())
        if _are_same(data.training, data.test):
            tested.scores.notes.append("Trained and tested on the same pictures: this shows what was learned by heart.")
        return Tested(tested, sum(parameter.numel() for parameter in trained.network.parameters()))


def _are_same(training: HandDataset, test: HandDataset) -> bool:
    """By name and by the first samples."""
    some = np.arange(min(len(training), _COMPARED), dtype=np.int64)
    return training.name == test.name and bool((test.find(training.ids(some)) >= 0).all())
