"""Made-up hands with known truth, and what faultless or faulty nets would say of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.camera import Camera
from inference.detect.observation import HandObservation
from inference.fit.kinematics import HandState, Skeletons
from inference.hands.joints import Side
from inference.hands.model import HandModel
from inference.hands.rotations import normalise_quat_wxyz, quat_wxyz_to_matrix
from inference.hands.skinning import pose_hand

Array = NDArray[np.float64]

WEIGHTS = Path(__file__).resolve().parents[3] / "weights"
NO_OFFSETS = np.zeros((21, 3))
"""Made-up landmarks lie on the joints themselves."""
CAMERA = Camera.from_focal_mm(35.0, (1280, 720), "given")


@cache
def models() -> dict[Side, HandModel]:
    right = HandModel.load(WEIGHTS / "open_hand.npz")
    return {"right": right, "left": right.mirrored()}


@cache
def skeleton(side: Side) -> Skeletons:
    return Skeletons([models()[side]])


@dataclass(frozen=True)
class MadeHand:
    """A hand as it is."""

    side: Side
    quat_wxyz: Array  # (16, 4)
    translation_m: Array  # (3,)
    betas: Array  # (S,)
    points_m: Array  # (21, 3)


def pose(side: Side, quat_wxyz: Array, betas: Array, translation_m: Array) -> MadeHand:
    points = pose_hand(models()[side], quat_wxyz_to_matrix(quat_wxyz), betas, translation_m).points_m
    return MadeHand(side, quat_wxyz, translation_m, betas, points)


def random_hand(
    rng: np.random.Generator, side: Side, betas: Array | None = None, depth_m: float | None = None
) -> MadeHand:
    """A hand turned anyhow, its angles scattered about the relaxed pose and inside the limits."""
    skeletons = skeleton(side)
    low, high, relaxed, spread = skeletons.limits.T
    angles = np.clip(relaxed + 0.8 * spread * rng.normal(size=len(relaxed)), 0.9 * low, 0.9 * high)
    rotvec = np.zeros((1, 1, 5, 3, 3))
    rotvec[..., skeletons.free] = angles
    # The last joint of a finger follows the one before it.
    follow = 2.0 / 3.0 * rotvec[0, 0, :4, 1, 0] + np.deg2rad(6.0) * rng.normal(size=4)
    rotvec[0, 0, :4, 2, 0] = np.clip(follow, np.deg2rad(-10.0), np.deg2rad(80.0))
    betas = 0.7 * rng.normal(size=skeletons.shape_count) if betas is None else betas
    depth = rng.uniform(0.4, 1.0) if depth_m is None else depth_m
    translation = depth * np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.15, 0.15), 1.0])
    turn = quat_wxyz_to_matrix(normalise_quat_wxyz(rng.normal(size=4)))
    state = HandState(translation[None, None], turn[None, None], rotvec, betas[None, None])
    return pose(side, skeletons.quat_wxyz(state)[0, 0], betas, translation)


def random_pair(rng: np.random.Generator) -> dict[Side, MadeHand]:
    """Two hands of one person."""
    betas = 0.7 * rng.normal(size=skeleton("right").shape_count)
    sides: tuple[Side, Side] = ("right", "left")
    return {side: random_hand(rng, side, betas) for side in sides}


def observe(
    hand: MadeHand,
    rng: np.random.Generator,
    *,
    noise_share: float = 0.0,
    hidden: int = 0,
    depth_noise_m: float = 0.008,
    camera: Camera = CAMERA,
) -> HandObservation:
    """What nets say: pixels with noise as a share of the box, and a rough shape of wrong size whose depth is poor."""
    joints_px = camera.project(hand.points_m)
    box_px = np.ptp(joints_px, axis=0).max()
    joints_px = joints_px + noise_share * box_px * rng.normal(size=joints_px.shape)
    confidence = np.ones(21)
    confidence[rng.choice(21, hidden, replace=False)] = 0.0
    relative_m = (hand.points_m - hand.points_m.mean(axis=0)) * rng.uniform(0.85, 1.15)
    relative_m = relative_m + depth_noise_m * rng.normal(size=relative_m.shape) * [0.5, 0.5, 1.0]
    return HandObservation(hand.side, joints_px, confidence, relative_m, 0.99)


def root_aligned_mm(first_m: Array, second_m: Array) -> float:
    """Mean distance of the 21 points after both wrists are laid onto each other, millimetres."""
    difference = (first_m - first_m[:1]) - (second_m - second_m[:1])
    return 1e3 * float(np.linalg.norm(difference, axis=-1).mean())
