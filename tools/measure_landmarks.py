"""Measure where the landmark net puts its points beside the open hand's joints: `inference/fit/landmark_offsets.py`.

Renders single right hands with known joints, asks the shipped nets, and finds the offsets in the joints' anatomical
frames that explain the answers best. Needs bpy; ten seconds a picture. From the repository root::

    python -m tools.measure_landmarks --pictures 90 --folder /tmp/landmark_offsets
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bpy
import cv2
import numpy as np
from numpy.typing import NDArray

from inference.detect.finder import HandFinder
from inference.fit.kinematics import HandState, Skeletons
from inference.hands.joint_axes import joint_frames
from inference.hands.joints import JOINT_COUNT, POINT_NAMES, TIP_PARENTS
from inference.hands.model import HandModel
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import forward_kinematics, pose_hand, shaped_rest
from tools import render_hand_pictures as pictures

Array = NDArray[np.float64]

WEIGHTS: Final = Path(__file__).resolve().parents[1] / "weights"
SAMPLES: Final = 14
NOT_UNDERSTOOD: Final = 0.06
"""Median error, as a share of the box, from which the nets are taken to have misread a hand."""
OUTLIER_SHARE: Final = 0.03
_FACING = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Known:
    """One rendered hand: its points, and the axes of the joints that carry them."""

    points_m: Array  # (21, 3)
    axes: Array  # (21, 3, 3)


def random_state(model: HandModel, rng: np.random.Generator) -> HandState:
    """A hand of random shape and pose, seen from the palm, the back or the side, about half a metre away."""
    skeletons = Skeletons([model])
    low, high, relaxed, spread = skeletons.limits.T
    rotvec = np.zeros((5, 3, 3))
    rotvec[skeletons.free] = np.clip(relaxed + 0.5 * spread * rng.normal(size=len(relaxed)), low, high)
    rotvec[4] *= 0.8
    curl = rng.random()
    for finger in range(4):
        own = np.clip(curl + rng.normal(0, 0.2), 0, 1) if rng.random() < 0.75 else rng.random()
        knuckle, middle = np.clip(own * 75 + rng.normal(0, 8), -15, 88), np.clip(own * 95 + rng.normal(0, 8), 0, 108)
        rotvec[finger, :, 0] = np.deg2rad([knuckle, middle, 0.62 * middle])
    yaw, pitch = rng.choice([0, 180, 0, 180, 90, -90]) + rng.normal(0, 25), rng.normal(0, 22)
    turn = _FACING
    for axis, degrees in ((1, yaw), (0, pitch), (2, rng.uniform(-60, 60))):
        turn = rotvec_to_matrix(np.deg2rad(degrees) * np.eye(3)[axis]) @ turn
    betas = 0.6 * rng.normal(size=(1, 1, model.shape_count))
    state = HandState(np.zeros((1, 1, 3)), turn[None, None], rotvec[None, None], betas)
    middle_m = skeletons.points_m(state)[0, 0].mean(axis=0)
    state.translation_m[0, 0] = [*rng.normal(0, 0.02, 2), rng.uniform(0.4, 0.6)] - middle_m
    return state


def render(model: HandModel, rng: np.random.Generator, path: Path) -> Known:
    """Render one hand (unless the picture is there already) and say where its points are."""
    state = random_state(model, rng)
    local = Skeletons([model]).local_matrices(state)[0, 0]
    betas, wrist_m = state.betas[0, 0], state.translation_m[0, 0]
    posed = pose_hand(model, local, betas, wrist_m)
    if not path.exists():
        pictures._stage(rng, SAMPLES)
        forearm = pictures._forearm(model, posed.vertices_m, local[0])
        mesh = bpy.data.meshes.new("hand")
        vertices = np.concatenate([posed.vertices_m, forearm]) * pictures.CAMERA_TO_BLENDER
        mesh.from_pydata(vertices.tolist(), [], pictures._faces(model))
        mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
        mesh.materials.append(pictures._skin(pictures.SKIN_TONES[rng.integers(len(pictures.SKIN_TONES))]))
        scene: Any = bpy.context.scene
        scene.collection.objects.link(bpy.data.objects.new("hand", mesh))
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
    rest = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])
    carriers = [*range(JOINT_COUNT), *TIP_PARENTS]
    world, _ = forward_kinematics(local, shaped_rest(model, betas)[1], wrist_m)
    return Known(posed.points_m, (world @ joint_frames(rest, model.side))[carriers])


def project(points_m: Array) -> Array:
    return pictures.FOCAL_PX * points_m[..., :2] / points_m[..., 2:] + (pictures.SIZE_PX - 1) / 2


def best_offset_m(known: list[Known], errors: Array, boxes_px: Array, point: int) -> tuple[Array, Array]:
    """The offset (3,) that best explains a point's errors (hands, 2), shares of the box; and its standard error."""
    rows = []
    for hand, box_px in zip(known, boxes_px, strict=True):
        x, y, z = hand.points_m[point]
        by_point = np.array([[1.0, 0.0, -x / z], [0.0, 1.0, -y / z]]) * pictures.FOCAL_PX / z
        rows.append(by_point @ hand.axes[point] / box_px)
    matrix, weight = np.array(rows), np.ones(len(rows))
    offset, normal, left = np.zeros(3), np.eye(3), np.zeros(len(rows))
    for _ in range(10):
        normal = np.einsum("n,nij,nik->jk", weight, matrix, matrix) + 1e-3 * np.eye(3)
        offset = np.linalg.solve(normal, np.einsum("n,nij,ni->j", weight, matrix, errors))
        left = np.linalg.norm(errors - matrix @ offset, axis=-1)
        weight = 1.0 / (1.0 + (left / OUTLIER_SHARE) ** 2) ** 2
    variance = 0.5 * np.average(left**2, weights=weight)
    return offset, np.sqrt(variance * np.diag(np.linalg.inv(normal)))


def main() -> None:
    """Render, detect, solve, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=90)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    pictures.SIZE_PX, pictures.FOCAL_PX = 360, 465.0  # type: ignore[misc]  # smaller pictures render faster
    model = HandModel.load(WEIGHTS / "open_hand.npz")
    finder = HandFinder(WEIGHTS, threads=1)
    known, errors, boxes = [], [], []
    for number in range(arguments.pictures):
        path = arguments.folder / f"{number:04d}.jpg"
        hand = render(model, np.random.default_rng(5000 + number), path)
        picture = cv2.imread(str(path))
        assert picture is not None
        seen = finder.find(np.ascontiguousarray(picture[..., ::-1], dtype=np.uint8)).get("right")
        if seen is None:
            continue
        truth_px = project(hand.points_m)
        box_px = float(np.ptp(truth_px, axis=0).max())
        error = (seen.joints_px - truth_px) / box_px
        if np.median(np.linalg.norm(error, axis=-1)) < NOT_UNDERSTOOD:
            known.append(hand)
            errors.append(error)
            boxes.append(box_px)
    everything, sizes = np.array(errors), np.array(boxes)
    print(f"{len(known)} of {arguments.pictures} hands understood; mm along X, Y, Z of the carrying joint")
    for point, name in enumerate(POINT_NAMES):
        offset, doubt = best_offset_m(known, everything[:, point], sizes, point)
        print(f"{name:11s}", np.round(1e3 * offset, 1), "+-", np.round(1e3 * doubt, 1))


if __name__ == "__main__":
    main()
