"""From settings and a data set to a trainer that can run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from ..contract import ErrorCode, HandsError
from ..datasets import HandDataset
from ..datasets.pictures import BrokenPictures
from ..hands.model import HandModel
from ..hands.open_hand import load_hand_models
from ..networks.intershape import InterShape
from ..synthesis.sample import Settings
from .batch import BatchStream, TrainingBatch
from .configuration import TrainingConfiguration
from .dataset_stream import DatasetStream
from .distributed import World
from .extra_losses import ExtraLosses
from .first_weights import begin_as_the_paper, require_imagenet, take_imagenet, take_trained
from .run_folder import RunFolder
from .start_pair import pair_trainer_on
from .supervised import SupervisedNetwork
from .synthetic_stream import SyntheticStream
from .trainer import Trainer

InterShapeTrainer = Trainer[TrainingBatch, InterShape]
START_IMAGENET: Final = "imagenet"
START_RANDOM: Final = "random"
SYNTHETIC_EPOCH: Final = 1_000_000
_IDS_AT_ONCE: Final = 1 << 16


def require_first_weights(configuration: TrainingConfiguration, start: str, imagenet: Path | None) -> None:
    """Whether there are files to begin with; what is in them is seen when they are read.

    Raises
    ------
    HandsError
        MODEL_MISSING; USAGE where the network would not read them
    """
    if configuration.network in ("pair", "finder"):
        if imagenet is not None:
            raise HandsError(
                ErrorCode.USAGE, f"The {configuration.network} begins as a shipped net.", "Leave out --imagenet."
            )
    elif start == START_IMAGENET or imagenet is not None:
        require_imagenet(configuration.network_configuration(), imagenet)
    if start not in (START_IMAGENET, START_RANDOM) and not Path(start).is_file():
        raise HandsError(
            ErrorCode.MODEL_MISSING,
            f"There is no network '{start}' to begin with.",
            f"Give {START_IMAGENET}, {START_RANDOM}, a run's network.safetensors or weights/open_twohand.safetensors.",
        )


def make_network(
    configuration: TrainingConfiguration,
    models: tuple[HandModel, HandModel],
    *,
    start: str = START_IMAGENET,
    imagenet: Path | None = None,
) -> InterShape:
    """The network before its first step.

    Parameters
    ----------
    models : right and left hand
    start : ``imagenet``, ``random``, or an earlier run's ``network.safetensors``
    imagenet : see `take_imagenet`
    """
    torch.manual_seed(configuration.seed)
    network = InterShape(configuration.network_configuration(), models)
    if configuration.network == "paper":
        begin_as_the_paper(network)
    if start == START_IMAGENET or imagenet is not None:
        take_imagenet(network, imagenet)
    if start not in (START_IMAGENET, START_RANDOM):
        take_trained(network, Path(start), keep_backbone=imagenet is not None)
    return network


def make_trainer(
    configuration: TrainingConfiguration,
    dataset: HandDataset,
    out: Path,
    world: World,
    *,
    start: str = START_IMAGENET,
    imagenet: Path | None = None,
    broken: BrokenPictures = "fatal",
    workers: int = 0,
) -> InterShapeTrainer:
    """A trainer on a data set; a run that is in `out` goes on."""
    stream = DatasetStream(
        dataset,
        batch=configuration.batch,
        augmentation=configuration.augmentation,
        seed=configuration.seed,
        authors_validity=configuration.authors_slips,
        broken=broken,
        workers=workers,
        picture_px=configuration.picture_px,
    )
    models = (dataset.models["right"], dataset.models["left"])
    return trainer_on(
        configuration, stream, samples_of(dataset), models, RunFolder(out), world=world, start=start, imagenet=imagenet
    )


def make_synthetic_trainer(
    configuration: TrainingConfiguration,
    weights_dir: Path,
    out: Path,
    world: World,
    *,
    start: str = START_IMAGENET,
    imagenet: Path | None = None,
    workers: int = 0,
    backbone_alone: bool = False,
) -> Trainer[Any, Any]:
    """A trainer on pictures of the open hand that are drawn meanwhile, no two alike; a run that is in `out` goes on.

    An epoch is a million pictures.

    Parameters
    ----------
    backbone_alone : of an earlier pair network, given as `start`, nothing else is taken
    """
    settings = Settings(size_px=configuration.picture_px, framing=configuration.framing)
    stream = SyntheticStream(
        weights_dir,
        settings,
        batch=configuration.batch,
        seed=configuration.seed,
        samples=SYNTHETIC_EPOCH,
        device=world.device,
        workers=workers,
    )
    models = load_hand_models(weights_dir)
    both, data = (models["right"], models["left"]), f"synthesis, seed {configuration.seed}, {settings}"
    if configuration.network == "pair":
        first = None if start in (START_IMAGENET, START_RANDOM) else Path(start)
        return pair_trainer_on(
            configuration,
            stream,
            data,
            both,
            RunFolder(out),
            world=world,
            weights_dir=weights_dir,
            first_weights=first,
            backbone_alone=backbone_alone,
        )
    return trainer_on(configuration, stream, data, both, RunFolder(out), world=world, start=start, imagenet=imagenet)


def samples_of(dataset: HandDataset) -> str:
    """What a data set's samples are and in which order, in words: two texts are alike where a run would see the same.

    1.4 M samples take about two seconds.
    """
    digest = hashlib.sha256()
    for start in range(0, len(dataset), _IDS_AT_ONCE):
        samples = np.arange(start, min(start + _IDS_AT_ONCE, len(dataset)), dtype=np.int64)
        digest.update("".join(f"{name}\n" for name in dataset.ids(samples)).encode())
    return f"{dataset.name}, {len(dataset)} samples, ids' sha256 {digest.hexdigest()}"


def trainer_on(
    configuration: TrainingConfiguration,
    stream: BatchStream[TrainingBatch],
    data: str,
    models: tuple[HandModel, HandModel],
    folder: RunFolder,
    *,
    world: World,
    start: str = START_IMAGENET,
    imagenet: Path | None = None,
) -> InterShapeTrainer:
    """A trainer on any row of batches.

    Parameters
    ----------
    data : what the batches are, in words: a run goes on with the same ones alone
    folder : of the run; one that is in it goes on
    """
    if folder.checkpoint.is_file():
        start, imagenet = START_RANDOM, None  # its own weights follow
    network = make_network(configuration, models, start=start, imagenet=imagenet)
    weights = configuration.extra_losses
    extra = None
    if any(vars(weights).values()):
        extra = ExtraLosses(models, weights, network.configuration.picture_px)
    supervised = SupervisedNetwork(network, extra, configuration).to(world.device)
    supervised.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in its stub
    return Trainer(supervised, configuration, stream, data, models=models, folder=folder, world=world)
