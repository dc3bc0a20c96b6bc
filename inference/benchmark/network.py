"""The networks' share of the benchmark, with weights from a seed; in a process of its own, so that memory is theirs."""

from __future__ import annotations

import importlib.util
import math
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .measurement import Measurement, summarise

if TYPE_CHECKING:
    import torch

    from ..networks.batch_predictor import BatchPredictor
    from ..networks.configuration import NetworkConfiguration
    from ..networks.intershape import InterShape, Prediction
    from .network_work import NetworkWork

GOAL_SPEED_UP: Final = 1.5
GOAL_DIFFERENCE_MM: Final = 0.05
GOAL_COMPACT_MS: Final = 60.0
GOAL_HALF_DIFFERENCE_MM: Final = 0.1
THREADS: Final = 2
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_SEED: Final = 1
_GPU_BATCHES: Final = (1, 8, 32)


def measure_networks(repeats: int, tell: Callable[[str], None]) -> list[Measurement]:
    """Both configurations on two CPU threads and, where there is one, on a CUDA GPU; empty without torch.

    Parameters
    ----------
    repeats : timed predictions of every kind, besides one that warms up
    tell : receives a line about what is being done
    """
    if importlib.util.find_spec("torch") is None:
        tell("Networks: left out, torch is not installed.")
        return []
    results: list[Measurement] = []
    for name in ("paper", "compact"):
        tell(f"The {name} network ...")
        # Not a fork: the child must start small, and CUDA does not survive one.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            try:
                results += pool.submit(measure_on_cpu, name, repeats).result()
                on_gpu = pool.submit(measure_on_gpu, name, repeats).result()
            except BrokenProcessPool:
                tell(f"The {name} network is left out: its process was ended (too little memory?).")
                continue
        if not on_gpu:
            tell("There is no CUDA GPU here: its rows are left out.")
        results += on_gpu
    return results


def measure_on_cpu(name: str, repeats: int) -> list[Measurement]:
    """Time of the plain and of the prepared network, by turns; their difference; memory; the floor."""
    import torch

    from ..memory import peak_memory_mb
    from ..networks.prepare import prepare_for_inference
    from .network_work import count_work, measure_limits, timed_s

    torch.set_num_threads(THREADS)
    device = torch.device("cpu")
    prepared = prepare_for_inference(_network(name), device)
    picture = _pictures(1)
    prepared.predict(picture)
    peak_mb = peak_memory_mb()
    plain = _network(name)
    plain_ms: list[float] = []
    prepared_ms: list[float] = []
    with torch.inference_mode():
        difference_mm = _largest_difference_mm(plain(picture)[1], prepared.predict(picture))
        for _ in range(repeats):
            plain_ms.append(1000 * timed_s(lambda: plain(picture), device))
            prepared_ms.append(1000 * timed_s(lambda: prepared.predict(picture), device))
    work = count_work(plain, prepared)
    limits = measure_limits(device, torch.float32)
    title = f"{name} network, CPU"
    ratios = [slow / fast for slow, fast in zip(plain_ms, prepared_ms, strict=True)]
    goal_ms = GOAL_COMPACT_MS if name == "compact" else None
    return [
        summarise(f"{title}: plain", "ms", plain_ms),
        summarise(f"{title}: optimised", "ms", prepared_ms, goal_ms, less_is_better=True),
        summarise(f"{title}: times as fast", "x", ratios, GOAL_SPEED_UP if name == "paper" else None),
        summarise(f"{title}: largest difference", "mm", [difference_mm], GOAL_DIFFERENCE_MM, less_is_better=True),
        *([] if peak_mb is None else [summarise(f"{title}: peak memory", "MB", [peak_mb])]),
        summarise(f"{title}: arithmetic a picture", "GFLOP", [work.flops / 1e9]),
        summarise(f"{title}: least time possible", "ms", [1000 * work.floor_s(1, 4, limits)]),
    ]


def measure_on_gpu(name: str, repeats: int) -> list[Measurement]:
    """Frames a second in batches, in three precisions, launched and captured; empty where there is no CUDA GPU."""
    import torch

    from .network_work import count_work

    if not torch.cuda.is_available():
        return []
    torch.backends.cudnn.allow_tf32 = False  # else single precision would be none in convolutions
    network = _network(name)
    work = count_work(network)
    results: list[Measurement] = []
    for precision in (torch.float32, torch.bfloat16, torch.float16):
        results += _gpu_precision(network, precision, repeats, work)
    return results


def _gpu_precision(network: InterShape, precision: torch.dtype, repeats: int, work: NetworkWork) -> list[Measurement]:
    import torch

    from ..networks.batch_predictor import BatchPredictor, map_tensors
    from .network_work import measure_limits, timed_s

    device = torch.device("cuda")
    precision_name = str(precision).removeprefix("torch.")
    title = f"{network.configuration.name} network, {torch.cuda.get_device_name(device)}, {precision_name}"
    limits = measure_limits(device, precision)
    results: list[Measurement] = []
    expected = network.predict(_pictures(8))
    predicted = next(BatchPredictor(network, device, precision, batch_size=8).predict(_pictures(8)))
    difference_mm = _largest_difference_mm(expected, map_tensors(predicted, lambda tensor: tensor.float().cpu()))
    goal_mm = GOAL_DIFFERENCE_MM if precision == torch.float32 else GOAL_HALF_DIFFERENCE_MM
    results.append(summarise(f"{title}: largest difference", "mm", [difference_mm], goal_mm, less_is_better=True))
    for batch in _GPU_BATCHES:
        floor_fps = batch / work.floor_s(batch, precision.itemsize, limits)
        results.append(summarise(f"{title}: most frames possible, batch {batch}", "frames/s", [floor_fps]))
        for captures in (False, True):
            torch.cuda.reset_peak_memory_stats(device)
            predictor = BatchPredictor(network, device, precision, batch_size=batch, captures=captures)
            pictures = _pictures(batch).to(device)
            run = partial(_run_through, predictor, pictures)
            rates = [batch / timed_s(run, device) for _ in range(repeats + 2)]  # the first two warm up
            how = f"batch {batch}{', captured' if captures else ''}"
            peak_mb = torch.cuda.max_memory_allocated(device) / 1e6
            results.append(summarise(f"{title}: {how}", "frames/s", rates[2:]))
            results.append(summarise(f"{title}: {how}, peak memory", "MB", [peak_mb]))
    return results


def _run_through(predictor: BatchPredictor, pictures: torch.Tensor) -> None:
    for _ in predictor.predict(pictures):
        pass


def _network(name: str) -> InterShape:
    from ..hands.open_hand import load_hand_models
    from ..networks.configuration import COMPACT, PAPER
    from ..networks.intershape import InterShape
    from .network_weights import fill_with_seeded_weights

    configuration: NetworkConfiguration = {"paper": PAPER, "compact": COMPACT}[name]
    models = load_hand_models(_WEIGHTS_DIR)
    network = InterShape(configuration, (models["right"], models["left"])).eval()
    fill_with_seeded_weights(network, _SEED)
    return network


def _pictures(count: int) -> torch.Tensor:
    """Smooth random pictures (count, 3, 256, 256)."""
    import torch

    coarse = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(_SEED))
    return torch.nn.functional.interpolate(coarse, size=256, mode="bicubic").clamp(0, 1)


def _largest_difference_mm(one: Prediction, other: Prediction) -> float:
    """Over all joints and vertices of both hands' last stages; infinite where one of them is not a number."""
    differences: list[float] = []
    for ours, theirs in ((one.mesh.right[-1], other.mesh.right[-1]), (one.mesh.left[-1], other.mesh.left[-1])):
        differences.append(float((ours.points_mm - theirs.points_mm).abs().max()))
        if ours.vertices_mm is not None and theirs.vertices_mm is not None:
            differences.append(float((ours.vertices_mm - theirs.vertices_mm).abs().max()))
    return math.inf if any(math.isnan(difference) for difference in differences) else max(differences)
