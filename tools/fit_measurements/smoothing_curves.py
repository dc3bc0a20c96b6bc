"""Jitter, error, contact and peaks of made-up motions against strength and frame rate."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.motion.smoothing import DEFAULT_STRENGTH, smooth_motion
from tests.inference.motion import made_gestures
from tests.inference.motion.made_clap import (
    NoiseKind,
    clap,
    filled,
    jitter_mm,
    opening_mm,
    points_m,
    with_noise,
)
from tools.line_chart import line_chart, save_panels

Array = NDArray[np.float64]

STRENGTHS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
RATES_FPS: Final = (24.0, 25.0, 30.0, 60.0)
DRAWN_RATES_FPS: Final = (24.0, 30.0, 60.0)
MOST_DRAWN: Final = 0.7
SEEDS: Final = 6
CLAPS_A_SECOND: Final = (1.0, 2.0, 3.0)
NOISES: Final[tuple[NoiseKind, ...]] = ("white", "bursts", "wandering")
LONG_CLIP_FRAMES: Final = 10_000


@dataclass(frozen=True)
class Smoothed:
    """Means over several clips with noise."""

    jitter_before_mm: float
    jitter_mm: float
    """Mean second difference of what differs from the truth, mm a frame squared."""
    error_before_mm: float
    error_mm: float
    opened_mm: float
    """Length of the mean vector by which smoothing parts fingertips that touched."""
    peak: float
    """What is left of the swing of the fingers where it is widest, by its share."""

    @property
    def calmed(self) -> float:
        """How many times less jitter."""
        return self.jitter_before_mm / self.jitter_mm


def measure(
    motion: made_gestures.Gesture,
    contacts: NDArray[np.intp] | None,
    fps: float,
    strength: float = DEFAULT_STRENGTH,
    noise: NoiseKind = "white",
) -> Smoothed:
    """Smooth a motion with noise, a few times over."""
    truth = points_m(filled(*motion, fps=fps))
    sure = np.ones(truth.shape[:2])
    errors, jitters, opened, mean = [], [], [], np.zeros(truth.shape)
    for seed in range(SEEDS):
        noisy = filled(*with_noise(*motion, np.random.default_rng(seed), noise, fps), fps=fps)
        before, after = points_m(noisy), points_m(smooth_motion(noisy, sure, fps=fps, strength=strength))
        mean += after / SEEDS
        errors.append([1e3 * np.linalg.norm(points - truth, axis=-1).mean() for points in (before, after)])
        jitters.append([jitter_mm(points - truth) for points in (before, after)])
        if contacts is not None:
            opened.append(opening_mm(after, contacts) - opening_mm(before, contacts))
    swing, kept = (points[:, :, 13:] - truth.mean(axis=1, keepdims=True)[:, :, 13:] for points in (truth, mean))
    reach = np.linalg.norm(swing, axis=-1)
    peaks = reach >= np.quantile(reach, 0.97, axis=1, keepdims=True)
    (jitter_before, jitter), (error_before, error) = np.mean(jitters, axis=0), np.mean(errors, axis=0)
    return Smoothed(
        float(jitter_before),
        float(jitter),
        float(error_before),
        float(error),
        float(np.linalg.norm(np.mean(opened, axis=0))) if opened else 0.0,
        float(np.sum((swing * kept).sum(axis=-1)[peaks]) / np.sum(reach[peaks] ** 2)),
    )


def measure_smoothing(out: Path) -> None:
    """Tables on stdout, curves in `smoothing.png`."""
    _tell_default()
    _tell_noises()
    curves: dict[float, list[Smoothed]] = {}
    for fps in DRAWN_RATES_FPS:
        quat, way, contacts = clap(2.0, sharp=False, fps=fps)
        curves[fps] = [measure((quat, way), contacts, fps, strength) for strength in STRENGTHS]
        print(f"\n| strength, {fps:g} fps | jitter, mm/frame^2 | error, mm | fingertips parted, mm | peak kept |")
        print("|---|---|---|---|---|")
        for strength, row in zip(STRENGTHS, curves[fps], strict=True):
            cells = f"{row.jitter_mm:.1f} | {row.error_mm:.1f} | {row.opened_mm:.1f} | {row.peak:.3f}"
            print(f"| {strength:g} | {cells} |")
    # Beyond this the motion itself is flattened, so much that nothing else would be seen.
    gentle = STRENGTHS[: STRENGTHS.index(MOST_DRAWN) + 1]
    panels = [
        line_chart(
            title,
            "strength",
            unit,
            drawn,
            {f"{fps:g} fps": [getattr(row, name) for row in rows[: len(drawn)]] for fps, rows in curves.items()},
            names_right=name == "jitter_mm",
        )
        for name, title, unit, drawn in (
            ("jitter_mm", "Jitter of what differs from the truth", "mm / frame^2", STRENGTHS),
            ("error_mm", "Joint error", "mm", gentle),
            ("opened_mm", "Fingertips parted at contact", "mm", gentle),
            ("peak", "Swing of the fingers", "share kept", STRENGTHS),
        )
    ]
    save_panels(panels, out / "smoothing.png")
    _tell_speed()


def _tell_default() -> None:
    """Every motion at every rate, smoothed by default."""
    print("\n| motion | " + " | ".join(f"{fps:g} fps" for fps in RATES_FPS) + " |\n|" + "---|" * (1 + len(RATES_FPS)))
    for gesture in (made_gestures.slow, made_gestures.taps, made_gestures.wave):
        rows = [measure(gesture(fps), None, fps) for fps in RATES_FPS]
        print(f"| {gesture.__name__} | " + " | ".join(f"{row.calmed:.1f} x, {row.peak:.2f}" for row in rows) + " |")
    for sharp in (False, True):
        for claps_a_second in CLAPS_A_SECOND:
            cells = []
            for fps in RATES_FPS:
                quat, way, contacts = clap(claps_a_second, sharp=sharp, fps=fps)
                row = measure((quat, way), contacts, fps)
                cells.append(f"{row.calmed:.1f} x, {row.opened_mm:.1f} mm")
            kind = "sharp" if sharp else "sine"
            print(f"| {kind} claps, {claps_a_second:g} a second | " + " | ".join(cells) + " |")


def _tell_noises() -> None:
    """Other noises on a slow gesture, smoothed by default."""
    print("\n| noise | " + " | ".join(f"{fps:g} fps" for fps in RATES_FPS) + " |\n|" + "---|" * (1 + len(RATES_FPS)))
    for noise in NOISES:
        rows = [measure(made_gestures.slow(fps), None, fps, noise=noise) for fps in RATES_FPS]
        print(f"| {noise} | " + " | ".join(f"{row.calmed:.1f} x" for row in rows) + " |")


def _tell_speed() -> None:
    """Processor time of a long clip."""
    quat, way = with_noise(*made_gestures.slow(30.0), np.random.default_rng(0))
    times = -(-LONG_CLIP_FRAMES // quat.shape[1])
    motion = filled(
        np.tile(quat, (1, times, 1, 1))[:, :LONG_CLIP_FRAMES], np.tile(way, (1, times, 1))[:, :LONG_CLIP_FRAMES]
    )
    seconds = []
    for _ in range(5):
        start = time.process_time()
        smooth_motion(motion, np.ones((2, LONG_CLIP_FRAMES)), fps=30.0)
        seconds.append(time.process_time() - start)
    print(f"\n{LONG_CLIP_FRAMES} frames are smoothed in {np.median(seconds):.2f} s of one core")
