"""A two-hand network without weights: it reads out of a crop's colours which part of which made picture it sees.

Every pixel of a made picture says in red and green where it is and in blue which frame it belongs to, so what the
stand-in answers depends on the crop alone, as a network's answer does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.camera import Camera
from inference.crops import SquareCrop
from inference.detect.observation import HandObservation
from inference.engines.crop_answer import CropAnswer
from inference.engines.engine import Box
from inference.fit.placement import trans_between, turn_to_ray
from inference.hands.joints import SIDES, Side
from inference.hands.rotations import matrix_to_quat_wxyz, multiply_quat_wxyz
from tests.inference.fit.made_hands import MadeHand

Array = NDArray[np.float64]
Pair = Mapping[Side, MadeHand]

WIDTH, HEIGHT = 640, 480
CAMERA = Camera.from_focal_mm(30.0, (WIDTH, HEIGHT), "given")
_FIRST_BLUE = 40


def made_picture(frame: int) -> NDArray[np.uint8]:
    """(480, 640, 3): red grows to the right, green downwards, blue is the frame."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    blue = np.full((HEIGHT, WIDTH), _FIRST_BLUE + frame)
    return np.stack([np.rint(250 * x / WIDTH), np.rint(250 * y / HEIGHT), blue], axis=-1).astype(np.uint8)


def frame_of(rgb: NDArray[np.uint8]) -> int:
    """The number of the made picture that this is, or is cut out of."""
    return int(np.median(rgb[..., 2][rgb[..., 2] > 0])) - _FIRST_BLUE


def crop_of(crop_rgb: NDArray[np.uint8]) -> SquareCrop:
    """Which square of its picture a crop shows."""
    rows, columns = np.nonzero(crop_rgb[..., 2] == crop_rgb[..., 2].max())
    red, green = (crop_rgb[rows, columns, channel].astype(float) for channel in (0, 1))
    slope_x, left = np.polyfit(columns, red * WIDTH / 250, 1)
    slope_y, top = np.polyfit(rows, green * HEIGHT / 250, 1)
    return SquareCrop((left, top), 256 * (slope_x + slope_y) / 2)


def answer_for(pair: Pair, crop: SquareCrop, camera: Camera = CAMERA, sure: float = 0.8) -> CropAnswer:
    """What a faultless network says of hands that it sees in a crop; hands out of it have neither peak nor head."""
    back = np.swapaxes(turn_to_ray(camera, crop.centre_px), -1, -2)
    answer = CropAnswer(
        peaks_px=np.full((2, 21, 2), 128.0),
        confidence=np.full((2, 21), 0.01),
        presence=np.zeros(2),
        quat_wxyz=np.tile([1.0, 0.0, 0.0, 0.0], (2, 16, 1)),
        betas=np.zeros((2, 10)),
        trans=np.zeros(4),
    )
    for index, side in enumerate(SIDES):
        if side not in pair:
            continue
        hand = pair[side]
        peaks = crop.to_crop(camera.project(hand.points_m))
        inside = np.all((peaks >= 0) & (peaks <= 255), axis=1)
        answer.peaks_px[index] = np.clip(peaks, 0, 255)
        answer.confidence[index] = np.where(inside, sure, 0.02)
        answer.presence[index] = inside.mean()
        answer.quat_wxyz[index] = hand.quat_wxyz
        answer.quat_wxyz[index, 0] = multiply_quat_wxyz(matrix_to_quat_wxyz(back), hand.quat_wxyz[0])
        answer.betas[index] = hand.betas
    if len(pair) == len(SIDES):
        answer.trans[:] = trans_between(pair["right"].points_m @ back.T, pair["left"].points_m @ back.T)
    return answer


@dataclass
class MadeReader:
    """Answers for the hands of `frames`; remembers the crops that it was shown."""

    frames: Sequence[Pair]
    crops: list[tuple[int, SquareCrop]] = field(default_factory=list)

    def read(self, crop_rgb: NDArray[np.uint8]) -> CropAnswer:
        crop, frame = crop_of(crop_rgb), frame_of(crop_rgb)
        self.crops.append((frame, crop))
        return answer_for(self.frames[frame], crop)


@dataclass
class MadeDetector:
    """Finds the hands of `frames` that it may find; remembers when it was asked."""

    frames: Sequence[Pair]
    finds: frozenset[Side] = frozenset(SIDES)
    asked: list[int] = field(default_factory=list)

    def find(self, rgb: NDArray[np.uint8], boxes: Mapping[Side, Box] | None = None) -> dict[Side, HandObservation]:
        frame = frame_of(rgb)
        self.asked.append(frame)
        return {
            side: HandObservation(side, CAMERA.project(hand.points_m), np.ones(21), np.zeros((21, 3)), 0.9)
            for side, hand in self.frames[frame].items()
            if side in self.finds
        }
