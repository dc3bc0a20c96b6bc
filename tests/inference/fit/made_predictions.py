"""What a faultless network would say of made-up hands that it sees in a crop, and of hands seen from afar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.camera import Camera
from inference.hands.joints import Side
from tests.inference.fit.made_hands import CAMERA, MadeHand, random_hand

Array = NDArray[np.float64]


def interacting_pair(rng: np.random.Generator, middle_m: Array | None = None) -> dict[Side, MadeHand]:
    """Two hands within a hand's length of each other, about a place before the camera."""
    where = np.array([0.05, -0.02, 0.7]) if middle_m is None else middle_m
    pair: dict[Side, MadeHand] = {}
    sides: tuple[Side, Side] = ("right", "left")
    for side in sides:
        hand = random_hand(rng, side)
        moved = where + rng.uniform(-0.06, 0.06, 3) - hand.points_m.mean(axis=0)
        pair[side] = MadeHand(side, hand.quat_wxyz, hand.translation_m + moved, hand.betas, hand.points_m + moved)
    return pair


def points_of(pair: dict[Side, MadeHand]) -> Array:
    """(42, 3) right, then left."""
    return np.concatenate([pair["right"].points_m, pair["left"].points_m])


def seen_px(pair: dict[Side, MadeHand], camera: Camera = CAMERA) -> Array:
    """(42, 2) joints in the picture."""
    return camera.project(points_of(pair))


def crop_only_rotation(points_m: Array, rays: Array) -> Array:
    """(3, 3) turn of `points_m` whose parallel projection, scaled and shifted, explains `rays` best.

    That is all that a crop tells when its place in the picture is not known: the answer of an ideal network.
    """
    shape = points_m - points_m.mean(axis=0)
    seen = rays - rays.mean(axis=0)
    turn = np.eye(3)
    for _ in range(60):
        turned = shape @ turn.T
        scale = np.sum(turned[:, :2] * seen) / np.sum(turned[:, :2] ** 2)
        residual = np.concatenate([(scale * turned[:, :2] - seen).ravel()])
        rows = []
        for axis in np.eye(3):
            rows.append((scale * np.cross(axis, turned)[:, :2]).ravel())
        rows.append(turned[:, :2].ravel())
        step = -np.linalg.lstsq(np.array(rows).T, residual, rcond=None)[0]
        angle = np.linalg.norm(step[:3])
        if angle < 1e-12:
            break
        x, y, z = step[:3] / angle
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        turn = (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross) @ turn
    return turn
