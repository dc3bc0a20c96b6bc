"""An ablation: variant after variant is trained and tested, and the numbers are kept as JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import output_error
from ..evaluation.protocol import Protocol
from ..evaluation.scores import Scores
from ..training.configuration import TrainingConfiguration
from ..training.run_folder import NETWORK_NAME
from ..training.trainer import Limits
from .bench import Bench, Report
from .uncertainty import SampleErrors, differences, errors_of_samples, standard_errors
from .variants import VARIANTS, Variant

RESULT_NAME: Final = "ablation.json"


@dataclass(frozen=True)
class VariantResult:
    """A variant after its training.

    Parameters
    ----------
    variant : which one
    parameters, steps : of the network, and of its training
    scores : on the test set
    errors : of every sample of the test set
    groups : the samples (N,) of each group of `scores`
    """

    variant: Variant
    parameters: int
    steps: int
    scores: Scores
    errors: SampleErrors
    groups: dict[str, NDArray[np.bool_]]

    def standard_errors(self, group: str) -> dict[str, float | None]:
        """See `uncertainty`."""
        return standard_errors(self.errors, self.groups[group])

    def difference_from(self, other: VariantResult, group: str) -> dict[str, list[float | None]]:
        """See `uncertainty.differences`."""
        return differences(self.errors, other.errors, self.groups[group] & other.groups[group])


def run_ablation(
    configuration: TrainingConfiguration,
    bench: Bench,
    protocol: Protocol,
    out: Path,
    *,
    report: Report,
    cancelled: threading.Event | None = None,
    variants: Sequence[Variant] = VARIANTS,
) -> list[VariantResult]:
    """Train and test every variant; called again, it goes on where it stopped.

    Parameters
    ----------
    configuration : of all runs but for attention and stages; its steps are each run's budget
    bench : where they are trained and tested
    protocol : of the tests
    out : a run's folder for each variant, and the result as JSON

    Raises
    ------
    HandsError
        CANCELLED after saving; USAGE where `out` holds runs of other settings or data; the source's and the runs' own
    """
    results: list[VariantResult] = []
    for variant in variants:
        trainer = bench.trainer(variant.of(configuration), out / variant.folder)
        trained = trainer.run(Limits(cancelled=cancelled), report)
        del trainer  # its optimiser's memory is needed by the next one
        tested = bench.test(out / variant.folder / NETWORK_NAME, report, cancelled)
        table, scores = tested.evaluation.table, tested.evaluation.scores
        results.append(
            VariantResult(
                variant,
                tested.parameters,
                trained.step,
                scores,
                errors_of_samples(table, protocol),
                {name: rows for name, rows in table.groups().items() if name in scores.groups},
            )
        )
        _write(out / RESULT_NAME, configuration, bench, protocol, results)
    return results


def _write(
    path: Path,
    configuration: TrainingConfiguration,
    bench: Bench,
    protocol: Protocol,
    results: Sequence[VariantResult],
) -> None:
    content = {
        "configuration": json.loads(configuration.to_json()),
        "training_data": bench.training_name,
        "test_data": bench.test_name,
        "protocol": protocol.name,
        "variants": [_entry(result, results[0]) for result in results],
    }
    try:
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise output_error(path, error) from error


def _entry(result: VariantResult, first: VariantResult) -> dict[str, Any]:
    return {
        **asdict(result.variant),
        "parameters": result.parameters,
        "steps": result.steps,
        "scores": result.scores.as_dict(),
        "standard_errors": {name: result.standard_errors(name) for name in result.groups},
        "differences_from_first": {name: result.difference_from(first, name) for name in result.groups},
    }
