"""Variation of samples: crop, rotation, mirror image, colour; and, where asked for, what cameras do to pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..crops import CROP_PX, Box, dataset_crop
from .configuration import AugmentationSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Variation:
    """How one sample is varied; `NO_VARIATION` is the plain crop.

    Parameters
    ----------
    shift : (x, y) of the crop's centre in shares of the box's width and height
    scale : the crop's side times this
    rotation_rad : the picture's content turns clockwise by this
    flip : mirror first
    colour : (3,) factors of red, green and blue
    """

    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    rotation_rad: float = 0.0
    flip: bool = False
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def crop_matrix(self, box: Box, picture_width_px: int, size_px: int = CROP_PX) -> Array:
        """(2, 3) from picture pixels to the crop's.

        Parameters
        ----------
        box : (x, y, width, height) of the hands in the picture, before any mirroring
        """
        x, y, width, height = box
        mirror = np.eye(3)
        if self.flip:
            mirror[0] = [-1, 0, picture_width_px - 1]
            x = picture_width_px - 1 - (x + width)
        crop = dataset_crop((x + self.shift[0] * width, y + self.shift[1] * height, width, height))
        factor = size_px / (crop.side_px * self.scale)
        turn = factor * self.turn()[:2, :2]
        centre = np.array(crop.centre_px)
        matrix = np.column_stack([turn, size_px / 2 - turn @ centre])
        return matrix @ mirror

    def turn(self) -> Array:
        """(3, 3) what the rotation does to directions in camera axes (x right, y down: clockwise on screen)."""
        cosine, sine = np.cos(self.rotation_rad), np.sin(self.rotation_rad)
        return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])

    def move_points(self, points: Array) -> Array:
        """Points (2, N, 3) of both hands in camera axes, mirrored with their sides swapped, then turned."""
        if self.flip:
            points = points[::-1] * [-1.0, 1.0, 1.0]
        return points @ self.turn().T

    def swap_hands(self, per_hand: NDArray[np.generic]) -> NDArray[np.generic]:
        """(2, ...) anything that belongs to a hand and does not change in a mirror."""
        return per_hand[::-1] if self.flip else per_hand


NO_VARIATION = Variation()


def draw_variation(rng: np.random.Generator, settings: AugmentationSettings) -> Variation:
    """By the paper's distributions (reference/network.md, "Training")."""
    shift = rng.uniform(-settings.shift, settings.shift, 2)
    scale = 1 + settings.scale * float(np.clip(rng.normal(), -1, 1))
    turned = rng.random() < settings.rotation_chance
    angle = np.deg2rad(settings.rotation_deg) * float(np.clip(rng.normal(), -2, 2))
    flip = bool(rng.random() < settings.flip_chance)
    colour = rng.uniform(1 - settings.colour, 1 + settings.colour, 3)
    return Variation(
        (float(shift[0]), float(shift[1])),
        scale,
        angle if turned else 0.0,
        flip,
        (float(colour[0]), float(colour[1]), float(colour[2])),
    )


def cut_varied(rgb: NDArray[np.uint8], matrix: Array, size_px: int = CROP_PX) -> NDArray[np.uint8]:
    """(size_px, size_px, 3), bilinear, black outside, as the authors cut."""
    cut = cv2.warpAffine(rgb, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR)
    return np.asarray(cut, dtype=np.uint8)


def as_a_camera_would(picture: NDArray[np.float32], rng: np.random.Generator, chance: float) -> NDArray[np.float32]:
    """A picture (S, S, 3) from 0 to 1 with each of: an occluder, other light, blur, noise, JPEG, by that chance."""
    size = picture.shape[0]
    if rng.random() < chance:
        picture = _occluded(picture, rng)
    if rng.random() < chance:
        picture = picture ** np.float32(np.exp(rng.normal(0, 0.35)))
    if rng.random() < chance:
        spread = rng.uniform(0.4, 2.2) * size / CROP_PX
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), spread), dtype=np.float32)
    if rng.random() < chance:
        noise = rng.normal(0, rng.uniform(0.01, 0.06), picture.shape)
        picture = (picture + noise).astype(np.float32)
    picture = np.clip(picture, 0, 1)
    if rng.random() < chance:
        quality = int(rng.integers(25, 90))
        # JPEG treats red and blue differently: in OpenCV's order while it is packed.
        bgr = np.rint(picture[..., ::-1] * 255).astype(np.uint8)
        packed = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        bgr = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), dtype=np.float32)
        picture = np.ascontiguousarray(bgr[..., ::-1]) / np.float32(255)
    return picture


def _occluded(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A turned ellipse or rectangle of one colour, up to a fifth of the picture's side."""
    size = picture.shape[0]
    covered = picture.copy()
    x, y = (float(value) for value in rng.uniform(0, size, 2))
    width, height = (float(value) for value in rng.uniform(0.06, 0.2, 2) * size)
    place = ((x, y), (width, height), float(rng.uniform(0, 180)))
    colour = [float(value) for value in rng.random(3)]
    if rng.random() < 0.5:
        cv2.ellipse(covered, place, colour, -1, cv2.LINE_AA)
    else:
        cv2.fillConvexPoly(covered, cv2.boxPoints(place).astype(np.int32), colour, cv2.LINE_AA)
    return covered
