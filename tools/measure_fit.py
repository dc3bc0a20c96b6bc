"""Measure fit and smoothing on made-up hands with known truth: the tables and curves of ``docs/fit.md``.

How to run, from the repository root (about five minutes)::

    OPENBLAS_NUM_THREADS=1 python -m tools.measure_fit --out docs
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from inference.fit.hand_fitter import HandFitter
from inference.hands.joints import SIDES
from inference.motion.smoothing import smooth_motion
from tests.inference.fit.made_hands import (
    CAMERA,
    NO_OFFSETS,
    models,
    observe,
    random_hand,
    random_pair,
    root_aligned_mm,
)
from tests.inference.motion import made_clap
from tools.line_chart import line_chart, save_panels

NOISE_SHARES: Final = (0.0, 0.005, 0.01, 0.02, 0.03)
HIDDEN: Final = (0, 3, 6, 9, 12)
DEPTH_NOISE_MM: Final = (0.0, 5.0, 10.0, 20.0, 40.0)
DISTANCES_M: Final = (0.35, 0.7, 1.4)
STRENGTHS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def pair_errors(pairs: int, **faults: Any) -> dict[str, float]:
    """Median errors of pairs of hands fitted from single pictures."""
    rng, fitter = np.random.default_rng(1), HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)
    joints, wrists, shares = [], [], []
    for _ in range(pairs):
        truth = random_pair(rng)
        fitted = fitter.fit_frame({side: observe(truth[side], rng, **faults) for side in SIDES})
        joints += [root_aligned_mm(fitted[side].joints_m, truth[side].points_m) for side in SIDES]
        shares += [100 * fitted[side].reprojection_share for side in SIDES]
        between = fitted["left"].translation_m - fitted["right"].translation_m
        between_truth = truth["left"].translation_m - truth["right"].translation_m
        wrists.append(1e3 * float(np.linalg.norm(between - between_truth)))
    return {
        "joints": float(np.median(joints)),
        "joints_90": float(np.percentile(joints, 90)),
        "wrists": float(np.median(wrists)),
        "share": float(np.mean(shares)),
    }


def tilt_errors_deg(hands: int, depth_noise_m: float, distance_m: float, *, reversed_depth: bool = False) -> np.ndarray:
    """(hands,) angle between the palm's direction and what was found, with rough shapes of poor or reversed depth."""
    rng, fitter = np.random.default_rng(2), HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)
    errors = []
    for _ in range(hands):
        hand = random_hand(rng, "right", depth_m=distance_m)
        seen = observe(hand, rng, noise_share=0.01, depth_noise_m=depth_noise_m)
        if reversed_depth:
            seen = replace(seen, joints_relative_m=seen.joints_relative_m * [1.0, 1.0, -1.0])
        fitted = fitter.fit_frame({"right": seen})["right"]
        truth, found = (points[4] - points[0] for points in (hand.points_m, fitted.joints_m))
        cosine = truth @ found / np.linalg.norm(truth) / np.linalg.norm(found)
        errors.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.array(errors)


def smoothing_curve(strength: float, *, sharp: bool) -> tuple[float, float, float]:
    """Jitter that is left (mm a frame squared, the motion's own taken off), joint error, opening of the clap (mm)."""
    quat, way, contacts = made_clap.clap(2.0, sharp=sharp)
    truth = made_clap.points_m(made_clap.filled(quat, way))
    noisy = made_clap.filled(*made_clap.with_noise(quat, way, np.random.default_rng(0)))
    sure = np.ones((2, made_clap.COUNT))
    points = made_clap.points_m(smooth_motion(noisy, sure, fps=made_clap.FPS, strength=strength))
    opened = made_clap.opening_mm(points, contacts) - made_clap.opening_mm(truth, contacts)
    error = 1e3 * float(np.linalg.norm(points - truth, axis=-1).mean())
    return made_clap.jitter_mm(points - truth), error, float(np.linalg.norm(opened))


def fit_panels(name: str, x_label: str, x: Sequence[float], rows: list[dict[str, float]], path: Path) -> None:
    """Table on stdout, curves in a file."""
    print(f"\n| {x_label} | joints, mm | 90 % of hands below, mm | wrist to wrist, mm | reprojection, % of box |")
    print("|---|---|---|---|---|")
    for value, row in zip(x, rows, strict=True):
        cells = " | ".join(f"{row[key]:.1f}" for key in ("joints", "joints_90", "wrists", "share"))
        print(f"| {value:g} | {cells} |")
    joints = {"median": [row["joints"] for row in rows], "90 %": [row["joints_90"] for row in rows]}
    panels = [
        line_chart(f"Joints against {name}, wrists aligned", x_label, "mm", x, joints),
        line_chart("Vector from wrist to wrist", x_label, "mm", x, {"median": [row["wrists"] for row in rows]}),
        line_chart("Reprojection error", x_label, "% of box", x, {"mean": [row["share"] for row in rows]}),
    ]
    save_panels(panels, path)


def main() -> None:
    """Measure everything, write the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=60)
    arguments = parser.parse_args()
    percent = [100 * share for share in NOISE_SHARES]
    rows = [pair_errors(arguments.pairs, noise_share=share) for share in NOISE_SHARES]
    fit_panels("noise", "noise of a landmark, % of box", percent, rows, arguments.out / "fit_noise.png")
    hidden = [100 * count / 21 for count in HIDDEN]
    rows = [pair_errors(arguments.pairs, noise_share=0.01, hidden=count) for count in HIDDEN]
    rounded = [round(value) for value in hidden]
    fit_panels("hidden joints", "joints hidden, %", rounded, rows, arguments.out / "fit_hidden.png")

    tilts: dict[str, list[float]] = {}
    for distance in DISTANCES_M:
        errors = [tilt_errors_deg(arguments.pairs, noise / 1e3, distance) for noise in DEPTH_NOISE_MM]
        tilts[f"at {distance:g} m, 90 % below"] = [float(np.percentile(error, 90)) for error in errors]
        backwards = tilt_errors_deg(arguments.pairs, 0.005, distance, reversed_depth=True)
        print(
            f"\ntilt at {distance:g} m: 90 % below",
            [round(value, 1) for value in tilts[f"at {distance:g} m, 90 % below"]],
            f"deg; reversed depth: median {np.median(backwards):.1f}, 90 % below {np.percentile(backwards, 90):.1f}",
        )
    label = "noise of the nets' depth, mm"
    save_panels(
        [line_chart("Tilt of the palm", label, "degrees", DEPTH_NOISE_MM, tilts)], arguments.out / "fit_tilt.png"
    )

    curves = {name: [smoothing_curve(s, sharp=name == "sharp") for s in STRENGTHS] for name in ("sine", "sharp")}
    for name, curve in curves.items():
        print(f"\n{name}: strength, jitter, error, opening")
        for strength, (jitter, error, opening) in zip(STRENGTHS, curve, strict=True):
            print(f"| {strength:g} | {jitter:.2f} | {error:.1f} | {opening:.1f} |")
    titles = ("Jitter of what differs from the truth", "Joint error", "Fingertips off at contact")
    units = ("mm / frame^2", "mm", "mm")
    panels = [
        line_chart(
            title, "strength", unit, STRENGTHS, {name: [row[k] for row in curve] for name, curve in curves.items()}
        )
        for k, (title, unit) in enumerate(zip(titles, units, strict=True))
    ]
    save_panels(panels, arguments.out / "smoothing.png")


if __name__ == "__main__":
    main()
