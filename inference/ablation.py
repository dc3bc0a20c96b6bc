"""What the paper's parts are worth: the same training with more and more of them, each tested by the same rules."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from .contract import ErrorCode, HandsError, output_error
from .datasets import HandDataset, PictureReader
from .datasets.pictures import BrokenPictures
from .evaluation.evaluate import evaluate
from .evaluation.network_source import NetworkSource
from .evaluation.protocol import Protocol
from .evaluation.scores import Scores
from .evaluation.table import score_rows
from .hands.joints import SIDES
from .hands.model import HandModel
from .training.configuration import TrainingConfiguration
from .training.distributed import World
from .training.run_identity import hashes_of
from .training.start import START_IMAGENET, make_trainer
from .training.trained_network import load_trained_network
from .training.trainer import Limits

Report = Callable[[Mapping[str, Any]], None]
RESULT_NAME: Final = "ablation.json"
_COMPARED: Final = 100


@dataclass(frozen=True)
class Variant:
    """A network with some of the paper's parts; `folder` is its run's name."""

    name: str
    folder: str
    use_attention: bool
    cascade_stages: int


VARIANTS: Final = (
    Variant("baseline", "baseline", False, 0),
    Variant("+ attention", "attention", True, 0),
    Variant("+ 1 cascade stage", "stages1", True, 1),
    Variant("+ 2 cascade stages", "stages2", True, 2),
    Variant("+ 3 cascade stages", "stages3", True, 3),
)


@dataclass(frozen=True)
class VariantResult:
    """A variant after its training: number of parameters, optimiser steps, scores on the test set."""

    variant: Variant
    parameters: int
    steps: int
    scores: Scores


@dataclass(frozen=True)
class AblationData:
    """What is trained on and what is tested on, and how their pictures are read."""

    training: HandDataset
    test: HandDataset
    broken: BrokenPictures = "fatal"
    workers: int = 0


def run_ablation(
    configuration: TrainingConfiguration,
    data: AblationData,
    protocol: Protocol,
    out: Path,
    world: World,
    *,
    report: Report,
    cancelled: threading.Event | None = None,
    start: str = START_IMAGENET,
    imagenet: Path | None = None,
) -> list[VariantResult]:
    """Train and test every variant; called again, it goes on where it stopped.

    Parameters
    ----------
    configuration : of all runs but for attention and stages; its steps are each run's budget
    out : a run's folder for each variant, and the result as JSON

    Raises
    ------
    HandsError
        CANCELLED after saving; USAGE where `out` holds runs of other settings or data, or where the test data are made
        with other hand models than the training data; the source's and the runs' own
    """
    models = _common_models(data)
    results: list[VariantResult] = []
    for variant in VARIANTS:
        own = replace(
            configuration,
            name=f"{configuration.name} {variant.folder}",
            use_attention=variant.use_attention,
            cascade_stages=variant.cascade_stages,
        )
        trainer = make_trainer(
            own,
            data.training,
            out / variant.folder,
            world,
            start=start,
            imagenet=imagenet,
            broken=data.broken,
            workers=data.workers,
        )
        trained = trainer.run(Limits(cancelled=cancelled), report)
        del trainer  # its optimiser's memory is needed by the next one
        trained_network = load_trained_network(out / variant.folder / "network.safetensors", models)
        network = trained_network.network
        reader = PictureReader(data.test, data.broken)
        tested = evaluate(
            data.test,
            NetworkSource(network, reader, axes=trained_network.axes),
            protocol,
            report=report,
            cancelled=cancelled,
            allow_missing=data.broken == "skip",
        )
        if reader.skipped:
            tested.scores.notes.append(reader.summary())
        if _are_same(data.training, data.test):
            tested.scores.notes.append("Trained and tested on the same pictures: this shows what was learned by heart.")
        count = sum(parameter.numel() for parameter in network.parameters())
        results.append(VariantResult(variant, count, trained.step, tested.scores))
        _write(out / RESULT_NAME, configuration, data, protocol, results)
    return results


def format_ablation(results: Sequence[VariantResult]) -> str:
    """One table: a row a variant."""
    first = results[0].scores
    rows = [dict(score_rows(result.scores.groups["all"])) for result in results]
    labels = [label for label in rows[0] if label != "samples" and any(row[label] != "-" for row in rows)]
    width = max(len(result.variant.name) for result in results)
    steps = results[0].steps
    head = f"Protocol '{first.protocol}' on {first.dataset}, {rows[0]['samples']} samples, after {steps} steps each"
    lines = [head, "", " " * width + "  parameters M" + "".join(f"  {label}" for label in labels)]
    for result, row in zip(results, rows, strict=True):
        numbers = "".join(f"  {row[label]:>{len(label)}}" for label in labels)
        lines.append(f"{result.variant.name:<{width}}  {result.parameters / 1e6:12.2f}{numbers}")
    notes = dict.fromkeys(note for result in results for note in result.scores.notes)
    lines += ["", *(f"Note: {note}" for note in notes)] if notes else []
    return "\n".join(lines)


def _common_models(data: AblationData) -> tuple[HandModel, HandModel]:
    """Right and left; looked at before the training, not after it."""
    right, left = (data.training.models[side] for side in SIDES)
    if hashes_of((right, left)) != hashes_of((data.test.models["right"], data.test.models["left"])):
        raise HandsError(
            ErrorCode.USAGE,
            f"{data.test.name} is made with other hand models than {data.training.name}.",
            "Test on data of the hand models that are trained with.",
        )
    return right, left


def _are_same(training: HandDataset, test: HandDataset) -> bool:
    """By name and by the first samples."""
    some = np.arange(min(len(training), _COMPARED), dtype=np.int64)
    return training.name == test.name and bool((test.find(training.ids(some)) >= 0).all())


def _write(
    path: Path,
    configuration: TrainingConfiguration,
    data: AblationData,
    protocol: Protocol,
    results: Sequence[VariantResult],
) -> None:
    content = {
        "configuration": json.loads(configuration.to_json()),
        "training_data": data.training.name,
        "test_data": data.test.name,
        "protocol": protocol.name,
        "variants": [
            {
                **asdict(result.variant),
                "parameters": result.parameters,
                "steps": result.steps,
                "scores": result.scores.as_dict(),
            }
            for result in results
        ],
    }
    try:
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise output_error(path, error) from error
