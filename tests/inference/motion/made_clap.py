"""Two hands that clap, with landmark-like noise: what smoothing is measured on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.hands.model import HandModel
from inference.hands.rotations import (
    matrix_to_quat_wxyz,
    multiply_quat_wxyz,
    quat_wxyz_to_matrix,
    rotvec_to_matrix,
    rotvec_to_quat_wxyz,
)
from inference.hands.skinning import pose_hand
from inference.motion.gaps import FilledMotion, fill_gaps

Array = NDArray[np.float64]

FPS = 30.0
SECONDS = 8
COUNT = int(SECONDS * FPS)
REACH_M = 0.12
"""How far each wrist moves away from where the fingertips meet."""


NoiseKind = Literal["white", "bursts", "wandering"]


def frame_count(fps: float) -> int:
    """Frames of a made-up clip."""
    return int(SECONDS * fps)


@cache
def tip_models() -> tuple[HandModel, HandModel]:
    """Both hands with no vertices but the fingertips."""
    right = HandModel.load(Path(__file__).resolve().parents[3] / "weights" / "open_hand.npz")
    tips = right.tip_vertices
    right = replace(
        right,
        v_template=right.v_template[tips],
        shapedirs=right.shapedirs[tips],
        posedirs=right.posedirs[tips],
        lbs_weights=right.lbs_weights[tips],
        polygons=np.array([[0, 1, 2, -1]], dtype=np.int32),
        tip_vertices=np.arange(5, dtype=np.int32),
        uv=None,
    )
    return right, right.mirrored()


def clap(claps_a_second: float, *, sharp: bool, fps: float = FPS) -> tuple[Array, Array, NDArray[np.intp]]:
    """Rotations (2, F, 16, 4), wrists (2, F, 3), and the frames in which the fingertips meet; F is eight seconds.

    A sharp clap turns round at once, as hands that meet do; the other one swings like a sine.
    """
    phase = (np.arange(frame_count(fps)) * claps_a_second / fps) % 1
    apart = np.abs(2 * phase - 1) if sharp else 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    return *facing_hands(apart), np.flatnonzero(np.isclose(apart, apart.min(), atol=1e-6))


def facing_hands(apart: Array) -> tuple[Array, Array]:
    """Rotations (2, F, 16, 4) and wrists (2, F, 3) of hands palm to palm, from 0, fingertips together, to 1, apart."""
    count = len(apart)
    quat, way = np.zeros((2, count, 16, 4)), np.zeros((2, count, 3))
    nothing = np.zeros(count)
    for hand, sign in enumerate((-1.0, 1.0)):
        way[hand] = np.stack([sign * (0.03 + REACH_M * apart), nothing + 0.08, nothing + 0.6], axis=-1)
        facing = np.array([[0.0, 0.0, -sign], [-sign, 0.0, 0.0], [0.0, 1.0, 0.0]])
        palm_in = rotvec_to_matrix(np.array([0.0, -sign * np.pi / 2, 0.0])) @ facing
        swing = rotvec_to_matrix(np.stack([nothing, nothing, sign * 0.25 * apart], axis=-1))
        quat[hand, :, 0] = matrix_to_quat_wxyz(swing @ palm_in)
        quat[hand, :, 1:] = rotvec_to_quat_wxyz(np.stack([nothing, nothing, 0.1 * apart], axis=-1))[:, None]
    return quat, way


def with_noise(
    quat: Array, way: Array, rng: np.random.Generator, kind: NoiseKind = "white", fps: float = FPS
) -> tuple[Array, Array]:
    """2 degrees on every joint, 1 mm across the view and 6 mm in depth: much like a fit frame by frame.

    "white": every frame for itself; "bursts": most frames calm, some bad; "wandering": besides, what slowly comes and
    goes (within 0.1 s, twice as much), as the nets err alike in neighbouring frames; no smoother can tell it from
    motion.
    """
    turn, shift = (rng.normal(size=(*quat.shape[:3], 3)), rng.normal(size=way.shape))
    if kind == "bursts":
        scale = np.minimum(1.0 / np.sqrt(rng.chisquare(3, size=way.shape[:2])), 4.0)
        turn, shift = turn * scale[..., None, None], shift * scale[..., None]
    elif kind == "wandering":
        turn = 0.7 * turn + 2.0 * _wandering(rng, turn.shape, 0.1 * fps)
        shift = 0.7 * shift + 2.0 * _wandering(rng, shift.shape, 0.1 * fps)
    turned = multiply_quat_wxyz(quat, rotvec_to_quat_wxyz(np.deg2rad(2.0) * turn))
    return turned, way + shift * [0.001, 0.001, 0.006]


def _wandering(rng: np.random.Generator, shape: tuple[int, ...], frames: float) -> Array:
    """Normal noise of spread 1, alike within so many frames; the frames are the second axis."""
    reach = int(4 * frames)
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / frames) ** 2)
    window /= np.linalg.norm(window)
    raw = rng.normal(size=(shape[0], shape[1] + 2 * reach, *shape[2:]))
    return np.sum([share * raw[:, k : k + shape[1]] for k, share in enumerate(window)], axis=0)


def filled(quat: Array, way: Array, present: NDArray[np.bool_] | None = None, fps: float = FPS) -> FilledMotion:
    """As a take of these frames would come out of `fill_gaps`."""
    count = quat.shape[1]
    shown = np.ones((2, count), dtype=bool) if present is None else present
    return fill_gaps(np.arange(count), shown, quat, way, fps=fps)


def points_m(motion: FilledMotion) -> Array:
    """(2, F, 21, 3) joints and tips."""
    models = tip_models()
    return np.stack(
        [
            pose_hand(
                models[hand],
                quat_wxyz_to_matrix(motion.quat_wxyz[hand]),
                np.zeros(models[hand].shape_count),
                motion.translation_m[hand],
            ).points_m
            for hand in (0, 1)
        ]
    )


def jitter_mm(points: Array) -> float:
    """Mean length of the second difference, mm a frame squared."""
    return 1e3 * float(np.linalg.norm(np.diff(points, 2, axis=1), axis=-1).mean())


def opening_mm(points: Array, contacts: NDArray[np.intp]) -> Array:
    """(3,) mean vector from the left to the right index and middle fingertips when they meet."""
    return 1e3 * (points[0, contacts, 17:19] - points[1, contacts, 17:19]).mean(axis=(0, 1))
