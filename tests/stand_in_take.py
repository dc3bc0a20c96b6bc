"""A take with made-up content, valid in every field."""

from __future__ import annotations

import numpy as np

from inference.contract import Take
from inference.hands.rotations import rotvec_to_quat_wxyz


def stand_in_take(frame_count: int = 5, seed: int = 0) -> Take:
    """Random poses in front of a 640 x 480 camera; the left hand is missing in the second frame."""
    rng = np.random.default_rng(seed)
    present = np.ones((2, frame_count), dtype=bool)
    present[1, 1:2] = False
    quat = rotvec_to_quat_wxyz(rng.normal(0, 0.5, (2, frame_count, 16, 3)))
    quat[~present] = [1, 0, 0, 0]
    joints_m = rng.normal((0, 0, 0.6), 0.05, (2, frame_count, 21, 3))
    joints_px = rng.uniform(0, 480, (2, frame_count, 21, 2)).astype(np.float32).astype(np.float64)
    joints_m[~present], joints_px[~present] = 0, 0
    visible = present[..., None]
    return Take(
        source="clips/two hands 両手.mp4",
        source_sha256="ab" * 32,
        picture_size_px=(640, 480),
        fps=24.0,
        frames=np.arange(frame_count) * 2 + 10,
        readable=np.arange(frame_count) != 1,
        focal_px=620.5,
        principal_px=(319.5, 239.5),
        focal_source="given",
        engine="landmarks",
        engine_settings={"right_box": [1, 2, 3, 4], "note": "指"},
        model_name="open",
        model_licence="CC0-1.0",
        model_sha256=("01" * 32, "23" * 32),
        complete=True,
        present=present,
        confidence=present * 0.75,
        quat_wxyz=quat,
        translation_m=joints_m[:, :, 0].copy(),
        betas=rng.normal(size=(2, 10)),
        joints_px=joints_px,
        joints_px_confidence=np.broadcast_to(visible * 0.5, (2, frame_count, 21)).copy(),
        joints_m=joints_m,
        warnings=[{"record": "warning", "code": "unreadable_frame", "message": "Frame 12 is damaged.", "frame": 12}],
    )
