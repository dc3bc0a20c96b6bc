"""From settings to a trainer of stage one, the finder."""

from __future__ import annotations

from pathlib import Path

import torch

from ..hands.open_hand import load_hand_models
from ..networks.efficientnet_lite0 import load_imagenet_weights
from ..networks.finder_net import FinderNet
from ..synthesis.sample import Settings
from .configuration import TrainingConfiguration
from .distributed import World
from .finder_batch import FinderBatch
from .finder_stream import FinderStream
from .first_weights import take_trained
from .run_folder import RunFolder
from .start import START_IMAGENET, START_RANDOM, SYNTHETIC_EPOCH
from .supervised_finder import SupervisedFinder
from .trainer import Trainer


def make_finder_trainer(
    configuration: TrainingConfiguration,
    weights_dir: Path,
    out: Path,
    world: World,
    *,
    start: str = START_IMAGENET,
    imagenet: Path | None = None,
    workers: int = 0,
) -> Trainer[FinderBatch, FinderNet]:
    """A trainer on pictures that are drawn meanwhile; a run that is in `out` goes on.

    An epoch is a million looks.

    Parameters
    ----------
    start : ``imagenet``, ``random``, or an earlier run's ``network.safetensors``
    imagenet : the backbone's weights, see `load_imagenet_weights`
    """
    settings = Settings(size_px=configuration.picture_px, framing=configuration.framing)
    stream = FinderStream(
        weights_dir,
        settings,
        batch=configuration.batch,
        looks=configuration.looks,
        seed=configuration.seed,
        samples=SYNTHETIC_EPOCH,
        device=world.device,
        workers=workers,
    )
    models = load_hand_models(weights_dir)
    folder = RunFolder(out)
    torch.manual_seed(configuration.seed)
    network = FinderNet()
    if not folder.checkpoint.is_file():
        if start == START_IMAGENET or imagenet is not None:
            load_imagenet_weights(network.backbone, imagenet)
        if start not in (START_IMAGENET, START_RANDOM):
            take_trained(network, Path(start))
    supervised = SupervisedFinder(network, configuration).to(world.device)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in its stub
    return Trainer(
        supervised,
        configuration,
        stream,
        f"synthesis, seed {configuration.seed}, {settings}",
        models=(models["right"], models["left"]),
        folder=folder,
        world=world,
    )
