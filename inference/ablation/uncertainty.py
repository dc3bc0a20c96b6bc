"""How sure the numbers of one test set are: errors of single samples, and how much their means would vary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..evaluation.errors import ErrorTable
from ..evaluation.protocol import Protocol

SampleErrors = Mapping[str, NDArray[np.float64]]
"""(N,) in mm by the name of the mean (`GroupScores`); not a number where nothing was measured."""
METRICS: Final = ("mpjpe_mm", "mpvpe_mm", "pa_mpjpe_mm", "mrrpe_mm")


def errors_of_samples(table: ErrorTable, protocol: Protocol) -> SampleErrors:
    """Every sample's own mean over its points and hands."""
    points = np.where(protocol.counted_points, table.point, np.nan)
    return {
        "mpjpe_mm": _mean_across(points.reshape(len(points), -1)),
        "mpvpe_mm": _mean_across(table.vertex),
        "pa_mpjpe_mm": _mean_across(table.procrustes_point),
        "mrrpe_mm": table.relative_root.astype(np.float64),
    }


def standard_errors(errors: SampleErrors, rows: NDArray[np.bool_]) -> dict[str, float | None]:
    """Of the means over the samples `rows` (N,); None where fewer than two were measured."""
    return {name: _standard_error(values[rows]) for name, values in errors.items()}


def differences(errors: SampleErrors, others: SampleErrors, rows: NDArray[np.bool_]) -> dict[str, list[float | None]]:
    """Mean of `errors` minus `others`, sample by sample, and its standard error: where both see the same samples, what
    is hard about a sample cancels out.

    Returns
    -------
    ``[mean, standard error]`` of every metric
    """
    found: dict[str, list[float | None]] = {}
    for name, values in errors.items():
        both = values[rows] - others[name][rows]
        known = both[np.isfinite(both)]
        found[name] = [float(known.mean()) if known.size else None, _standard_error(both)]
    return found


def _standard_error(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1) / math.sqrt(known.size)) if known.size > 1 else None


def _mean_across(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1, dtype=np.float64)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)
