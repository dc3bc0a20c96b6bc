"""The shipped demo picture and clip: whole, small, free, true, and seen by the shipped nets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.__main__ import main
from inference.contract import Take, read_take
from inference.hands.joints import PARENTS
from inference.hands.model import HandModel
from inference.media.source_hash import movie_hash, picture_hash
from tools.demo_scene import choreography
from tools.demo_scene.arm import build_skin, pose_arm
from tools.demo_scene.surface import loop_subdivision, open_edge

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "demo"
RIGHT, LEFT = 0, 1


@pytest.fixture(scope="module")
def model() -> HandModel:
    return HandModel.load(ROOT / "weights" / "open_hand.npz")


@pytest.fixture(scope="module")
def clip_truth() -> Take:
    return read_take(DEMO / "clip_truth.npz")


def test_picture_is_whole_and_small() -> None:
    picture = cv2.imread(str(DEMO / "picture.jpg"))
    assert picture is not None
    assert picture.shape == (720, 1280, 3)
    assert picture.std() > 20
    assert (DEMO / "picture.jpg").stat().st_size < 400_000


def test_clip_is_whole_and_small(clip_truth: Take) -> None:
    movie = cv2.VideoCapture(str(DEMO / "clip.mp4"))
    assert abs(movie.get(cv2.CAP_PROP_FPS) - clip_truth.fps) < 1e-3
    count = 0
    while True:
        done, frame = movie.read()
        if not done:
            break
        assert frame.shape == (540, 960, 3)
        count += 1
    movie.release()
    assert count == len(clip_truth.frames) == choreography.FRAME_COUNT
    assert (DEMO / "clip.mp4").stat().st_size < 1_500_000


def test_licence_is_stated_for_every_file() -> None:
    text = (DEMO / "README.md").read_text(encoding="utf-8")
    assert "CC0 1.0" in text
    for path in DEMO.iterdir():
        if path.is_file() and path.name != "README.md":
            assert f"`{path.name}`" in text, f"{path.name} is not described"


@pytest.mark.parametrize("name", ["picture", "clip"])
def test_truth_is_consistent(name: str) -> None:
    truth = read_take(DEMO / f"{name}_truth.npz")
    width, height = truth.picture_size_px
    seen = truth.joints_px_confidence > 0
    assert np.abs(truth.project_px() - truth.joints_px).max() < 1e-3
    assert np.all(truth.joints_px[seen] > -0.5)
    assert np.all(truth.joints_px[seen] < np.array([width, height]) - 0.5)
    assert np.allclose(truth.joints_m[:, :, 0], truth.translation_m, atol=1e-9)
    for hand in (RIGHT, LEFT):
        joints = truth.joints_m[hand, truth.present[hand]]
        bones = np.linalg.norm(joints[:, 1:16] - joints[:, list(PARENTS[1:])], axis=-1)
        assert np.ptp(bones, axis=0).max() < 1e-6
    assert np.allclose(truth.betas[RIGHT], truth.betas[LEFT])


def test_truth_belongs_to_its_files() -> None:
    assert read_take(DEMO / "picture_truth.npz").source_sha256 == picture_hash(DEMO / "picture.jpg")
    assert read_take(DEMO / "clip_truth.npz").source_sha256 == movie_hash(DEMO / "clip.mp4")


def test_left_hand_leaves_the_clip_and_comes_back(clip_truth: Take) -> None:
    assert clip_truth.present[RIGHT].all()
    gone = np.flatnonzero(~clip_truth.present[LEFT])
    assert 5 <= len(gone) <= 25
    assert np.all(np.diff(gone) == 1)
    assert clip_truth.present[LEFT, -1]


def test_the_script_still_makes_this_clip(model: HandModel, clip_truth: Take) -> None:
    points = choreography.perform_clip(model).points_m
    width, height = clip_truth.picture_size_px
    projected = clip_truth.focal_px * points[..., :2] / points[..., 2:] + [(width - 1) / 2, (height - 1) / 2]
    seen = clip_truth.present
    # A newer hand model may move the joints a little; another motion would move them far.
    assert np.linalg.norm(projected - clip_truth.joints_px, axis=-1)[seen].mean() < 6


def test_index_tips_meet(clip_truth: Take) -> None:
    frame = round(choreography.TOUCH_TIME_S * clip_truth.fps)
    tips = clip_truth.joints_m[:, frame, 17]
    assert np.linalg.norm(tips[RIGHT] - tips[LEFT]) < 0.01


def test_the_nets_see_both_hands_of_the_clip(tmp_path: Path, clip_truth: Take) -> None:
    options = ["--focal-mm", str(choreography.FOCAL_MM), "--step", "4"]
    assert main(["reconstruct", str(DEMO / "clip.mp4"), "--out", str(tmp_path), *options]) == 0
    take = read_take(tmp_path / "clip.hands.npz")
    assert np.all(np.isin(take.frames, clip_truth.frames))
    index = np.searchsorted(clip_truth.frames, take.frames)
    wanted = clip_truth.present[:, index]
    both = wanted & take.present
    assert both.sum() >= 0.9 * wanted.sum()
    distance_px = np.linalg.norm(take.project_px() - clip_truth.joints_px[:, index], axis=-1).mean(axis=-1)
    share = distance_px / np.maximum(clip_truth.box_side_px()[:, index], 1.0)
    # Sides exchanged would give more than a whole box.
    assert np.median(share[both]) < 0.05
    assert np.quantile(share[both], 0.95) < 0.15


def test_subdivision_keeps_planes_and_borders() -> None:
    square = np.array([[0, 1, 2], [0, 2, 3]])
    matrix, triangles = loop_subdivision(square, 4, 2)
    assert np.allclose(matrix.sum(axis=1), 1.0)
    assert len(triangles) == 2 * 4**2
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    fine = matrix @ corners
    area = np.cross(fine[triangles[:, 1]] - fine[triangles[:, 0]], fine[triangles[:, 2]] - fine[triangles[:, 0]])[:, 2]
    assert np.all(area > 0)
    assert np.allclose(fine[:, 2], 0)


def test_forearm_continues_the_wrist(model: HandModel) -> None:
    performance = choreography.perform_picture(model)
    for hand in (RIGHT, LEFT):
        skin = build_skin(performance.models[hand], performance.betas, levels=1)
        arm = pose_arm(skin, performance.motions[hand], 0)
        edges = arm.skin_m[skin.triangles] - arm.skin_m[np.roll(skin.triangles, 1, axis=1)]
        assert np.linalg.norm(edges, axis=-1).max() < 0.02
        assert np.allclose(arm.points_m, performance.points_m[hand, 0], atol=1e-9)
        # The elbow's end is the only opening.
        assert np.linalg.norm(arm.skin_m[open_edge(skin.triangles)] - arm.points_m[0], axis=-1).min() > 0.15


def test_a_closed_surface_has_no_wrist() -> None:
    tetrahedron = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
    with pytest.raises(ValueError, match="closed"):
        open_edge(tetrahedron)
