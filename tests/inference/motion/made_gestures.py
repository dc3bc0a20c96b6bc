"""Gestures of two hands without contact, at any frame rate: what else smoothing is measured on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inference.hands.rotations import multiply_quat_wxyz, rotvec_to_quat_wxyz
from tests.inference.motion.made_clap import SECONDS, clap, facing_hands, frame_count

Array = NDArray[np.float64]
Gesture = tuple[Array, Array]
"""Rotations (2, F, 16, 4) and wrists (2, F, 3)."""

Maker = Callable[[float], Gesture]
"""Makes a gesture for a frame rate."""

TAP_S = 0.2


def slow(fps: float) -> Gesture:
    """Hands that drift apart and together while the fingers curl and open."""
    t = _seconds(fps)
    curl = np.zeros((2, len(t), 16, 3))
    curl[:, :, 1:, 0] = np.deg2rad(25.0) * (1 - np.cos(2 * np.pi * 0.4 * t))[:, None]
    return _turned(facing_hands(0.5 + 0.3 * np.sin(2 * np.pi * 0.3 * t)), curl)


def taps(fps: float) -> Gesture:
    """Piano: one finger after another goes down and up within 0.2 s, five a second on each hand."""
    t, rng = _seconds(fps), np.random.default_rng(7)
    press = np.zeros((2, len(t), 16, 3))
    for hand in range(2):
        for start in np.arange(0.3, SECONDS - 0.5, TAP_S):
            down = np.sin(np.pi * np.clip((t - start) / TAP_S, 0, 1)) ** 2
            first = 1 + 3 * rng.integers(0, 4)
            press[hand, :, first : first + 3, 0] += np.deg2rad([30.0, 20.0, 13.0]) * down[:, None]
    return _turned(facing_hands(np.full(len(t), 0.5)), press)


def wave(fps: float) -> Gesture:
    """Both hands wave twice a second, 25 degrees and 4 cm to each side."""
    swing = np.sin(2 * np.pi * 2.0 * _seconds(fps))
    quat, way = facing_hands(np.full(len(swing), 0.7))
    turn = np.zeros((2, len(swing), 3))
    turn[..., 2] = np.deg2rad(25.0) * swing
    quat[:, :, 0] = multiply_quat_wxyz(rotvec_to_quat_wxyz(turn), quat[:, :, 0])
    way[..., 0] += 0.04 * swing
    return quat, way


def sine_claps(fps: float) -> Gesture:
    """Two claps a second that swing like a sine."""
    return clap(2.0, sharp=False, fps=fps)[:2]


def _seconds(fps: float) -> Array:
    return np.arange(frame_count(fps)) / fps


def _turned(hands: Gesture, rotvec: Array) -> Gesture:
    return multiply_quat_wxyz(hands[0], rotvec_to_quat_wxyz(rotvec)), hands[1]
