"""One number of the benchmark: median, range, and how it stands to what the project promises."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One number.

    Parameters
    ----------
    name, unit : what was measured
    median, lowest, highest : over the repetitions
    goal : what the project promises, None where it promises nothing
    ratio : how many times the goal is met (above 1: better than promised)
    """

    name: str
    unit: str
    median: float
    lowest: float
    highest: float
    goal: float | None = None
    ratio: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def summarise(
    name: str, unit: str, values: list[float], goal: float | None = None, *, less_is_better: bool = False
) -> Measurement:
    """A measurement from its repetitions."""
    median = statistics.median(values)
    ratio = None
    if goal is not None:
        ratio = goal / median if less_is_better else median / goal
    return Measurement(name, unit, median, min(values), max(values), goal, ratio)
