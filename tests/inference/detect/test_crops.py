"""Cutting regions out of pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inference.detect.cover import CoveredSource
from inference.detect.crops import CropSource
from inference.detect.region import Region


def gradient(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x % 256, y % 256, np.zeros_like(x)], axis=-1).astype(np.uint8)


def test_an_upright_region_of_the_crops_size_is_the_picture_itself():
    rgb = gradient(200, 200)
    crop = CropSource(rgb).crop(Region((99.5, 79.5), 64), 64, replicate=False)
    np.testing.assert_allclose(crop * 255, rgb[48:112, 68:132], atol=1e-3)


def test_a_quarter_turn_turns_the_pixels():
    rgb = gradient(200, 200)
    crop = CropSource(rgb).crop(Region((99.5, 99.5), 64, math.pi / 2), 64, replicate=False)
    np.testing.assert_allclose(crop * 255, np.rot90(rgb[68:132, 68:132]), atol=1)


def test_flipped_crops_are_mirrored():
    source, region = CropSource(gradient(200, 200)), Region((90, 110), 80, 0.3)
    plain, flipped = (source.crop(region, 64, replicate=True, flip=flip) for flip in (False, True))
    np.testing.assert_allclose(flipped, plain[:, ::-1], atol=2 / 255)


def test_outside_of_the_picture_it_is_black_or_the_edge_goes_on():
    source = CropSource(np.full((20, 20, 3), 200, np.uint8))
    region = Region((-30, 10), 40)
    assert source.crop(region, 32, replicate=False).max() == 0
    np.testing.assert_allclose(source.crop(region, 32, replicate=True), 200 / 255, atol=1e-6)


def test_a_fine_pattern_shrinks_to_its_mean():
    rgb = np.zeros((1024, 1024, 3), np.uint8)
    rgb[::2, ::2] = rgb[1::2, 1::2] = 255
    crop = CropSource(rgb).crop(Region.whole(1024, 1024), 64, replicate=True)
    assert np.abs(crop - 0.5).max() < 0.05


def test_shrinking_does_not_shift():
    # One bright square in the middle of an odd-sized picture stays in the middle of the crop.
    rgb = np.zeros((1001, 1001, 3), np.uint8)
    rgb[450:551, 450:551] = 255
    crop = CropSource(rgb).crop(Region.whole(1001, 1001), 101, replicate=True)[..., 0]
    y, x = np.mgrid[:101, :101]
    assert (crop * x).sum() / crop.sum() == pytest.approx(50, abs=0.05)
    assert (crop * y).sum() / crop.sum() == pytest.approx(50, abs=0.05)


def test_only_dark_crops_are_brightened():
    dark = CropSource(np.full((50, 50, 3), 20, np.uint8)).crop(Region.whole(50, 50), 32, replicate=True)
    np.testing.assert_allclose(dark, 0.9 - 20 / 255, atol=0.01)
    usual = CropSource(np.full((50, 50, 3), 150, np.uint8)).crop(Region.whole(50, 50), 32, replicate=True)
    np.testing.assert_allclose(usual, 150 / 255, atol=1e-6)
    black = CropSource(np.zeros((50, 50, 3), np.uint8)).crop(Region.whole(50, 50), 32, replicate=True)
    assert black.max() == 0


@pytest.mark.parametrize("size", [(40_000, 3), (3, 40_000), (1, 1), (2, 1)])
def test_pictures_of_extreme_sizes_can_be_cut(size):
    width, height = size
    source = CropSource(np.full((height, width, 3), 150, np.uint8))
    crop = source.crop(Region.whole(width, height), 192, replicate=True)
    np.testing.assert_allclose(crop, 150 / 255, atol=1e-3)
    assert source.crop(Region((width - 1.0, height - 1.0), 10, 1.0), 224, replicate=True).shape == (224, 224, 3)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_what_is_no_rgb_picture_is_refused(shape):
    with pytest.raises(ValueError, match="uint8"):
        CropSource(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("flip", [False, True])
def test_a_covered_hand_takes_the_colour_around_it(rendered, flip):
    picture = rendered("right_spread")
    source = CropSource(picture.rgb)
    joints = picture.joints_px["right"]
    region = Region.from_joints(joints)
    plain = source.crop(region, 224, replicate=True, flip=flip)
    covered = CoveredSource(source, joints).crop(region, 224, replicate=True, flip=flip)
    changed = np.abs(covered - plain).max(axis=-1) > 0.1
    assert 0.15 < changed.mean() < 0.6
    matrix = region.matrix(224)
    pixels = np.round((joints - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T).astype(int)
    if flip:
        pixels[:, 0] = 223 - pixels[:, 0]
    background = np.median(picture.rgb[:40].reshape(-1, 3), axis=0) / 255
    assert np.abs(covered[pixels[:, 1], pixels[:, 0]] - background).max() < 0.12
