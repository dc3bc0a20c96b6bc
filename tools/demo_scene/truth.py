"""The truth of a rendered performance as a take, so that it can be compared with what a reconstruction finds."""

from __future__ import annotations

from typing import Final

import numpy as np

from inference.camera import Camera
from inference.contract import Take
from inference.hands.rotations import align_quat_signs, matrix_to_quat_wxyz

from .choreography import Performance

JOINTS_INSIDE: Final = 15
"""A hand counts as present where at least this many of its 21 points lie inside the picture."""


def truth_take(performance: Performance, camera: Camera, fps: float, source: str, source_sha256: str) -> Take:
    """The exact rotations, translations, shape and joints; points outside the picture have no confidence."""
    points = performance.points_m
    _, count = points.shape[:2]
    joints_px = camera.project(points)
    size = np.array(camera.picture_size_px)
    inside = np.all((joints_px > -0.5) & (joints_px < size - 0.5), axis=-1)
    present = inside.sum(axis=-1) >= JOINTS_INSIDE
    rotations = np.stack([motion.rotations for motion in performance.motions])
    wrist = np.stack([motion.wrist_m for motion in performance.motions])
    quats = np.where(present[..., None, None], matrix_to_quat_wxyz(rotations), [1.0, 0.0, 0.0, 0.0])
    right, left = performance.models
    return Take(
        source=source,
        source_sha256=source_sha256,
        picture_size_px=camera.picture_size_px,
        fps=fps,
        frames=np.arange(1, count + 1),
        readable=np.ones(count, dtype=np.bool_),
        focal_px=camera.focal_px,
        principal_px=camera.principal_px,
        focal_source=camera.focal_source,
        engine="truth",
        engine_settings={},
        model_name=right.name,
        model_licence=right.licence,
        model_sha256=(right.sha256, left.sha256),
        complete=True,
        present=present,
        confidence=present.astype(np.float64),
        quat_wxyz=align_quat_signs(quats, axis=1),
        translation_m=wrist * present[..., None],
        betas=np.stack([performance.betas, performance.betas]),
        joints_px=joints_px * present[..., None, None],
        joints_px_confidence=(inside & present[..., None]).astype(np.float64),
        joints_m=points * present[..., None, None],
    )
