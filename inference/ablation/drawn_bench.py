"""An ablation on drawn pictures: every network is tested on the same held-out scenes, each at its own size."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import torch

from ..datasets import PictureReader
from ..evaluation.drawn_set import DrawnSet
from ..evaluation.evaluate import evaluate
from ..evaluation.network_source import NetworkSource
from ..evaluation.prediction import PredictionSource
from ..evaluation.protocol import CORRECTED
from ..hands.model import HandModel
from ..networks.pair_net import PairNet
from ..synthesis.fixed_sets import ABLATION_SET
from ..training.configuration import TrainingConfiguration
from ..training.distributed import World
from ..training.packed_network import load_stage
from ..training.run_identity import hashes_of
from ..training.start import START_IMAGENET, make_synthetic_trainer
from ..training.trained_network import load_trained_network
from ..training.trainer import Trainer
from .bench import Report, Tested
from .pair_source import PairSource

DEFAULT_COUNT: Final = ABLATION_SET.count


class DrawnBench:
    """See `Bench`.

    A pair network that is given as `start` gives its backbone alone: the other parts of every variant begin anew.

    Parameters
    ----------
    configuration : of the runs
    weights_dir : the shipped hand and poses
    world : this process
    count : how many held-out samples are drawn
    start, imagenet, workers : see `make_synthetic_trainer`
    """

    def __init__(
        self,
        configuration: TrainingConfiguration,
        weights_dir: Path,
        world: World,
        *,
        count: int = DEFAULT_COUNT,
        start: str = START_IMAGENET,
        imagenet: Path | None = None,
        workers: int = 0,
    ) -> None:
        self._network, self._weights_dir, self._world = configuration.network, weights_dir, world
        self._start, self._imagenet, self._workers = start, imagenet, workers
        self._set = DrawnSet.draw(ABLATION_SET, weights_dir, count=count, size_px=configuration.picture_px)
        self._models = (self._set.models["right"], self._set.models["left"])
        self.training_name, self.test_name = "synthesis", self._set.name

    def trainer(self, configuration: TrainingConfiguration, out: Path) -> Trainer[Any, Any]:
        """See `Bench.trainer`."""
        return make_synthetic_trainer(
            configuration,
            self._weights_dir,
            out,
            self._world,
            start=self._start,
            imagenet=self._imagenet,
            workers=self._workers,
            backbone_alone=True,
        )

    def test(self, network: Path, report: Report, cancelled: threading.Event | None) -> Tested:
        """See `Bench.test`."""
        source: PredictionSource
        if self._network == "pair":
            net = _load_pair(network, self._models)
            source = PairSource(net, self._set)
        else:
            net, axes = load_trained_network(network, self._models)
            source = NetworkSource(net, PictureReader(self._set), axes=axes)
        tested = evaluate(self._set, source, CORRECTED, report=report, cancelled=cancelled)
        return Tested(tested, sum(parameter.numel() for parameter in net.parameters()))


def _load_pair(path: Path, models: tuple[HandModel, HandModel]) -> PairNet:
    """A run's pair network, in evaluation mode, on the GPU where there is one."""
    saved = load_stage(path, "pair", hashes_of(models))
    network = PairNet(saved.identity.configuration.network_configuration(), models)
    network.load_state_dict(saved.weights)
    return network.eval().to("cuda" if torch.cuda.is_available() else "cpu")
