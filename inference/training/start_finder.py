"""From settings to a trainer of stage one, the finder."""

from __future__ import annotations

from pathlib import Path

import torch

from ..detect.nets import PALM_NET_FILE
from ..hands.open_hand import load_hand_models
from ..networks.finder_net import FinderNet
from ..networks.palm_backbone import load_palm_weights
from ..synthesis.sample import Settings
from .configuration import TrainingConfiguration
from .distributed import World
from .finder_batch import FinderBatch
from .finder_stream import FinderStream
from .first_weights import take_stage
from .run_folder import RunFolder
from .run_identity import hashes_of
from .start import START_IMAGENET, START_RANDOM, SYNTHETIC_EPOCH, require_first_weights
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
    weights_dir : holds the shipped palm detector, which the backbone begins as
    start : an earlier run's ``network.safetensors``, or a packed file; ``imagenet`` and ``random`` say nothing here
    imagenet : not for the finder (`start.require_first_weights`)

    Raises
    ------
    HandsError
        USAGE where `imagenet` is given; what reading the weights raises
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
    both = (models["right"], models["left"])
    folder = RunFolder(out)
    torch.manual_seed(configuration.seed)
    network = FinderNet()
    if not folder.checkpoint.is_file():
        require_first_weights(configuration, start, imagenet)
        load_palm_weights(network.backbone, weights_dir / PALM_NET_FILE)
        if start not in (START_IMAGENET, START_RANDOM):
            take_stage(network, Path(start), "finder", hashes_of(both))
    supervised = SupervisedFinder(network, configuration).to(world.device)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in its stub
    return Trainer(
        supervised,
        configuration,
        stream,
        f"synthesis, seed {configuration.seed}, {settings}",
        models=both,
        folder=folder,
        world=world,
    )
