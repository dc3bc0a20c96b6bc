"""The shipped demo picture through the whole program, against what was rendered."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference.__main__ import main
from inference.contract import read_take

DEMO = Path(__file__).resolve().parents[2] / "demo"


def test_the_demo_picture(tmp_path: Path) -> None:
    assert main(["reconstruct", str(DEMO / "picture.jpg"), "--out", str(tmp_path)]) == 0
    take, truth = read_take(tmp_path / "picture.hands.npz"), read_take(DEMO / "picture_truth.npz")
    assert take.focal_source == "exif"
    assert abs(take.focal_px / truth.focal_px - 1) < 1e-3
    assert take.present.all()
    assert (take.reprojection_px() / take.box_side_px()).max() < 0.03
    seen_px = np.linalg.norm(take.project_px() - truth.joints_px, axis=-1).mean(axis=-1)
    assert (seen_px / truth.box_side_px()).max() < 0.06
    # One camera cannot tell a near small hand from a far large one: bounded as a share of the distance.
    error_m = np.linalg.norm(take.joints_m - truth.joints_m, axis=-1)
    assert (error_m / truth.joints_m[..., 2]).mean(axis=-1).max() < 0.12
