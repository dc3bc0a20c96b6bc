"""Errors of hands fitted from single pictures, against noise, hidden joints and the nets' depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from inference.fit.hand_fitter import HandFitter
from inference.hands.joints import SIDES
from tests.inference.fit.made_hands import (
    CAMERA,
    NO_OFFSETS,
    models,
    observe,
    random_hand,
    random_pair,
    root_aligned_mm,
)
from tools.line_chart import line_chart, save_panels

PAIRS: Final = 60
NOISE_SHARES: Final = (0.0, 0.005, 0.01, 0.02, 0.03)
HIDDEN: Final = (0, 3, 6, 9, 12)
DEPTH_NOISE_MM: Final = (0.0, 5.0, 10.0, 20.0, 40.0)
DISTANCES_M: Final = (0.35, 0.7, 1.4)


def measure_noise(out: Path) -> None:
    """Table on stdout, curves in `fit_noise.png`."""
    rows = [pair_errors(noise_share=share) for share in NOISE_SHARES]
    percent = [100 * share for share in NOISE_SHARES]
    _tell("noise", "noise of a landmark, % of box", percent, rows, out / "fit_noise.png")


def measure_hidden(out: Path) -> None:
    """Table on stdout, curves in `fit_hidden.png`."""
    rows = [pair_errors(noise_share=0.01, hidden=count) for count in HIDDEN]
    percent = [round(100 * count / 21) for count in HIDDEN]
    _tell("hidden joints", "joints hidden, %", percent, rows, out / "fit_hidden.png")


def measure_tilt(out: Path) -> None:
    """Numbers on stdout, curves in `fit_tilt.png`."""
    tilts: dict[str, list[float]] = {}
    for distance in DISTANCES_M:
        errors = [tilt_errors_deg(noise / 1e3, distance) for noise in DEPTH_NOISE_MM]
        below = tilts[f"at {distance:g} m, 90 % below"] = [float(np.percentile(error, 90)) for error in errors]
        backwards = tilt_errors_deg(0.005, distance, reversed_depth=True)
        print(
            f"\ntilt at {distance:g} m: 90 % below {[round(value, 1) for value in below]} deg; "
            f"reversed depth: median {np.median(backwards):.1f}, 90 % below {np.percentile(backwards, 90):.1f}"
        )
    label = "noise of the nets' depth, mm"
    save_panels([line_chart("Tilt of the palm", label, "degrees", DEPTH_NOISE_MM, tilts)], out / "fit_tilt.png")


def pair_errors(**faults: Any) -> dict[str, float]:
    """Median errors of pairs of hands; `faults` as in `observe`."""
    rng, fitter = np.random.default_rng(1), HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)
    joints, wrists, shares = [], [], []
    for _ in range(PAIRS):
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


def tilt_errors_deg(depth_noise_m: float, distance_m: float, *, reversed_depth: bool = False) -> np.ndarray:
    """(PAIRS,) angle between the palm's direction and what was found, with rough shapes of poor or reversed depth."""
    rng, fitter = np.random.default_rng(2), HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)
    errors = []
    for _ in range(PAIRS):
        hand = random_hand(rng, "right", depth_m=distance_m)
        seen = observe(hand, rng, noise_share=0.01, depth_noise_m=depth_noise_m)
        if reversed_depth:
            seen = replace(seen, joints_relative_m=seen.joints_relative_m * [1.0, 1.0, -1.0])
        fitted = fitter.fit_frame({"right": seen})["right"]
        truth, found = (points[4] - points[0] for points in (hand.points_m, fitted.joints_m))
        cosine = truth @ found / np.linalg.norm(truth) / np.linalg.norm(found)
        errors.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.array(errors)


def _tell(name: str, x_label: str, x: Sequence[float], rows: list[dict[str, float]], path: Path) -> None:
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
