"""Pictures that the project rendered itself (tools/render_hand_pictures.py), and the nets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.detect.finder import HandFinder
from inference.hands.joints import SIDES, Side

DATA = Path(__file__).parent / "data"
WEIGHTS = Path(__file__).resolve().parents[3] / "weights"


@dataclass(frozen=True)
class RenderedPicture:
    """A picture (H, W, 3) and the true joints (21, 2) of its hands by side."""

    rgb: NDArray[np.uint8]
    joints_px: dict[Side, NDArray[np.float64]]

    def mirrored(self) -> RenderedPicture:
        """As in a mirror: every hand becomes the other one."""
        width = self.rgb.shape[1]
        joints = {side: points * [-1, 1] + [width - 1, 0] for side, points in self.joints_px.items()}
        return RenderedPicture(
            np.ascontiguousarray(self.rgb[:, ::-1]),
            {side: joints[other] for side, other in zip(SIDES, reversed(SIDES), strict=True) if other in joints},
        )

    def hand_size_px(self, side: Side) -> float:
        """Longer side of the box round the joints."""
        return float(np.ptp(self.joints_px[side], axis=0).max())


def load_picture(name: str) -> RenderedPicture:
    bgr = cv2.imread(str(DATA / f"{name}.jpg"))
    assert bgr is not None
    truth = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    joints: dict[Side, NDArray[np.float64]] = {side: np.array(truth[side]) for side in SIDES if side in truth}
    return RenderedPicture(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False), joints)


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    return WEIGHTS


@pytest.fixture(scope="session")
def finder() -> HandFinder:
    return HandFinder(WEIGHTS, threads=2, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="session")
def rendered() -> Callable[[str], RenderedPicture]:
    return load_picture


@pytest.fixture(scope="session")
def relative_error() -> Callable[[RenderedPicture, Side, NDArray[np.float64]], float]:
    """Mean distance from the true joints as a share of the hand's size."""

    def measure(picture: RenderedPicture, side: Side, joints_px: NDArray[np.float64]) -> float:
        distance = np.linalg.norm(joints_px - picture.joints_px[side], axis=1).mean()
        return float(distance / picture.hand_size_px(side))

    return measure
