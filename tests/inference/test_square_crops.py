"""Which part of a picture the two-hand network sees, and the way back from there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.crops import CROP_PX, SquareCrop, crop_around, dataset_crop, sure_points, whole_picture

AUTHORS = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "interhand_mini" / "some_invalid"

crops = st.builds(
    SquareCrop,
    st.tuples(st.floats(-3000, 8000), st.floats(-3000, 8000)),
    st.floats(4, 9000),
    st.sampled_from([64, 128, CROP_PX]),
)
points = st.tuples(st.floats(-5000, 10000), st.floats(-5000, 10000))


def smooth_picture(width: int, height: int) -> np.ndarray:
    """Slow waves, so that bilinear sampling is nearly exact."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [np.sin(x / 19 + phase) * np.cos(y / 23 - phase) for phase in (0.0, 1.0, 2.0)]
    return np.rint(127.5 + 110 * np.stack(waves, axis=-1)).astype(np.uint8)


@given(crops, points)
def test_the_way_back_undoes_the_way_there(crop: SquareCrop, point: tuple[float, float]) -> None:
    there = crop.to_crop(point)
    np.testing.assert_allclose(crop.to_picture(there), point, rtol=0, atol=1e-7)
    np.testing.assert_allclose(crop.matrix() @ [*point, 1.0], there, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(crop.to_picture(np.array([0.0, 0.0])), crop.corner_px, atol=1e-9)


@given(crops)
def test_the_centre_of_the_square_is_the_middle_of_the_crop(crop: SquareCrop) -> None:
    np.testing.assert_allclose(crop.to_crop(crop.centre_px), [crop.size_px / 2] * 2, atol=1e-7)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("turned", [True, False], ids=["high", "wide"])
def test_a_picture_longer_than_opencv_takes_is_cut_all_the_same(smooth: bool, turned: bool) -> None:
    picture = np.zeros((400, 40_000, 3), np.uint8)
    picture[:, 20_000:] = 200
    crop = whole_picture((400, 40_000) if turned else (40_000, 400))
    cut = crop.cut(np.ascontiguousarray(picture.swapaxes(0, 1)) if turned else picture, smooth=smooth)
    row = (cut.swapaxes(0, 1) if turned else cut)[1, :, 0]
    assert np.all(row[:126] == 0)
    assert np.all(row[130:] == 200)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize(
    ("corner", "side"), [((31.7, 12.2), 100.0), ((40.0, 30.0), 256.0), ((-25.5, 60.25), 300.0), ((3.0, 5.0), 390.0)]
)
def test_a_crop_shows_what_its_map_says(smooth: bool, corner: tuple[float, float], side: float) -> None:
    picture, crop = smooth_picture(420, 400), SquareCrop(corner, side)
    cut = crop.cut(picture, smooth=smooth).astype(float)
    at = np.array([[20, 30], [128, 128], [200, 90], [77, 222]])
    where = crop.to_picture(at)
    inside = np.all((where >= 2) & (where <= [417, 397]), axis=1)
    y, x = where[:, 1], where[:, 0]
    waves = [np.sin(x / 19 + phase) * np.cos(y / 23 - phase) for phase in (0.0, 1.0, 2.0)]
    expected = 127.5 + 110 * np.stack(waves, axis=-1)
    assert inside.sum() >= 3
    np.testing.assert_allclose(cut[at[inside, 1], at[inside, 0]], expected[inside], atol=3)


@pytest.mark.parametrize("factor", [2.6, 5.3, 11.0])
def test_a_smooth_crop_of_a_large_picture_stays_in_place(factor: float) -> None:
    side = factor * CROP_PX
    width = int(side) + 41
    y, x = np.mgrid[:width, :width]
    dot = np.exp(-((x - 0.6 * width) ** 2 + (y - 0.3 * width) ** 2) / (2 * (6 * factor) ** 2))
    picture = np.repeat(np.rint(250 * dot).astype(np.uint8)[..., None], 3, axis=-1)
    crop = SquareCrop((13.3, 7.9), side)
    seen = crop.cut(picture)[..., 0].astype(float)
    rows, columns = np.mgrid[:CROP_PX, :CROP_PX]
    centroid = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
    np.testing.assert_allclose(centroid, crop.to_crop([0.6 * width, 0.3 * width]), atol=0.05)


def test_fine_stripes_become_grey_where_the_crop_is_smooth() -> None:
    stripes = np.zeros((2048, 2048, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = SquareCrop((0.0, 0.0), 2048.0)
    assert crop.cut(stripes)[20:-20, 20:-20].std() < 1
    assert crop.cut(stripes, smooth=False)[20:-20, 20:-20].max() != 127


def test_outside_of_the_picture_it_is_black() -> None:
    picture = np.full((50, 80, 3), 200, np.uint8)
    crop = SquareCrop((-40.0, -40.0), 160.0)
    cut = crop.cut(picture)
    assert cut[5, 5].max() == 0
    assert cut[100, 100].min() == 200
    assert SquareCrop((1000.0, 1000.0), 40.0).cut(picture).max() == 0
    assert SquareCrop((-900.0, -900.0), 40.0).cut(picture).max() == 0


def test_the_whole_picture_lies_top_left() -> None:
    picture = smooth_picture(334, 512)
    cut = whole_picture((334, 512)).cut(picture, smooth=False)
    expected = cv2.warpAffine(picture, np.array([[0.5, 0, 0], [0, 0.5, 0]]), (256, 256), flags=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(cut, expected)
    assert cut[:, 168:].max() == 0


def test_the_data_set_s_crop_is_a_square_round_the_box() -> None:
    crop = dataset_crop((100.0, 50.0, 80.0, 200.0))
    assert crop.side_px == 250.0
    assert crop.centre_px == (140.0, 150.0)


def test_the_data_set_s_crop_is_the_authors() -> None:
    if not AUTHORS.is_dir():
        pytest.skip("the fixtures are not beside this copy of the project")
    sample = np.load(AUTHORS / "first_sample.npz")
    capture, camera, frame = str(sample["ids"][0]).split("/")
    path = AUTHORS / f"dataset/images/test/Capture{capture}/0001_mini/cam{camera}/image{frame}.jpg"
    bgr = cv2.imread(str(path))
    assert bgr is not None
    x, y, width, height = (float(value) for value in sample["bbox"][0])
    square = dataset_crop((x, y, width, height), margin=1.0)
    shrunk = dataset_crop((x + 0.1 * width, y + 0.1 * height, 0.8 * width, 0.8 * height))
    np.testing.assert_allclose([*square.corner_px, square.side_px], [*shrunk.corner_px, shrunk.side_px], rtol=1e-6)
    cut = square.cut(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8), smooth=False)
    np.testing.assert_allclose(cut, 255 * sample["crop"].transpose(1, 2, 0), atol=1.01)


@given(st.lists(points, min_size=2, max_size=42))
def test_a_crop_holds_all_that_it_is_put_round(spots: list[tuple[float, float]]) -> None:
    crop = crop_around(spots)
    assert crop is not None
    inside = crop.to_crop(spots)
    assert inside.min() >= -1e-6
    assert inside.max() <= CROP_PX + 1e-6


def test_nothing_to_hold_is_no_crop() -> None:
    assert crop_around(np.zeros((0, 2))) is None
    assert crop_around([[np.nan, 3.0]]) is None
    assert crop_around([[0.0, 0.0], [1e9, 0.0]]) is None
    lone = crop_around([[5.0, 5.0]])
    assert lone is not None
    assert lone.side_px >= 8


def test_doubtful_and_far_peaks_do_not_widen_the_crop() -> None:
    rng = np.random.default_rng(0)
    spots = 100 + 20 * rng.random((21, 2))
    confidence = np.full(21, 0.8)
    spots[3], confidence[3] = [600.0, 100.0], 0.05  # no peak at all
    spots[7] = [100.0, 900.0]  # sure, and elsewhere
    kept = sure_points([(spots, confidence)])
    assert len(kept) == 19
    assert kept.max() <= 120
    both = sure_points([(spots, confidence), (spots + 300, confidence)])
    assert len(both) == 38
    assert len(sure_points([(spots, np.zeros(21))])) == 0
    assert len(sure_points([])) == 0
