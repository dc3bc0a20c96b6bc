"""A hand with the forearm grown onto its wrist, and the sleeve that the forearm comes out of."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from inference.hands.model import HandModel
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import pose_hand, shaped_rest

from .poses import HandMotion
from .surface import Array, Triangles, loop_subdivision, open_edge

RING_COUNT: Final = 14
RING_STEP_M: Final = 0.015
BEND_LENGTH_M: Final = 0.045
"""The forearm's axis turns from the hand's to the elbow's direction over this length."""
SLEEVE_START_M: Final = 0.075
SLEEVE_END_M: Final = 0.36
SLEEVE_RINGS: Final = 30
SLEEVE_SIDES: Final = 40
_SCALE_AT_M: Final = (0.0, 0.018, 0.05, 0.12, 0.22)
_WIDTH_SCALE: Final = (1.0, 0.96, 1.0, 1.26, 1.50)
_THICKNESS_SCALE: Final = (1.0, 0.98, 1.06, 1.34, 1.60)


@dataclass(frozen=True)
class Skin:
    """The skin of a hand and its forearm at rest, subdivided; the same topology in every pose.

    Parameters
    ----------
    model : the hand
    betas : (S,) its shape
    loop : (L,) the wrist's open edge, vertices of the model
    subdivision : (N, C) from the C coarse vertices (hand, then forearm rings) to the N fine ones
    triangles : (T, 3) of fine vertices
    rest_m : (N, 3) fine vertices at rest in the model's axes, metres
    """

    model: HandModel
    betas: Array
    loop: NDArray[np.int64]
    subdivision: csr_array
    triangles: Triangles
    rest_m: Array


def build_skin(model: HandModel, betas: Array, levels: int) -> Skin:
    """Grow the forearm and subdivide `levels` times."""
    hand = model.triangles.astype(np.int64)
    loop = open_edge(hand)
    count = len(model.v_template)
    rings = [loop, *(count + ring * len(loop) + np.arange(len(loop)) for ring in range(RING_COUNT))]
    tube: list[Triangles] = []
    for near, far in pairwise(rings):
        near_next, far_next = np.roll(near, -1), np.roll(far, -1)
        tube += [np.stack([near_next, near, far], axis=1), np.stack([near_next, far, far_next], axis=1)]
    coarse = np.concatenate([hand, *tube])
    subdivision, triangles = loop_subdivision(coarse, count + RING_COUNT * len(loop), levels)
    rest_hand, _ = shaped_rest(model, betas)
    outwards = 1.0 if model.side == "right" else -1.0
    steps = RING_STEP_M * np.arange(1, RING_COUNT + 1)
    rest_rings = rest_hand[loop] + outwards * steps[:, None, None] * np.array([1.0, 0.0, 0.0])
    rest = subdivision @ np.concatenate([rest_hand, rest_rings.reshape(-1, 3)])
    return Skin(model, betas, loop, subdivision, triangles, rest)


@dataclass(frozen=True)
class Arm:
    """One frame of an arm in camera axes: vertices of skin (N, 3) and sleeve (M, 3), and the 21 points (21, 3)."""

    skin_m: Array
    sleeve_m: Array
    points_m: Array


def pose_arm(skin: Skin, motion: HandMotion, frame: int) -> Arm:
    """Skin, sleeve and joints of one frame."""
    hand = pose_hand(skin.model, motion.rotations[frame], skin.betas, motion.wrist_m[frame])
    path = _ArmPath.of(skin, hand.vertices_m, motion.rotations[frame, 0], motion.elbow_m[frame])
    along = RING_STEP_M * np.arange(1, RING_COUNT + 1)
    rings = np.concatenate([path.place(at, path.section(at)) for at in along])
    coarse = np.concatenate([hand.vertices_m, rings])
    return Arm(skin.subdivision @ coarse, _sleeve(path), hand.points_m)


def sleeve_quads() -> NDArray[np.int64]:
    """(Q, 4) faces of the sleeve of `pose_arm`, seen from outside."""
    quads = []
    for ring in range(SLEEVE_RINGS - 1):
        near = ring * SLEEVE_SIDES + np.arange(SLEEVE_SIDES)
        far = near + SLEEVE_SIDES
        quads.append(np.stack([near, far, np.roll(far, -1), np.roll(near, -1)], axis=1))
    return np.concatenate(quads)


@dataclass(frozen=True)
class _ArmPath:
    """The forearm's axis: it leaves the wrist along the hand and bends towards the elbow."""

    start_m: Array
    axes: Array  # columns: along the hand's axis away from the fingers, thickness, width
    elbow_m: Array
    offsets_m: Array  # (L, 3) wrist edge about its centre, in `axes`

    @classmethod
    def of(cls, skin: Skin, hand_m: Array, rotation: Array, elbow_m: Array) -> _ArmPath:
        outwards = 1.0 if skin.model.side == "right" else -1.0
        axes = rotation @ np.diag([outwards, 1.0, outwards])
        edge = hand_m[skin.loop]
        centre = edge.mean(axis=0)
        return cls(centre, axes, elbow_m, (edge - centre) @ axes)

    def turn(self, at_m: float) -> Array:
        """(3, 3) rotation of the axis at `at_m` along the arm against its start."""
        target = self.elbow_m - self.start_m
        target = target / np.linalg.norm(target)
        start = self.axes[:, 0]
        normal = np.cross(start, target)
        sine = np.linalg.norm(normal)
        angle = np.arctan2(sine, start @ target)
        part = np.clip(at_m / BEND_LENGTH_M, 0.0, 1.0)
        part = part * part * (3 - 2 * part)
        return rotvec_to_matrix(normal / max(sine, 1e-12) * angle * part)

    def centre(self, at_m: float) -> Array:
        steps = np.linspace(0.0, at_m, 24)
        directions = np.stack([self.turn(float(step)) @ self.axes[:, 0] for step in steps])
        return self.start_m + np.mean((directions[1:] + directions[:-1]) / 2, axis=0) * at_m

    def section(self, at_m: float) -> Array:
        """(L, 3) outline of the forearm at `at_m` in `axes`: the wrist's edge, flattened and grown."""
        flat = max(0.0, 1.0 - at_m / 0.03)
        scale = [flat, np.interp(at_m, _SCALE_AT_M, _THICKNESS_SCALE), np.interp(at_m, _SCALE_AT_M, _WIDTH_SCALE)]
        return self.offsets_m * scale

    def place(self, at_m: float, outline: Array) -> Array:
        return self.centre(at_m) + outline @ (self.turn(at_m) @ self.axes).T


def _sleeve(path: _ArmPath) -> Array:
    """A loose sleeve: an ellipse about the forearm with a hem and folds that gather towards the wrist."""
    angle = np.linspace(0.0, 2 * np.pi, SLEEVE_SIDES, endpoint=False)
    half_thickness, half_width = np.abs(path.offsets_m[:, 1:]).max(axis=0)
    rings = []
    for ring in range(SLEEVE_RINGS):
        share = ring / (SLEEVE_RINGS - 1)
        at = SLEEVE_START_M + share * (SLEEVE_END_M - SLEEVE_START_M)
        grow_width = np.interp(at, _SCALE_AT_M, _WIDTH_SCALE)
        grow_thickness = np.interp(at, _SCALE_AT_M, _THICKNESS_SCALE)
        hem = 0.0015 * np.exp(-(((ring - 1.5) / 1.6) ** 2))
        folds = 0.0022 * np.sin(at * 230 + 1.3 * np.sin(angle + 1.0)) * np.sin(angle * 2 + at * 30)
        folds = folds * np.clip((ring - 2) / 4, 0, 1)
        loose = 0.006 + 0.012 * share + hem + folds
        rings.append(
            path.place(
                at,
                np.stack(
                    [
                        np.zeros(SLEEVE_SIDES),
                        np.cos(angle) * (half_thickness * grow_thickness + loose),
                        np.sin(angle) * (half_width * grow_width + loose),
                    ],
                    axis=1,
                ),
            )
        )
    return np.concatenate(rings)
