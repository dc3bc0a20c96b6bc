"""What `benchmark` measures. Times are medians: other programs disturb single ones."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..engines import DEFAULT_ENGINE, EngineOptions, create_engine
from ..media import FrameSelection, open_source
from ..pipeline import ReconstructOptions, choose_camera
from .blender import measure_blender
from .measurement import Measurement, summarise
from .movie import write_movie
from .network import measure_networks
from .worker import run_worker

GOAL_FPS: Final = 8.0
GOAL_MEMORY_MB: Final = 1500.0
_STAGE_FRAMES: Final = 60
_NETWORK_TURNS: Final = 3


def run_benchmark(
    clip: Path, frame_count: int, repeats: int, blender_pythons: Sequence[Path], tell: Callable[[str], None]
) -> list[Measurement]:
    """Measure decoding, the engine's stages and whole runs on `clip` made `frame_count` frames long,
    Blender, and the networks.

    Parameters
    ----------
    blender_pythons : interpreters that have bpy
    tell : receives a line about what is being done

    Raises
    ------
    HandsError
        the errors of reconstructing
    """
    with tempfile.TemporaryDirectory(prefix="hands-benchmark-") as folder:
        movie = Path(folder) / "movie.mp4"
        tell(f"Writing a 720p movie of {frame_count} frames ...")
        write_movie(clip, movie, frame_count)
        tell("Decoding ...")
        results = [_decoding(movie, repeats)]
        tell("Stages of the engine ...")
        results += _stages(movie)
        results += _whole_runs(movie, repeats, tell)
    for python in blender_pythons:
        tell(f"Blender in {python} ...")
        results += measure_blender(python)
    return results + measure_networks(_NETWORK_TURNS * repeats, tell)


def _decoding(movie: Path, repeats: int) -> Measurement:
    source = open_source(movie)
    rates = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        count = sum(1 for _ in source.read(FrameSelection()))
        rates.append(count / (time.perf_counter() - started_s))
    return summarise("decode 720p movie", "frames/s", rates)


def _stages(movie: Path) -> list[Measurement]:
    engine = create_engine(DEFAULT_ENGINE, EngineOptions())
    source = open_source(movie)
    camera = choose_camera(source.info, ReconstructOptions())
    frames: list[NDArray[np.uint8]] = [
        frame.rgb for frame in source.read(FrameSelection(last=_STAGE_FRAMES)) if frame.rgb is not None
    ]
    first_ms = [_timed_ms(lambda: engine.start(camera).reconstruct_frame(frames[0])) for _ in range(5)]
    run = engine.start(camera)
    run.reconstruct_frame(frames[0])
    tracked_ms = [_timed_ms(lambda rgb=rgb: run.reconstruct_frame(rgb)) for rgb in frames[1:]]
    return [
        summarise("first frame: find both hands and fit", "ms", first_ms),
        summarise("tracked frame: follow both hands and fit", "ms", tracked_ms),
    ]


def _timed_ms(action: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started_s)


def _whole_runs(movie: Path, repeats: int, tell: Callable[[str], None]) -> list[Measurement]:
    rates, peaks_mb, starts_s = [], [], []
    for repeat in range(repeats):
        tell(f"Whole run {repeat + 1} of {repeats} ...")
        started_s = time.perf_counter()
        summary = run_worker(movie)
        whole_s = time.perf_counter() - started_s
        rates.append(summary["frames"] / whole_s)
        starts_s.append(whole_s - summary["seconds"])
        if summary["peak_memory_mb"] is not None:
            peaks_mb.append(summary["peak_memory_mb"])
    results = [
        summarise("reconstruct 720p movie, end to end", "frames/s", rates, GOAL_FPS),
        summarise("of that, start and end of the worker", "s", starts_s),
    ]
    if peaks_mb:
        results.append(summarise("worker's peak memory", "MB", peaks_mb, GOAL_MEMORY_MB, less_is_better=True))
    return results
