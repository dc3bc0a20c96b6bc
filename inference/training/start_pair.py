"""From settings to a trainer of the pair network."""

from __future__ import annotations

from pathlib import Path

import torch

from ..detect.nets import LANDMARK_NET_FILE
from ..hands.model import HandModel
from ..networks.landmark_backbone import load_landmark_weights
from ..networks.pair_net import PairNet
from .batch import BatchStream, TrainingBatch
from .configuration import TrainingConfiguration
from .distributed import World
from .extra_losses import ExtraLosses
from .first_weights import take_stage
from .pair_batch import PairBatch, PairStream
from .run_folder import RunFolder
from .run_identity import hashes_of
from .supervised_pair import SupervisedPair
from .trainer import Trainer

PairTrainer = Trainer[PairBatch, PairNet]


def pair_trainer_on(
    configuration: TrainingConfiguration,
    stream: BatchStream[TrainingBatch],
    data: str,
    models: tuple[HandModel, HandModel],
    folder: RunFolder,
    *,
    world: World,
    weights_dir: Path,
    first_weights: Path | None = None,
    backbone_alone: bool = False,
) -> PairTrainer:
    """A trainer on any row of batches; a run that is in `folder` goes on.

    Parameters
    ----------
    weights_dir : holds the shipped landmark net, which the backbone begins as
    first_weights : an earlier run's ``network.safetensors``, or a packed file
    backbone_alone : of them nothing else is taken
    """
    torch.manual_seed(configuration.seed)
    network = PairNet(configuration.network_configuration(), models, configuration.frozen_blocks)
    if not folder.checkpoint.is_file():
        load_landmark_weights(network.backbone, weights_dir / LANDMARK_NET_FILE)
        if first_weights is not None:
            take_stage(network, first_weights, "pair", hashes_of(models), backbone_alone=backbone_alone)
    extra = ExtraLosses(models, configuration.extra_losses, configuration.picture_px)
    supervised = SupervisedPair(network, extra, configuration).to(world.device)
    supervised.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in its stub
    pairs = PairStream(stream, configuration.looks, configuration.seed)
    return Trainer(supervised, configuration, pairs, data, models=models, folder=folder, world=world)
