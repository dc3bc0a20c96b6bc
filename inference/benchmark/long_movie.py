"""What a long movie costs: memory for each frame, and whether late frames take longer than early ones."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from .measurement import Measurement, summarise
from .movie import write_movie
from .worker import run_worker

SIZE_PX: Final = (480, 270)
"""Small: what is measured is what stays of a frame, not the picture."""
SHORT_FRAMES: Final = 150
SHORTEST_LONG_FRAMES: Final = 2 * SHORT_FRAMES
GOAL_KB_A_FRAME: Final = 10.0
"""A frame of a take is 3 kB, and while it is refined it is there twice."""
GOAL_LATE_TO_EARLY: Final = 1.1
_EARLY: Final = (0.05, 0.25)
_LATE: Final = (0.8, 1.0)
"""Parts of the movie; at its very start the hands are searched for."""


class FrameTimes:
    """Listens to a worker's records for how long its frames take."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._done: list[tuple[int, float]] = []

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Take a record."""
        if record["record"] == "progress" and record["stage"] == "track":
            self._done.append((record["done"], self._clock()))

    def late_to_early(self) -> float:
        """Time of a late frame, an early one's being 1."""
        early_s, late_s = (self._frame_s(*part) for part in (_EARLY, _LATE))
        return late_s / early_s

    def _frame_s(self, first: float, last: float) -> float:
        total = self._done[-1][0]
        within = [(done, at_s) for done, at_s in self._done if first * total <= done <= last * total]
        (done, at_s), (last_done, last_s) = within[0], within[-1]
        return (last_s - at_s) / (last_done - done)


def measure_long_movie(clip: Path, frame_count: int, tell: Callable[[str], None]) -> list[Measurement]:
    """Reconstruct `clip` made `frame_count` frames long, and a short movie to compare with.

    Raises
    ------
    HandsError
        the errors of reconstructing
    """
    times = FrameTimes()
    with tempfile.TemporaryDirectory(prefix="hands-benchmark-") as folder:
        short_mb = _peak_mb(clip, Path(folder) / "short.mp4", SHORT_FRAMES, tell)
        long_mb = _peak_mb(clip, Path(folder) / "long.mp4", frame_count, tell, times)
    ratio = times.late_to_early()
    results = [summarise("late frames against early ones", "times", [ratio], GOAL_LATE_TO_EARLY, less_is_better=True)]
    if short_mb is not None and long_mb is not None:
        # A worker's peak varies by a few MB from run to run: of what does not grow, none may seem to shrink.
        more_kb = max(1e3 * (long_mb - short_mb) / (frame_count - SHORT_FRAMES), 0.1)
        results += [
            summarise(f"worker's peak memory, {SHORT_FRAMES} frames", "MB", [short_mb]),
            summarise(f"worker's peak memory, {frame_count} frames", "MB", [long_mb]),
            summarise("that is, for each frame more", "kB", [more_kb], GOAL_KB_A_FRAME, less_is_better=True),
        ]
    return results


def _peak_mb(
    clip: Path,
    movie: Path,
    frame_count: int,
    tell: Callable[[str], None],
    listen: Callable[[Mapping[str, Any]], None] = lambda _record: None,
) -> float | None:
    tell(f"A movie of {frame_count} frames ...")
    write_movie(clip, movie, frame_count, SIZE_PX)
    return run_worker(movie, listen)["peak_memory_mb"]
