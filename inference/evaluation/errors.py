"""Errors of every single sample: the table from which all scores are made."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import INTERACTING, GroundTruth, HandDataset
from ..datasets.validity import usable_points
from ..hands.joints import POINT_COUNT
from .alignment import align_by_palm, align_by_procrustes, palm_length
from .prediction import PredictedHands
from .protocol import Protocol

_FEWEST_FOR_PROCRUSTES: Final = 3


@dataclass(frozen=True)
class WorstSample:
    """A sample to look at.

    Parameters
    ----------
    sample : its number in the data set
    error_mm : mean over the points that count
    predicted_mm, true_mm : (2, 21, 3) camera axes, the prediction aligned to the truth
    shown : (2,) hands that are annotated and were predicted
    """

    sample: int
    error_mm: float
    predicted_mm: NDArray[np.float64]
    true_mm: NDArray[np.float64]
    shown: NDArray[np.bool_]


class ErrorTable:
    """Errors in mm of all N samples of a data set, filled batch by batch; not a number where nothing was measured.

    Attributes
    ----------
    seen : (N,) the sample has a prediction
    missed : hands with ground truth that were not predicted, so far
    point : (N, 2, 21) after alignment by palm
    vertex : (N, 2) mean over the hand's vertices, the same alignment
    procrustes_point, procrustes_vertex : (N, 2) means over a hand after Procrustes alignment
    relative_root : (N,) of the left wrist relative to the right one
    predicted_points, true_points : (N, 2, 21, 3) for motion; empty where the protocol has none
    vertices_differ : the prediction is another mesh than the truth, so that vertices cannot be compared
    """

    def __init__(self, dataset: HandDataset, protocol: Protocol, keep_worst: int = 0) -> None:
        count = len(dataset)
        self._dataset, self._protocol, self._keep_worst = dataset, protocol, keep_worst
        self._worst: list[tuple[float, int, WorstSample]] = []
        self._order = itertools.count()
        self.seen = np.zeros(count, dtype=bool)
        self.missed = 0
        self.vertices_differ = False
        self.point = _nothing(count, 2, POINT_COUNT)
        self.vertex = _nothing(count, 2)
        self.procrustes_point, self.procrustes_vertex = _nothing(count, 2), _nothing(count, 2)
        self.relative_root = _nothing(count)
        kept = count if protocol.is_extended else 0
        self.predicted_points = _nothing(kept, 2, POINT_COUNT, 3)
        self.true_points = _nothing(kept, 2, POINT_COUNT, 3)

    @property
    def worst(self) -> list[WorstSample]:
        """The samples with the largest mean errors, worst first."""
        return [entry[2] for entry in sorted(self._worst, key=lambda entry: entry[:2], reverse=True)]

    def groups(self) -> dict[str, NDArray[np.bool_]]:
        """Which samples (N,) with a prediction belong to which group; some may be empty."""
        groups = {"all": self.seen}
        if self._protocol.is_extended:
            interacting = self._dataset.kinds == INTERACTING
            groups |= {"interacting": self.seen & interacting, "single": self.seen & ~interacting}
        return groups

    @np.errstate(all="ignore")  # placeholders of hands that were not found may be any numbers
    def add(self, samples: NDArray[np.int64], predicted: PredictedHands) -> None:
        """Measure predictions of samples."""
        truth = self._dataset.truth(samples)
        palms_mm = palm_length(predicted.points_mm)
        # A hand whose palm has no length (all zeros, say) is a placeholder: nothing can be aligned by it.
        found = np.isfinite(predicted.points_mm).all(axis=(2, 3)) & (palms_mm > 0) & np.isfinite(palms_mm)
        measured = truth.fit_valid & found
        self.seen[samples] = True
        self.missed += int((truth.fit_valid & ~found).sum())
        counts = usable_points(truth, self._protocol.validity) & found[..., None]
        points = align_by_palm(predicted.points_mm, truth.points_mm, predicted.points_mm)
        self.point[samples] = np.where(counts, np.linalg.norm(points - truth.points_mm, axis=-1), np.nan)
        self._add_vertices(samples, predicted, truth, measured)
        if self._protocol.is_extended:
            self._add_extended(samples, predicted, truth, counts, measured)
        if self._keep_worst:
            self._add_worst(samples, points, truth, measured)

    def _add_vertices(
        self, samples: NDArray[np.int64], predicted: PredictedHands, truth: GroundTruth, measured: NDArray[np.bool_]
    ) -> None:
        if predicted.vertices_mm is None:
            return
        pairs = list(zip(predicted.vertices_mm, truth.vertices_mm, strict=True))
        if any(given.shape != true.shape for given, true in pairs):
            self.vertices_differ = True
            return
        for hand, (given, true) in enumerate(pairs):
            moved = align_by_palm(predicted.points_mm[:, hand], truth.points_mm[:, hand], given)
            error = np.linalg.norm(moved - true, axis=-1).mean(axis=-1)
            self.vertex[samples, hand] = np.where(measured[:, hand], error, np.nan)
            if self._protocol.is_extended:
                rows = np.flatnonzero(measured[:, hand] & np.isfinite(given).all(axis=(1, 2)))
                closest = align_by_procrustes(given[rows], true[rows], np.ones(given[rows].shape[:2]))
                error = np.linalg.norm(closest - true[rows], axis=-1).mean(axis=-1)
                self.procrustes_vertex[samples[rows], hand] = error

    def _add_extended(
        self,
        samples: NDArray[np.int64],
        predicted: PredictedHands,
        truth: GroundTruth,
        counts: NDArray[np.bool_],
        measured: NDArray[np.bool_],
    ) -> None:
        for hand in range(2):
            weights = counts[:, hand].astype(np.float64)
            rows = np.flatnonzero(weights.sum(axis=1) >= _FEWEST_FOR_PROCRUSTES)
            given, true, weight = predicted.points_mm[rows, hand], truth.points_mm[rows, hand], weights[rows]
            distance = np.linalg.norm(align_by_procrustes(given, true, weight) - true, axis=-1)
            self.procrustes_point[samples[rows], hand] = (distance * weight).sum(axis=1) / weight.sum(axis=1)
        if predicted.wrist_offset_mm is not None:
            offset = truth.points_mm[:, 1, 0] - truth.points_mm[:, 0, 0]
            error = np.linalg.norm(predicted.wrist_offset_mm - offset, axis=-1)
            self.relative_root[samples] = np.where(measured.all(axis=1), error, np.nan)
        # The motion needs the root joint of every frame, whatever the annotators say of its visibility.
        self.predicted_points[samples] = np.where(measured[..., None, None], predicted.points_mm, np.nan)
        self.true_points[samples] = np.where(measured[..., None, None], truth.points_mm, np.nan)

    def _add_worst(
        self, samples: NDArray[np.int64], points: NDArray[np.float64], truth: GroundTruth, measured: NDArray[np.bool_]
    ) -> None:
        error = np.where(self._protocol.counted_points, self.point[samples], np.nan).reshape(len(samples), -1)
        number = np.isfinite(error).sum(axis=1)
        mean = np.nansum(error, axis=1) / np.maximum(number, 1)
        for row in np.flatnonzero(number):
            worst = WorstSample(int(samples[row]), float(mean[row]), points[row], truth.points_mm[row], measured[row])
            entry = (worst.error_mm, next(self._order), worst)
            if len(self._worst) < self._keep_worst:
                heapq.heappush(self._worst, entry)
            else:
                heapq.heappushpop(self._worst, entry)


def _nothing(*shape: int) -> NDArray[np.float32]:
    return np.full(shape, np.nan, dtype=np.float32)
