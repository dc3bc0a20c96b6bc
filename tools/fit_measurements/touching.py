"""Hands that touch in truth, fitted from single pictures with and without the term that parts them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.fit.clip import ClipFit, ClipFrames, refine
from inference.fit.contact import Contact
from inference.fit.hand_fitter import FittedHand, HandFitter
from inference.fit.kinematics import HandState, Skeletons
from inference.fit.objective import Weights
from inference.hands.joints import SIDES, Side
from tests.inference.fit.made_hands import CAMERA, NO_OFFSETS, MadeHand, models, observe, random_hand

Array = NDArray[np.float64]

PAIRS: Final = 200
NOISE_SHARES: Final = (0.005, 0.01, 0.02)
CLEAR_OVERLAP_MM: Final = 1.0
_FRAMES_TIMED: Final = 128


@dataclass(frozen=True)
class Fit:
    """How well a pair was fitted."""

    overlap_mm: float
    wrists_mm: float
    share: float
    seconds: float


class TouchingPairs:
    """Makes and measures pairs of hands of the shipped model."""

    def __init__(self) -> None:
        both = [models()[side] for side in SIDES]
        self.skeletons = Skeletons(both)
        self.contact = Contact(self.skeletons, both)

    def random_pair(self, rng: np.random.Generator) -> dict[Side, MadeHand]:
        """Two hands turned anyhow, as near to each other in a random direction as they come without overlap."""
        while True:
            betas = 0.7 * rng.normal(size=models()["right"].shape_count)
            right = random_hand(rng, "right", betas)
            left = random_hand(rng, "left", betas, depth_m=float(right.translation_m[2]))
            left = _moved(left, right.points_m.mean(axis=0) - left.points_m.mean(axis=0))
            away = rng.normal(size=3)
            away /= np.linalg.norm(away)
            near, far = 0.0, 0.4
            if not self._overlaps(right, left):
                continue
            for _ in range(14):
                middle = 0.5 * (near + far)
                near, far = (middle, far) if self._overlaps(right, _moved(left, middle * away)) else (near, middle)
            return {"right": right, "left": _moved(left, far * away)}

    def fits(self, noise_share: float) -> list[tuple[Fit, Fit]]:
        """Pairs fitted without and with the term."""
        rng, fitter = np.random.default_rng(1), HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)
        found = []
        for _ in range(PAIRS):
            truth = self.random_pair(rng)
            fitted = fitter.fit_frame({side: observe(truth[side], rng, noise_share=noise_share) for side in SIDES})
            if len(fitted) == len(SIDES):
                found.append((self._fit(truth, fitted, None), self._fit(truth, fitted, self.contact)))
        return found

    def looking_ms(self, apart_m: float) -> float:
        """Median time of looking for overlaps, a frame."""
        rng = np.random.default_rng(0)
        pair: dict[Side, MadeHand] = {side: random_hand(rng, side, depth_m=0.6) for side in SIDES}
        pair["left"] = _moved(pair["left"], pair["right"].translation_m - pair["left"].translation_m + [apart_m, 0, 0])
        state = self._state(pair)
        many = HandState(*(np.repeat(array, _FRAMES_TIMED, axis=0) for array in vars(state).values()))
        times = []
        for _ in range(9):
            start = time.process_time()
            self.contact.overlap_m(many)
            times.append(time.process_time() - start)
        return 1e3 * float(np.median(times)) / _FRAMES_TIMED

    def _fit(self, truth: dict[Side, MadeHand], fitted: dict[Side, FittedHand], contact: Contact | None) -> Fit:
        joints_px = np.stack([fitted[side].joints_px for side in SIDES])[:, None]
        quat = np.stack([fitted[side].quat_wxyz for side in SIDES])[:, None]
        frames = ClipFrames(np.ones((2, 1), dtype=bool), joints_px, np.ones((2, 1, 21)), quat)
        start = time.process_time()
        clip = refine(self.skeletons, CAMERA, Weights(), frames, fitted["right"].betas, contact=contact)
        seconds = time.process_time() - start
        state = self._state_of_clip(clip)
        between = truth["left"].translation_m - truth["right"].translation_m
        error_px = np.linalg.norm(self._projected(clip) - joints_px[:, 0], axis=-1)
        box_px = np.ptp(joints_px[:, 0], axis=1).max(axis=-1)
        return Fit(
            1e3 * float(self.contact.overlap_m(state)[0]),
            1e3 * float(np.linalg.norm(clip.translation_m[1, 0] - clip.translation_m[0, 0] - between)),
            100 * float(np.mean(error_px.mean(axis=1) / box_px)),
            seconds,
        )

    def _projected(self, clip: ClipFit) -> Array:
        fitter = HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)
        points = [
            fitter.full_points_m(side, clip.quat_wxyz[hand, :1], clip.betas[hand], clip.translation_m[hand, :1])[0]
            for hand, side in enumerate(SIDES)
        ]
        return CAMERA.project(np.stack(points))

    def _state_of_clip(self, clip: ClipFit) -> HandState:
        betas = clip.betas[None]
        return self.skeletons.state_from_quat(
            np.swapaxes(clip.quat_wxyz, 0, 1), np.swapaxes(clip.translation_m, 0, 1), betas
        )

    def _state(self, pair: dict[Side, MadeHand]) -> HandState:
        quat, way, betas = (
            np.stack([getattr(pair[side], name) for side in SIDES])[None]
            for name in ("quat_wxyz", "translation_m", "betas")
        )
        return self.skeletons.state_from_quat(quat, way, betas)

    def _overlaps(self, right: MadeHand, left: MadeHand) -> bool:
        return bool(self.contact.overlap_m(self._state({"right": right, "left": left}))[0] > 0)


def measure_touching(_: Path) -> None:
    """Table on stdout; nothing is drawn."""
    pairs = TouchingPairs()
    print("\n| noise, % of box | pairs | overlap, mm: median, 90 % below | wrists, mm: median, mean | reprojection |")
    print("|---|---|---|---|---|")
    for noise in NOISE_SHARES:
        clear = [fit for fit in pairs.fits(noise) if fit[0].overlap_mm > CLEAR_OVERLAP_MM]
        overlap, wrists, share, seconds = (
            np.array([[getattr(fit, name) for fit in both] for both in clear]).T
            for name in ("overlap_mm", "wrists_mm", "share", "seconds")
        )
        deep = " -> ".join(f"{np.median(values):.1f}, {np.percentile(values, 90):.1f}" for values in overlap)
        far = " -> ".join(f"{np.median(values):.1f}, {np.mean(values):.1f}" for values in wrists)
        print(f"| {100 * noise:g} | {len(clear)} | {deep} | {far} | {share[0].mean():.2f} -> {share[1].mean():.2f} |")
        print(
            f"  more than {CLEAR_OVERLAP_MM:g} mm left in {np.sum(overlap[1] > CLEAR_OVERLAP_MM)}; "
            f"wrists nearer to the truth in {100 * np.mean(wrists[1] < wrists[0]):.0f} of 100; "
            f"{1e3 * np.median(seconds[1] - seconds[0]):.0f} ms more a frame"
        )
    print(f"looking: {pairs.looking_ms(1.0):.3f} ms a frame where apart, {pairs.looking_ms(0.1):.2f} ms where near")


def _moved(hand: MadeHand, by_m: Array) -> MadeHand:
    return replace(hand, translation_m=hand.translation_m + by_m, points_m=hand.points_m + by_m)
