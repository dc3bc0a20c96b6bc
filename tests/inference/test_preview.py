"""The preview: the rasteriser, the overlay's place in the picture, and the files that come out."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.camera import Camera
from inference.contract import ErrorCode, HandsError, Take, write_take
from inference.engines.engine import WEIGHTS_DIR
from inference.hands.joints import SIDES
from inference.hands.open_hand import load_hand_models
from inference.hands.rotations import quat_wxyz_to_matrix, rotvec_to_quat_wxyz
from inference.hands.skinning import pose_hand
from inference.media import open_source
from inference.preview.overlay import COLOURS, draw_mesh, draw_points, posed_mesh, vertex_normals
from inference.preview.rasterizer import rasterize
from inference.preview.smoothed import smoothed_take
from inference.preview.write import PreviewOptions, write_preview
from tests.pictures import movie_index, movie_level, save, save_movie

MODELS = load_hand_models(WEIGHTS_DIR)


def hand_take(source: Path | None, frame_count: int = 1, size_px: tuple[int, int] = (320, 240)) -> Take:
    """Both hands open towards the camera, side by side, moving a little; over a real source or none."""
    camera = Camera.from_horizontal_fov(60, size_px)
    upright = rotvec_to_quat_wxyz([0, 0, np.pi / 2])  # fingers of the right hand up
    quat = np.zeros((2, frame_count, 16, 4))
    quat[..., 0] = 1
    quat[0, :, 0], quat[1, :, 0] = upright, upright * [1, 1, -1, -1]
    wrist = np.zeros((2, frame_count, 3))
    wrist[0], wrist[1] = (-0.08, 0.08, 0.4), (0.08, 0.08, 0.4)
    wrist[..., 0] += 0.004 * np.arange(frame_count)
    joints = np.zeros((2, frame_count, 21, 3))
    for index, side in enumerate(SIDES):
        joints[index] = pose_hand(MODELS[side], quat_wxyz_to_matrix(quat[index]), np.zeros(10), wrist[index]).points_m
    info = open_source(source).info if source else None
    return Take(
        source=str(source or "/gone/away.mp4"),
        source_sha256=info.sha256 if info else "0" * 64,
        picture_size_px=size_px,
        fps=24.0 if frame_count > 1 else 0.0,
        frames=np.arange(1, frame_count + 1),
        readable=np.ones(frame_count, bool),
        focal_px=camera.focal_px,
        principal_px=camera.principal_px,
        focal_source="given",
        engine="fake",
        engine_settings={},
        model_name="open",
        model_licence="CC0-1.0",
        model_sha256=(MODELS["right"].sha256, MODELS["left"].sha256),
        complete=True,
        present=np.ones((2, frame_count), bool),
        confidence=np.ones((2, frame_count)),
        quat_wxyz=quat,
        translation_m=wrist,
        betas=np.zeros((2, 10)),
        joints_px=camera.project(joints),
        joints_px_confidence=np.ones((2, frame_count, 21)),
        joints_m=joints,
    )


def preview(
    take: Take, folder: Path, out: Path | None = None, options: PreviewOptions | None = None, cancel: bool = False
) -> tuple[Path, list[Mapping[str, Any]]]:
    write_take(take, folder / "a.hands.npz")
    records: list[Mapping[str, Any]] = []
    cancelled = threading.Event()
    if cancel:
        cancelled.set()
    path = write_preview(
        folder / "a.hands.npz",
        out,
        MODELS,
        options=options or PreviewOptions(),
        report=records.append,
        cancelled=cancelled,
    )
    return path, records


# --- rasteriser -----------------------------------------------------------------------------------------------------

SQUARE = np.array([[2.0, 1.0], [7.0, 1.0], [7.0, 5.0], [2.0, 5.0]])
TWO = np.array([[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize("triangles", [TWO, TWO[:, ::-1]])
def test_pixels_whose_centre_is_inside_are_covered_once(triangles: np.ndarray) -> None:
    raster = rasterize(SQUARE, np.ones(4), triangles, (10, 8))
    expected = np.zeros((8, 10), bool)
    expected[1:6, 2:8] = True
    np.testing.assert_array_equal(raster.triangle >= 0, expected)
    np.testing.assert_allclose(raster.barycentric.sum(-1), expected, atol=1e-6)


def test_weights_give_back_the_place() -> None:
    raster = rasterize(SQUARE, np.ones(4), TWO, (10, 8))
    rows, columns = np.nonzero(raster.triangle >= 0)
    corners = SQUARE[TWO[raster.triangle[rows, columns]]]
    place = np.einsum("nc,ncd->nd", raster.barycentric[rows, columns], corners)
    np.testing.assert_allclose(place, np.column_stack([columns, rows]), atol=1e-5)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_triangle_wins_in_any_order(order: list[int]) -> None:
    points = np.concatenate([SQUARE[:3], SQUARE[:3]])
    triangles = np.array([[0, 1, 2], [3, 4, 5]])[order]
    raster = rasterize(points, np.array([2.0, 2, 2, 1, 1, 1]), triangles, (10, 8))
    seen = set(raster.triangle[raster.triangle >= 0].tolist())
    assert seen == {order.index(1)}


def test_triangles_that_cross_are_cut_where_they_cross() -> None:
    """Depth follows perspective: 1/z is linear in the picture, so 1..3 m meets 1.5 m at 1/z = 2/3, half way."""
    square = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 4.0], [0.0, 4.0]])
    points = np.concatenate([square, square])
    depth = np.array([1.0, 3.0, 3.0, 1.0, 1.5, 1.5, 1.5, 1.5])
    raster = rasterize(points, depth, np.concatenate([TWO, TWO + 4]), (101, 5))
    sloped = raster.triangle[2] < 2
    assert sloped.sum() == pytest.approx(50, abs=1)
    assert sloped[:49].all()


def test_what_is_outside_flat_or_behind_the_camera_is_left_out() -> None:
    points = np.array([[-50.0, -50.0], [-40.0, -50.0], [-40.0, -40.0], [1.0, 1.0], [5.0, 5.0], [3.0, 3.0], [1e7, -1e7]])
    triangles = np.array([[0, 1, 2], [3, 4, 5]])
    assert rasterize(points, np.ones(7), triangles, (8, 8)).triangle.max() == -1
    assert rasterize(SQUARE, -np.ones(4), TWO, (10, 8)).triangle.max() == -1


def test_many_samples_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points, depth = rng.uniform(-5, 45, (60, 2)), rng.uniform(0.5, 2, 60)
    triangles = rng.integers(0, 60, (40, 3))
    whole = rasterize(points, depth, triangles, (40, 40))
    monkeypatch.setattr("inference.preview.rasterizer._SAMPLES_AT_ONCE", 100)
    parts = rasterize(points, depth, triangles, (40, 40))
    np.testing.assert_array_equal(parts.triangle, whole.triangle)
    np.testing.assert_array_equal(parts.barycentric, whole.barycentric)


# --- overlay --------------------------------------------------------------------------------------------------------


def test_normals_look_outwards() -> None:
    model = MODELS["right"]
    normals = vertex_normals(model.v_template, model.triangles)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-9)
    finger = model.lbs_weights[:, 2] > 0.9
    outward = model.v_template[finger] - model.v_template[finger].mean(axis=0)
    assert np.mean(np.sum(outward * normals[finger], axis=1) > 0) > 0.85


@pytest.mark.parametrize("oversampling", [1, 2, 3])
def test_the_mesh_lies_where_the_camera_sees_it(oversampling: int) -> None:
    take = hand_take(None)
    mesh = posed_mesh(take, 0, MODELS)
    assert mesh is not None
    black = np.zeros((240, 320, 3), np.uint8)
    drawn = draw_mesh(black, mesh, take.focal_px, take.principal_px, oversampling)
    rows, columns = np.nonzero(drawn.any(axis=2))
    seen = take.focal_px * mesh.vertices_m[:, :2] / mesh.vertices_m[:, 2:] + take.principal_px
    np.testing.assert_allclose([columns.min(), columns.max()], [seen[:, 0].min(), seen[:, 0].max()], atol=1.6)
    np.testing.assert_allclose([rows.min(), rows.max()], [seen[:, 1].min(), seen[:, 1].max()], atol=1.6)
    for index, side in enumerate(SIDES):
        x, y = np.rint(take.project_px()[index, 0, 4]).astype(int)  # a knuckle lies inside the hand
        strongest = int(np.argmax(COLOURS[side]))
        assert int(np.argmax(drawn[y, x])) == strongest
    assert not black.any()


def test_hands_outside_the_picture_change_nothing() -> None:
    take = hand_take(None)
    take.translation_m[..., 0] += 5
    mesh = posed_mesh(take, 0, MODELS)
    assert mesh is not None
    grey = np.full((240, 320, 3), 99, np.uint8)
    np.testing.assert_array_equal(draw_mesh(grey, mesh, take.focal_px, take.principal_px), grey)


def test_a_frame_without_hands_has_no_mesh() -> None:
    take = hand_take(None)
    take.present[:] = False
    assert posed_mesh(take, 0, MODELS) is None


def test_points_are_drawn_on_the_joints() -> None:
    take = hand_take(None)
    take.present[1] = False
    drawn = draw_points(np.zeros((480, 640, 3), np.uint8), take, 0, scale=2.0)
    for x, y in np.rint((take.joints_px[0, 0] + 0.5) * 2 - 0.5).astype(int):
        assert drawn[y - 3 : y + 4, x - 3 : x + 4].any()
    assert not drawn[:, 400:].any()


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_picture_gives_a_picture(tmp_path: Path) -> None:
    source = save(tmp_path / "one.png", np.full((240, 320, 3), 200, np.uint8))
    path, records = preview(hand_take(source), tmp_path)
    assert path == tmp_path / "a.preview.png"
    drawn = np.asarray(Image.open(path))
    assert drawn.shape == (240, 320, 3)
    untouched = np.all(drawn == 200, axis=2).mean()
    assert 0.5 < untouched < 0.95
    assert [record["record"] for record in records] == ["progress"]


def test_a_movie_gives_a_movie_of_the_same_length(tmp_path: Path) -> None:
    source = save_movie(tmp_path / "clip.mp4", 10, size=(320, 240))
    path, records = preview(hand_take(source, 10), tmp_path)
    assert path == tmp_path / "a.preview.mp4"
    info = open_source(path).info
    assert (len(info.numbers), info.picture_size_px, round(info.fps)) == (10, (320, 240), 24)
    assert [record["done"] for record in records] == list(range(1, 11))
    capture = cv2.VideoCapture(str(path))
    for index in range(10):
        _, bgr = capture.read()
        level = float(
            bgr[:20, :20].mean()
        )  # the source's own frame lies behind; encoded twice, it is off by some levels
        assert level == pytest.approx(movie_level(index), abs=9)


def test_every_second_frame_plays_at_half_speed(tmp_path: Path) -> None:
    source = save_movie(tmp_path / "clip.mp4", 12, size=(320, 240))
    take = hand_take(source, 6)
    take = replace(take, frames=np.arange(6) * 2 + 1)
    path, _ = preview(take, tmp_path)
    info = open_source(path).info
    assert (len(info.numbers), round(info.fps)) == (6, 12)


def test_one_frame_of_a_movie(tmp_path: Path) -> None:
    source = save_movie(tmp_path / "clip.mp4", 10, size=(320, 240))
    path, _ = preview(hand_take(source, 10), tmp_path, tmp_path / "x.jpg", PreviewOptions(points=True, frame=7))
    assert movie_index(np.asarray(Image.open(path))[:20, :20]) == 6


def test_odd_sizes_are_made_even_for_the_encoder(tmp_path: Path) -> None:
    path, _ = preview(hand_take(None, 3, size_px=(321, 241)), tmp_path)
    assert open_source(path).info.picture_size_px == (320, 240)


@pytest.mark.parametrize("frame_count", [1, 3])
def test_a_source_that_is_gone_is_replaced_by_grey(tmp_path: Path, frame_count: int) -> None:
    path, records = preview(hand_take(None, frame_count), tmp_path)
    assert path.stat().st_size > 0
    assert records[0]["code"] == "source_missing"


def test_a_source_that_moved_with_its_take_is_found(tmp_path: Path) -> None:
    source = save(tmp_path / "one.png", np.full((240, 320, 3), 200, np.uint8))
    take = replace(hand_take(source), source="/elsewhere/one.png")
    _, records = preview(take, tmp_path)
    assert [record["record"] for record in records] == ["progress"]


def test_a_source_that_changed_is_told(tmp_path: Path) -> None:
    source = save(tmp_path / "one.png", np.full((240, 320, 3), 200, np.uint8))
    take = hand_take(source)
    save(source, np.full((240, 320, 3), 90, np.uint8))
    _, records = preview(take, tmp_path)
    assert records[0]["code"] == "source_changed"


@pytest.mark.parametrize(
    ("out", "options", "code"),
    [
        ("x.mp4", PreviewOptions(), ErrorCode.USAGE),
        ("x.gif", PreviewOptions(), ErrorCode.USAGE),
        (None, PreviewOptions(frame=99), ErrorCode.USAGE),
        ("nowhere/x.png", PreviewOptions(), ErrorCode.OUTPUT_NOT_WRITABLE),
    ],
)
def test_what_cannot_be_drawn(tmp_path: Path, out: str | None, options: PreviewOptions, code: ErrorCode) -> None:
    with pytest.raises(HandsError) as caught:
        preview(hand_take(None), tmp_path, None if out is None else tmp_path / out, options)
    assert caught.value.code is code


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = save(tmp_path / "one.png", np.full((240, 320, 3), 200, np.uint8))
    for named in (source, Path("/gone/one.png")):  # where the take says it is, and beside the take
        with pytest.raises(HandsError) as caught:
            preview(replace(hand_take(source), source=str(named)), tmp_path, source)
        assert caught.value.code is ErrorCode.USAGE
    assert (np.asarray(Image.open(source)) == 200).all()


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(HandsError) as caught:
        preview(hand_take(None, 5), tmp_path, cancel=True)
    assert caught.value.code is ErrorCode.CANCELLED
    assert [path.name for path in tmp_path.iterdir()] == ["a.hands.npz"]


# --- smoothed -------------------------------------------------------------------------------------------------------


def jumping_take(frame_count: int = 40) -> Take:
    """`hand_take` with wrists that jitter."""
    take = hand_take(None, frame_count)
    take.translation_m[..., :2] += np.random.default_rng(0).normal(0.0, 0.004, (2, frame_count, 2))
    return take


def test_smoothed_the_hands_move_less_and_stay_where_they_were_seen() -> None:
    take = jumping_take()
    take.present[0, 10:14] = False
    smooth = smoothed_take(take, MODELS, 0.5)
    np.testing.assert_array_equal(smooth.present, take.present)
    before, after = (np.abs(np.diff(item.translation_m[1, :, 0], 2)).mean() for item in (take, smooth))
    assert after < before / 2
    np.testing.assert_array_equal(smooth.translation_m[0, 10:14], take.translation_m[0, 10:14])
    # The joints that are drawn belong to the hand that is drawn.
    np.testing.assert_allclose(smooth.joints_m[1, :, 0], smooth.translation_m[1], atol=1e-9)
    np.testing.assert_array_equal(smoothed_take(take, MODELS, 0.0).quat_wxyz[:, :10], take.quat_wxyz[:, :10])


def test_a_smoothed_preview_differs_and_the_take_file_does_not(tmp_path: Path) -> None:
    take = jumping_take()
    raw, _ = preview(take, tmp_path, tmp_path / "raw.png", PreviewOptions(points=True, frame=20))
    stored = (tmp_path / "a.hands.npz").read_bytes()
    smooth, _ = preview(take, tmp_path, tmp_path / "s.png", PreviewOptions(points=True, frame=20, smoothing=0.5))
    assert (tmp_path / "a.hands.npz").read_bytes() == stored
    assert np.any(np.asarray(Image.open(raw)) != np.asarray(Image.open(smooth)))
