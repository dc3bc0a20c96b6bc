# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Takes for tests: two hands of the open model in strong poses, with everything a reconstruction would hold."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from twohand_extension.inference.contract import Take
from twohand_extension.inference.hands import joint_axes, rotations, skinning
from twohand_extension.inference.hands.joints import JOINT_NAMES, SIDES, Side
from twohand_extension.inference.hands.model import HandModel

ROOT = Path(__file__).resolve().parents[2]
PICTURE_SIZE_PX = (640, 480)
FOCAL_PX = 700.0
PRINCIPAL_PX = (330.5, 221.25)
"""Off the picture's centre on purpose: a camera shift with a wrong sign must show."""
_DEPTH_M = 0.6


@cache
def open_models() -> dict[Side, HandModel]:
    """The shipped hand model, right and left."""
    right = HandModel.load(ROOT / "weights" / "open_hand.npz")
    return {"right": right, "left": right.mirrored()}


def make_take(
    frame_count: int = 12,
    *,
    seed: int = 0,
    source: str = "/pictures/clip.mp4",
    first_frame: int = 1,
    fps: float = 24.0,
    present: NDArray[np.bool_] | None = None,
) -> Take:
    """Both hands open, close to a fist and spread, while the wrists turn through 150 degrees; random shapes.

    Parameters
    ----------
    present : (2, F) which hand is seen when; by default both always
    """
    rng = np.random.default_rng(seed)
    models = open_models()
    betas = rng.normal(0.0, 1.5, (2, models["right"].shape_count))
    seen = np.ones((2, frame_count), dtype=bool) if present is None else present
    quat = np.zeros((2, frame_count, 16, 4))
    translation = np.zeros((2, frame_count, 3))
    joints_m = np.zeros((2, frame_count, 21, 3))
    phase = np.linspace(0.0, 1.0, frame_count)
    for hand, side in enumerate(SIDES):
        quat[hand] = _strong_rotations(rng, models[side], betas[hand], phase, side)
        sign = 1.0 if side == "left" else -1.0
        translation[hand] = np.stack(
            [sign * 0.12 + 0.02 * np.sin(9 * phase), 0.05 * np.cos(7 * phase), _DEPTH_M + 0.1 * phase], axis=1
        )
        matrices = rotations.quat_wxyz_to_matrix(quat[hand])
        joints_m[hand] = skinning.pose_hand(models[side], matrices, betas[hand], translation[hand]).points_m
    joints_px = FOCAL_PX * joints_m[..., :2] / joints_m[..., 2:] + np.array(PRINCIPAL_PX)
    quat[~seen] = [1.0, 0.0, 0.0, 0.0]
    for array in (translation, joints_m, joints_px):
        array[~seen] = 0.0
    betas[~seen.any(axis=1)] = 0.0
    take = Take(
        source=source,
        source_sha256="0" * 64,
        picture_size_px=PICTURE_SIZE_PX,
        fps=fps,
        frames=np.arange(first_frame, first_frame + frame_count, dtype=np.int64),
        readable=np.ones(frame_count, dtype=bool),
        focal_px=FOCAL_PX,
        principal_px=PRINCIPAL_PX,
        focal_source="given",
        engine="landmarks",
        engine_settings={},
        model_name=models["right"].name,
        model_licence=models["right"].licence,
        model_sha256=(models["right"].sha256, models["left"].sha256),
        complete=True,
        present=seen,
        confidence=np.where(seen, 0.9, 0.0),
        quat_wxyz=quat,
        translation_m=translation,
        betas=betas,
        joints_px=joints_px,
        joints_px_confidence=np.where(seen[..., None], 0.9, 0.0) * np.ones(21),
        joints_m=joints_m,
    )
    take.check()
    return take


def expected_vertices_m(take: Take, hand: int) -> NDArray[np.float64]:
    """(F, V, 3) what the hand model itself gives for a take's hand, in camera axes, metres."""
    matrices = rotations.quat_wxyz_to_matrix(take.quat_wxyz[hand])
    return skinning.pose_hand(
        open_models()[SIDES[hand]], matrices, take.betas[hand], take.translation_m[hand]
    ).vertices_m


def _strong_rotations(
    rng: np.random.Generator, model: HandModel, betas: NDArray[np.float64], phase: NDArray[np.float64], side: Side
) -> NDArray[np.float64]:
    """(F, 16, 4): fingers curled up to 100 degrees about their own flexion axes, with some spread and twist."""
    vertices, joints = skinning.shaped_rest(model, betas)
    frames = joint_axes.joint_frames(np.concatenate([joints, vertices[model.tip_vertices]]), side)
    curl = np.deg2rad(100.0) * 0.5 * (1 - np.cos(2 * np.pi * phase))
    rotvec = np.zeros((len(phase), 16, 3))
    for joint in range(1, 16):
        share = 0.5 if JOINT_NAMES[joint].startswith("thumb") else 1.0
        wiggle = rng.normal(0.0, 0.15, 2)[None] * np.sin(5 * phase + joint)[:, None]
        rotvec[:, joint] = np.column_stack([share * curl, wiggle]) @ frames[joint].T
    axis = rng.normal(size=3)
    rotvec[:, 0] = (axis / np.linalg.norm(axis)) * np.deg2rad(-30 + 180 * phase)[:, None]
    return rotations.rotvec_to_quat_wxyz(rotvec)
