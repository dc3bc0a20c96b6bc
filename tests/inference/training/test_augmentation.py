"""Varied pictures and their varied truth belong together; whatever has a side changes it in a mirror."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.datasets import Intrinsics
from inference.training.augmentation import (
    NO_VARIATION,
    Variation,
    as_a_camera_would,
    cut_varied,
    draw_variation,
)
from inference.training.background import draw_background, hands_mask
from inference.training.batch import TrainingBatch
from inference.training.configuration import AugmentationSettings
from inference.training.dataset_stream import DatasetStream
from tests.inference.training.made_run import made_set

PAPER = AugmentationSettings()
FLIPPED = AugmentationSettings(shift=0, scale=0, rotation_chance=0, flip_chance=1, colour=0)
JOINT = 4


@pytest.mark.parametrize("seed", range(8))
def test_dots_land_where_the_matrix_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    variation = draw_variation(rng, PAPER)
    dot = rng.uniform((60, 60), (240, 140))
    picture = np.zeros((200, 300, 3), np.uint8)
    centre = [int(value) for value in np.rint(16 * dot)]
    cv2.circle(picture, centre, 16 * 3, (255, 255, 255), -1, cv2.LINE_AA, 4)
    box = (float(dot[0]) - 30, float(dot[1]) - 25, 60.0, 50.0)
    matrix = variation.crop_matrix(box, 300)
    assert np.allclose(centroid(cut_varied(picture, matrix)[..., 0]), matrix[:, :2] @ dot + matrix[:, 2], atol=0.4)


def centroid(channel: NDArray[Any]) -> NDArray[np.float64]:
    weight = channel.astype(float)
    y, x = np.mgrid[: channel.shape[0], : channel.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("seed", range(8))
def test_the_moved_truth_is_seen_where_the_moved_picture_shows_it(seed: int) -> None:
    """Exact where crop and camera share their middle: the turn about the crop is one about the camera's axis there."""
    rng = np.random.default_rng(seed)
    variation = replace(draw_variation(rng, PAPER), shift=(0.0, 0.0), flip=seed % 2 == 0)
    camera = Intrinsics((400.0, 400.0), (149.5, 99.5))
    points = rng.normal((0, 0, 800), 60, (2, 21, 3))
    matrix = variation.crop_matrix((109.5, 59.5, 80.0, 80.0), 300)
    in_crop = variation.swap_hands(camera.project(points) @ matrix[:, :2].T + matrix[:, 2])
    factor = 256 / (1.25 * 80 * variation.scale)
    crop_camera = Intrinsics((400 * factor, 400 * factor), (128.0, 128.0))
    assert np.allclose(crop_camera.project(variation.move_points(points)), in_crop, atol=1e-6)


def test_a_mirror_keeps_the_mirrored_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    box = (20.0, 30.0, 40.0, 30.0)
    # The mirrored picture's box, cut as usual, is what the flip gives.
    plain = cut_varied(picture[:, ::-1].copy(), NO_VARIATION.crop_matrix((127 - 60.0, 30.0, 40.0, 30.0), 128))
    flipped = cut_varied(picture, Variation(flip=True).crop_matrix(box, 128))
    # OpenCV rounds places to 1/32 of a pixel; a whole pixel's error in this noise would be ten times as much.
    assert np.abs(plain.astype(int) - flipped).max() <= 12


class DottedPictures:
    """A data set whose pictures show one joint of each hand: right red, left blue."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def picture(self, sample: int) -> NDArray[np.uint8]:
        picture = np.zeros((256, 384, 3), np.uint8)
        points = self._dataset.truth(np.array([sample])).points_mm[0, :, JOINT]
        for (x, y), colour in zip(self.intrinsics(sample).project(points), ((255, 0, 0), (0, 0, 255)), strict=True):
            cv2.circle(picture, [round(16 * float(x)), round(16 * float(y))], 16 * 3, colour, -1, cv2.LINE_AA, 4)
        return picture

    def box_px(self, sample: int) -> tuple[float, float, float, float]:
        points = self._dataset.truth(np.array([sample])).points_mm[0, :, JOINT]
        pixels = self.intrinsics(sample).project(points)
        low, size = pixels.min(axis=0) - 20, np.ptp(pixels, axis=0) + 40
        return float(low[0]), float(low[1]), float(size[0]), float(size[1])


def test_batches_say_where_the_picture_shows_each_hand(tmp_path: Path) -> None:
    dataset = DottedPictures(made_set(tmp_path, "interacting"))
    stream: Any = DatasetStream(dataset, batch=8, augmentation=PAPER, seed=3)  # type: ignore[arg-type]  # by __getattr__
    flips: list[bool] = []
    for number, batch in zip(range(2), stream.batches(0, 1), strict=False):
        for place in range(8):
            variation = draw_variation(np.random.default_rng([3, 8 * number + place, 1]), PAPER)
            flips.append(variation.flip)
            for hand in range(2):
                if not bool(batch.vertices_valid[place, hand]):
                    continue
                # A mirrored right hand is a left one: hand 1 then shows the dot that was drawn red.
                channel = (0, 2)[1 - hand if variation.flip else hand]
                shown = batch.picture[place, channel].numpy()
                expected = batch.joints_px[place, hand, JOINT].numpy()
                assert shown.max() > 0.5
                assert np.allclose(centroid(shown), expected, atol=1.0)
    assert set(flips) == {True, False}


def test_flips_swap_everything_that_has_a_side_but_for_the_authors_slip(tmp_path: Path) -> None:
    dataset = made_set(tmp_path)

    def first(settings: AugmentationSettings) -> TrainingBatch:
        return next(DatasetStream(dataset, batch=12, augmentation=settings, seed=0).batches(0, 1))

    plain, flipped = first(replace(FLIPPED, flip_chance=0)), first(FLIPPED)
    slip = first(replace(FLIPPED, swap_fit_validity=False))
    for name in ("points_valid", "hand_present", "betas", "fit_valid"):
        ours, theirs = getattr(flipped.targets, name), getattr(plain.targets, name)
        assert ours.equal(theirs.flip(1)), name
        assert not ours.equal(theirs), name
    assert slip.targets.fit_valid.equal(plain.targets.fit_valid)
    assert slip.targets.betas.equal(flipped.targets.betas)
    mirrored = plain.targets.points_mm.flip(1) * plain.targets.points_mm.new_tensor([-1.0, 1.0, 1.0])
    assert flipped.targets.points_mm.equal(mirrored)
    assert flipped.vertices_mm[..., 1:].equal(plain.vertices_mm.flip(1)[..., 1:])
    seen = plain.targets.points_valid.flip(1) > 0
    # Plain crops place the box's middle at 128, mirrored ones too: columns mirror about it.
    assert np.allclose(flipped.joints_px[seen][:, 0], 256 - plain.joints_px.flip(1)[seen][:, 0], atol=1e-3)
    assert np.allclose(flipped.joints_px[seen][:, 1], plain.joints_px.flip(1)[seen][:, 1], atol=1e-3)


def test_variations_follow_the_paper() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_variation(rng, PAPER) for _ in range(4000)]
    shifts = np.array([item.shift for item in drawn])
    angles = np.rad2deg([item.rotation_rad for item in drawn])
    scales = np.array([item.scale for item in drawn])
    assert 0.14 < np.abs(shifts).max() <= 0.15
    assert (scales.min(), scales.max()) == pytest.approx((0.75, 1.25))
    assert np.mean(angles != 0) == pytest.approx(0.6, abs=0.03)
    assert np.abs(angles).max() == pytest.approx(90)
    assert np.std(angles[angles != 0]) == pytest.approx(45 * 0.955, rel=0.1)
    assert np.mean([item.flip for item in drawn]) == pytest.approx(0.5, abs=0.03)
    colours = np.array([item.colour for item in drawn])
    assert (colours.min(), colours.max()) == pytest.approx((0.8, 1.2), abs=1e-3)
    still = AugmentationSettings(shift=0, scale=0, rotation_chance=0, flip_chance=0, colour=0)
    assert draw_variation(rng, still) == NO_VARIATION


def test_a_camera_s_faults_stay_pictures_and_come_by_chance() -> None:
    picture = np.random.default_rng(1).random((64, 64, 3)).astype(np.float32)
    assert np.array_equal(as_a_camera_would(picture, np.random.default_rng(0), 0.0), picture)
    results = [as_a_camera_would(picture, np.random.default_rng(seed), 1.0) for seed in range(20)]
    for result in results:
        assert result.shape == picture.shape
        assert result.dtype == np.float32
        assert 0 <= result.min() < result.max() <= 1
    assert not np.array_equal(results[0], results[1])


def test_jpeg_alone_keeps_colours_in_their_channels() -> None:
    red = np.zeros((64, 64, 3), np.float32)
    red[..., 0] = 0.8

    class JpegOnly:
        """Says no to everything but the last question."""

        asked = 0

        def random(self) -> float:
            self.asked += 1
            return 0.0 if self.asked == 5 else 1.0

        def integers(self, low: int, high: int) -> int:
            return high

    result = as_a_camera_would(red, JpegOnly(), 0.5)  # type: ignore[arg-type]  # all that is asked of it
    assert not np.array_equal(result, red)
    assert np.abs(result - red).max() < 0.05


def test_another_background_keeps_the_hands(tmp_path: Path) -> None:
    dataset = made_set(tmp_path, "interacting")
    still = AugmentationSettings(shift=0, scale=0, rotation_chance=0, flip_chance=0, colour=0)
    plain, changed = (
        next(DatasetStream(dataset, batch=8, augmentation=settings, seed=0).batches(0, 1))
        for settings in (still, replace(still, background=1.0))
    )
    fitted = plain.vertices_valid.prod(dim=1) > 0
    assert bool(fitted.any())
    for place in range(8):
        difference = (plain.picture[place] - changed.picture[place]).abs().amax(dim=0)
        if not bool(fitted[place]):  # nothing says where the hand without a fit ends
            assert float(difference.max()) == 0
            continue
        assert float((difference > 0.02).float().mean()) > 0.3
        vertices = []
        for x, y in plain.joints_px[place].flatten(0, 1).round().int().tolist():
            if 0 <= x < 256 and 0 <= y < 256:
                vertices.append(float(difference[y, x]))
        assert max(vertices, default=0.0) < 0.02


def test_a_mask_covers_its_triangles_with_a_soft_rim() -> None:
    square = np.array([[80.0, 80], [160, 80], [160, 160], [80, 160]])
    mask = hands_mask([(square, np.array([[0, 1, 2], [0, 2, 3]]))], 256)
    assert mask[82:158, 82:158].min() > 0.99
    assert mask[:60].max() == 0
    assert mask[72:76, 120].min() > 0
    background = draw_background(np.random.default_rng(0), 64)
    assert background.shape == (64, 64, 3)
    assert 0 <= background.min() <= background.max() <= 1
