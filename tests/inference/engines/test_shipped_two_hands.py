"""The engine `twohand` with the shipped weights, on the demo clip, whose hands are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.camera import Camera
from inference.contract import read_take
from inference.engines import EngineOptions, create_engine
from inference.hands.joints import SIDES

DEMO = Path(__file__).resolve().parents[3] / "demo"
FRAMES = (8, 40)
"""Both hands are in the picture."""


@pytest.mark.parametrize("frame", FRAMES)
def test_it_finds_the_demo_clips_hands_where_they_are(frame: int) -> None:
    truth = read_take(DEMO / "clip_truth.npz")
    movie = cv2.VideoCapture(str(DEMO / "clip.mp4"))
    rgb = None
    for _ in range(frame + 1):
        read, bgr = movie.read()
        assert read
        rgb = np.ascontiguousarray(bgr[..., ::-1])
    movie.release()
    assert rgb is not None
    height, width = rgb.shape[:2]
    camera = Camera(float(width), ((width - 1) / 2, (height - 1) / 2), (width, height), "given")
    hands = create_engine("twohand", EngineOptions(threads=1)).start(camera).reconstruct_frame(rgb.astype(np.uint8))
    there = {side for index, side in enumerate(SIDES) if truth.present[index, frame]}
    assert set(hands) == there
    for index, side in enumerate(SIDES):
        if side in hands:
            true_px = truth.joints_px[index, frame]
            size_px = np.ptp(true_px, axis=0).max()
            error = np.linalg.norm(hands[side].joints_px - true_px, axis=1)
            assert np.median(error) < 0.06 * size_px
