"""Would tying neighbouring frames to each other in the refinement of a clip help? On a made-up and a rendered clip.

A temporal term is tried by alternation: the clip is smoothed, fitted again with its poses held to the smoothed ones
(the refinement holds them within 0.1 rad), and so on. What comes out is compared with the clip as it is.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.camera import Camera
from inference.contract import Take, read_take
from inference.detect.observation import HandObservation
from inference.fit.hand_fitter import FittedHand, HandFitter
from inference.hands.joints import SIDES, Side
from inference.motion.gaps import FilledMotion, fill_gaps
from inference.motion.smoothing import smooth_motion
from tests.inference.fit.made_hands import CAMERA, NO_OFFSETS, models, observe, pose
from tests.inference.motion.made_clap import FPS, clap

Array = NDArray[np.float64]

ROOT: Final = Path(__file__).resolve().parents[2]
DEMO_FOCAL_MM: Final = 28.0
NOISE_SHARES: Final = (0.01, 0.02)
FRAMES: Final = 90
TURNS: Final = (1, 3)
"""How often smoothing and fitting take turns."""
PULLS: Final = (0.5, 0.7)
"""Strengths that the poses are held to."""


@dataclass(frozen=True)
class Clip:
    """A clip as fitted frame by frame and refined, and the truth about it."""

    fitter: HandFitter
    fps: float
    present: NDArray[np.bool_]  # (2, F)
    joints_px: Array
    joints_px_confidence: Array
    quat_wxyz: Array
    translation_m: Array
    betas: Array  # (2, S)
    truth_m: Array  # (2, F, 21, 3)
    known: NDArray[np.bool_]  # (2, F) there is a truth

    def smoothed(self, quat: Array, translation_m: Array, strength: float) -> FilledMotion:
        """Whole motion of these poses."""
        frames = np.arange(self.present.shape[1])
        motion = fill_gaps(frames, self.present, quat, translation_m, fps=self.fps)
        return smooth_motion(motion, self.present.astype(np.float64), fps=self.fps, strength=strength)

    def error_mm(self, quat: Array, translation_m: Array) -> Array:
        """(2, F, 21, 3) of the joints; not a number where there is no hand or no truth."""
        points = np.stack(
            [
                self.fitter.full_points_m(side, quat[hand], self.betas[hand], translation_m[hand])
                for hand, side in enumerate(SIDES)
            ]
        )
        return 1e3 * np.where((self.present & self.known)[..., None, None], points - self.truth_m, np.nan)

    def persistence(self) -> float:
        """Correlation of a joint's error, wrists aligned, with that one frame later."""
        error = self.error_mm(self.quat_wxyz, self.translation_m)
        error -= error[:, :, :1]
        error -= np.nanmean(error, axis=1, keepdims=True)
        return float(np.nanmean(error[:, 1:] * error[:, :-1]) / np.nanmean(error**2))

    def errors(self, quat: Array, translation_m: Array) -> tuple[float, float, float]:
        """Joints with wrists aligned, vector from wrist to wrist (mm), jitter of the error (mm a frame squared)."""
        error = self.error_mm(quat, translation_m)
        joints = np.linalg.norm(error - error[:, :, :1], axis=-1)
        wrists = np.linalg.norm(error[1, :, 0] - error[0, :, 0], axis=-1)
        jitter = np.linalg.norm(np.diff(error, 2, axis=1), axis=-1)
        return float(np.nanmean(joints)), float(np.nanmean(wrists)), float(np.nanmean(jitter))


def measure_temporal(_: Path) -> None:
    """Table on stdout; nothing is drawn."""
    clips = {f"clap, noise {100 * share:g} %": made_clip(share) for share in NOISE_SHARES}
    clips["demo clip"] = demo_clip()
    print("\njoints, mm / wrist to wrist, mm / jitter of the error, mm a frame squared")
    print("\n| " + " | ".join(["", *clips]) + " |\n|" + "---|" * (1 + len(clips)))
    columns = [_rows(clip) for clip in clips.values()]
    for name in columns[0]:
        cells = (" / ".join(f"{value:.1f}" for value in column[name]) for column in columns)
        print(f"| {name} | " + " | ".join(cells) + " |")
    persistence = ", ".join(f"{name} {clip.persistence():.2f}" for name, clip in clips.items())
    print(f"\ncorrelation of errors from frame to frame: {persistence}")


def made_clip(noise_share: float) -> Clip:
    """Two hands that clap once a second, from landmarks with noise."""
    fitter = HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)
    quat, way, _ = clap(1.0, sharp=True)
    quat, way = quat[:, :FRAMES], way[:, :FRAMES] + [0.0, 0.0, 0.1]
    rng = np.random.default_rng(0)
    betas = 0.7 * rng.normal(size=models()["right"].shape_count)
    truth = np.zeros((2, FRAMES, 21, 3))
    joints_px, found = np.zeros((2, FRAMES, 21, 2)), np.zeros((2, FRAMES, 16, 4))
    previous: dict[Side, FittedHand] | None = None
    for frame in range(FRAMES):
        hands = {side: pose(side, quat[hand, frame], betas, way[hand, frame]) for hand, side in enumerate(SIDES)}
        seen: dict[Side, HandObservation] = {side: observe(hands[side], rng, noise_share=noise_share) for side in SIDES}
        previous = fitter.fit_frame(seen, previous)
        for hand, side in enumerate(SIDES):
            truth[hand, frame] = hands[side].points_m
            joints_px[hand, frame], found[hand, frame] = previous[side].joints_px, previous[side].quat_wxyz
    present, sure = np.ones((2, FRAMES), dtype=bool), np.ones((2, FRAMES, 21))
    refined = fitter.refine_clip(present, joints_px, sure, found, betas)
    return Clip(
        fitter,
        FPS,
        present,
        joints_px,
        sure,
        refined.quat_wxyz,
        refined.translation_m,
        refined.betas,
        truth,
        present,
    )


def demo_clip() -> Clip:
    """`demo/clip.mp4` as the worker reconstructs it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.hands.npz"
        command: Sequence[str] = (
            *(sys.executable, "-m", "inference", "reconstruct", str(ROOT / "demo" / "clip.mp4")),
            *("--out", str(path), "--focal-mm", str(DEMO_FOCAL_MM)),
        )
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        take: Take = read_take(path)
    truth = read_take(ROOT / "demo" / "clip_truth.npz")
    width, height = take.picture_size_px
    fitter = HandFitter(models(), Camera.from_focal_mm(DEMO_FOCAL_MM, (width, height), "given"))
    return Clip(
        fitter,
        take.fps,
        take.present,
        take.joints_px.astype(np.float64),
        take.joints_px_confidence.astype(np.float64),
        take.quat_wxyz,
        take.translation_m,
        take.betas,
        truth.joints_m,
        truth.present,
    )


def _rows(clip: Clip) -> dict[str, tuple[float, float, float]]:
    """Errors by what was done."""
    quat, way = clip.quat_wxyz, clip.translation_m
    rows = {"refined, raw": clip.errors(quat, way)}
    for strength in PULLS:
        motion = clip.smoothed(quat, way, strength)
        rows[f"refined, smoothed {strength:g}"] = clip.errors(motion.quat_wxyz, motion.translation_m)
    for pull in PULLS:
        quat, way = clip.quat_wxyz, clip.translation_m
        for turn in range(1, max(TURNS) + 1):
            held = clip.smoothed(quat, way, pull).quat_wxyz
            again = clip.fitter.refine_clip(
                clip.present, clip.joints_px, clip.joints_px_confidence, held, clip.betas[0]
            )
            quat, way = again.quat_wxyz, again.translation_m
            if turn in TURNS:
                motion = clip.smoothed(quat, way, PULLS[0])
                name = f"held to {pull:g}, {turn} x"
                rows[f"{name}, raw"] = clip.errors(quat, way)
                rows[f"{name}, smoothed {PULLS[0]:g}"] = clip.errors(motion.quat_wxyz, motion.translation_m)
    return rows
