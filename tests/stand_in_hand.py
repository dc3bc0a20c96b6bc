"""Made-up hand models with the layout of the real ones: random geometry, so nothing of theirs is in the repository."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix

from inference.hands.joints import PARENTS, Side
from inference.hands.model import HandModel

SEEDS: dict[Side, int] = {"right": 11, "left": 12}
MANO_TIPS = (745, 317, 444, 556, 673)
"""InterShape's fingertip vertices: thumb, index, middle, ring, pinky."""
_FINGER_BASES = [(0.09, 0.0, 0.025), (0.095, 0.0, 0.0), (0.075, 0.0, -0.045), (0.088, 0.0, -0.022), (0.03, -0.01, 0.03)]


def mano_arrays(seed: int, side: Side) -> dict[str, Any]:
    """The arrays of an official MANO file by their names there; every number comes from the seed."""
    rng = np.random.Generator(np.random.PCG64(seed))
    count = 778
    parents = np.array(PARENTS)
    joints = np.zeros((16, 3))
    for finger, base in enumerate(_FINGER_BASES):
        for step in range(3):
            along = [0.03 * step, 0.0, 0.012 * step if finger == 4 else 0.0]
            joints[1 + 3 * finger + step] = np.add(base, along)
    owner = rng.integers(0, 16, count)
    template = joints[owner] + rng.normal(0, 0.008, (count, 3))
    if side == "right":
        template[:, 0] *= -1
    weights = np.zeros((count, 16))
    weights[np.arange(count), owner] = 0.8
    weights[np.arange(count), np.where(parents[owner] < 0, owner, parents[owner])] += 0.2
    regressor = np.zeros((16, count))
    for joint in range(16):
        rows = np.where(owner == joint)[0]
        share = rng.random(len(rows))
        regressor[joint, rows] = share / share.sum()
    return {
        "v_template": template,
        "shapedirs": rng.normal(0, 0.002, (count, 3, 10)),
        "posedirs": rng.normal(0, 0.0005, (count, 3, 135)),
        "J_regressor": regressor,
        "J": regressor @ template,
        "weights": weights,
        "f": rng.integers(0, count, (1538, 3)).astype(np.uint32),
        "hands_components": np.linalg.qr(rng.normal(size=(45, 45)))[0],
        "hands_mean": rng.normal(0, 0.2, 45),
        "hands_coeffs": rng.normal(size=(1554, 45)),
        "kintree_table": np.stack([parents.astype(np.int64) & 0xFFFFFFFF, np.arange(16)]),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


@cache
def mano_like(side: Side) -> HandModel:
    """The stand-in for MANO as a `HandModel`: 778 vertices, triangles, 10 shape components, a mean pose."""
    arrays = mano_arrays(SEEDS[side], side)
    regressor = arrays["J_regressor"]
    triangles = arrays["f"].astype(np.int32)
    return HandModel(
        name="stand-in",
        licence="CC0-1.0",
        side=side,
        v_template=arrays["v_template"],
        shapedirs=arrays["shapedirs"],
        posedirs=arrays["posedirs"],
        lbs_weights=arrays["weights"],
        joint_template=regressor @ arrays["v_template"],
        joint_shapedirs=np.einsum("jv,vcs->jcs", regressor, arrays["shapedirs"]),
        pose_mean_rotvec=arrays["hands_mean"].reshape(15, 3),
        polygons=np.column_stack([triangles, np.full(len(triangles), -1, dtype=np.int32)]),
        tip_vertices=np.array(MANO_TIPS, dtype=np.int32),
    )


@cache
def small_hand(side: Side) -> HandModel:
    """Forty vertices, quads and triangles, texture coordinates: for tests that pose or break many hands."""
    whole = mano_like(side)
    rng = np.random.default_rng(5)
    polygons = np.array([rng.permutation(40)[:4] for _ in range(30)], dtype=np.int32)
    polygons[20:, 3] = -1
    return replace(
        whole,
        name="small stand-in",
        v_template=whole.v_template[:40],
        shapedirs=whole.shapedirs[:40],
        posedirs=whole.posedirs[:40],
        lbs_weights=whole.lbs_weights[:40],
        polygons=polygons,
        tip_vertices=np.array([3, 9, 12, 25, 39], dtype=np.int32),
        uv=rng.random((30, 4, 2)),
    )


def write_mano_pickle(folder: Path, side: Side) -> Path:
    """The stand-in as an official file, for readers of such files."""
    arrays = mano_arrays(SEEDS[side], side)
    path = folder / f"MANO_{side.upper()}.pkl"
    path.write_bytes(pickle.dumps(arrays | {"J_regressor": csc_matrix(arrays["J_regressor"])}, protocol=2))
    return path
