"""One evaluation: predictions from a source, errors of every sample, scores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..contract import ErrorCode, HandsError, progress_record
from ..datasets.dataset import KINDS, HandDataset
from .errors import ErrorTable, WorstSample
from .prediction import PredictionSource
from .protocol import Protocol
from .scores import Scores, make_scores

Report = Callable[[Mapping[str, Any]], None]
_NAMED_AT_MOST: Final = 3


@dataclass(frozen=True)
class Evaluation:
    """Scores, and the errors that they are made of."""

    scores: Scores
    table: ErrorTable

    @property
    def worst(self) -> list[WorstSample]:
        """The samples with the largest errors."""
        return self.table.worst


def evaluate(
    dataset: HandDataset,
    source: PredictionSource,
    protocol: Protocol,
    *,
    report: Report,
    cancelled: threading.Event | None = None,
    keep_worst: int = 0,
    allow_missing: bool = False,
) -> Evaluation:
    """Evaluate a source of predictions on a data set.

    Parameters
    ----------
    dataset : its samples are those that the protocol wants
    report : takes progress records of the stage ``evaluate``
    keep_worst : how many samples to keep for looking at
    allow_missing : samples without a prediction are a note instead of an error

    Raises
    ------
    HandsError
        USAGE where predictions are missing, CANCELLED, and the source's own
    """
    table = ErrorTable(dataset, protocol, keep_worst)
    done, start_s = 0, time.monotonic()
    for samples, predicted in source.batches(dataset):
        if cancelled is not None and cancelled.is_set():
            raise HandsError(ErrorCode.CANCELLED, f"Cancelled after {done} of {len(dataset)} samples.", "")
        table.add(samples, predicted)
        done += len(samples)
        eta_s = (time.monotonic() - start_s) / done * (len(dataset) - done)
        report(progress_record("evaluate", done, len(dataset), eta_s))
    if done == 0:
        raise HandsError(ErrorCode.INPUT_EMPTY, "There is nothing to evaluate: no sample has a prediction.", "")
    absent_kinds = _check_missing(dataset, table, allow_missing)
    scores = make_scores(dataset, table, protocol, source.name)
    return Evaluation(replace(scores, notes=[*absent_kinds, *scores.notes]), table)


def _check_missing(dataset: HandDataset, table: ErrorTable, allow_missing: bool) -> list[str]:
    """A method for two hands need not answer for single ones; but of a kind that it answers for, it must for all."""
    notes: list[str] = []
    for number, kind in enumerate(KINDS):
        of_kind = dataset.kinds == number
        missing = np.flatnonzero(of_kind & ~table.seen)
        if len(missing) == 0:
            continue
        if len(missing) == int(of_kind.sum()):
            name = "interacting hands" if kind == "interacting" else f"single {kind} hands"
            notes.append(f"No picture of {name} has a prediction.")
        elif not allow_missing:
            names = ", ".join(dataset.ids(missing[:_NAMED_AT_MOST]))
            raise HandsError(
                ErrorCode.USAGE,
                f"{len(missing)} samples have no prediction, first {names}.",
                "Predict all samples, or give --allow-missing to leave them out.",
            )
    return notes
