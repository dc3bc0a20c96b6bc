"""Squares round hands in torch: the same as `detect.region` and `detect.crops`, the left hand's in a mirror."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.detect.crops import CropSource
from inference.detect.region import Region
from inference.networks.hand_regions import axes_to_picture, cut_crops, regions_of, to_crop, to_picture

CROP_PX = 224
REGIONS = torch.tensor(
    [
        [[40.0, 52.0, 60.0, 0.4, 1.0], [88.0, 30.0, 90.0, -2.2, 1.0]],
        [[10.0, 90.0, 200.0, 3.1, 1.0], [64.0, 64.0, 40.0, 0.0, 0.0]],
    ]
)


def smooth_picture(height: int = 100, width: int = 128) -> NDArray[np.uint8]:
    """Bright enough to be left as it is, and told from its mirror image."""
    y, x = np.mgrid[:height, :width]
    channels = [120 + 110 * np.sin(0.05 * x + 0.03 * y), 130 + 100 * np.cos(0.04 * y), 40 + 1.5 * x]
    return np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)


@given(st.integers(0, 2**32 - 1), st.floats(-500, 500), st.floats(2, 400))
@settings(max_examples=60, deadline=None)
def test_a_hand_asks_for_the_same_square_as_in_numpy(seed: int, shift: float, size: float) -> None:
    joints = np.random.default_rng(seed).normal(shift, size, (21, 2))
    expected = Region.from_joints(joints)
    x, y, side, angle, known = regions_of(torch.from_numpy(joints)).tolist()
    assert (x, y) == pytest.approx(expected.center_px, rel=1e-9, abs=1e-7)
    assert side == pytest.approx(expected.side_px, rel=1e-9)
    assert expected.turn_from(Region((0.0, 0.0), 1.0, angle)) < 1e-9
    assert known == 1


def test_squares_of_many_hands_are_those_of_each() -> None:
    joints = torch.randn(3, 2, 21, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    together = regions_of(joints)
    assert together.shape == (3, 2, 5)
    torch.testing.assert_close(together[2, 1], regions_of(joints[2, 1]))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_in_and_out_of_a_crop_and_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    regions = np.stack(
        [
            rng.uniform(-100, 900, (2, 2)),
            rng.uniform(-100, 900, (2, 2)),
            rng.uniform(10, 500, (2, 2)),
            rng.uniform(-4, 4, (2, 2)),
            np.ones((2, 2)),
        ],
        axis=-1,
    )
    points = torch.from_numpy(rng.uniform(-300, 500, (2, 2, 21, 2)))
    where = torch.from_numpy(regions)
    torch.testing.assert_close(to_crop(to_picture(points, where, CROP_PX), where, CROP_PX), points)


def test_points_lie_where_the_numpy_region_puts_them() -> None:
    points = torch.randn(2, 2, 21, 2, generator=torch.Generator().manual_seed(2)) * 60 + 112
    seen = to_picture(points, REGIONS, CROP_PX).numpy()
    for row in range(2):
        for hand in range(2):
            x, y, side, angle, _ = REGIONS[row, hand].tolist()
            matrix = Region((x, y), side, angle).matrix(CROP_PX)
            here = points[row, hand].numpy().astype(np.float64)
            if hand == 1:
                here[:, 0] = CROP_PX - 1 - here[:, 0]
            np.testing.assert_allclose(seen[row, hand], here @ matrix[:, :2].T + matrix[:, 2], atol=1e-3)


def test_axes_are_rotations_and_the_left_hands_mirror() -> None:
    axes = axes_to_picture(REGIONS)
    identity = torch.eye(3).expand(2, 2, 3, 3)
    torch.testing.assert_close(axes @ axes.transpose(-1, -2), identity, atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.linalg.det(axes), torch.tensor([[1.0, -1.0]] * 2))


def test_crops_show_what_the_engine_cuts() -> None:
    rgb = smooth_picture()
    picture = torch.from_numpy(rgb).permute(2, 0, 1).float().div(255).expand(2, -1, -1, -1)
    crops = cut_crops(picture, REGIONS, CROP_PX)
    assert crops.shape == (2, 2, 3, CROP_PX, CROP_PX)
    source = CropSource(rgb)
    for row in range(2):
        for hand in range(2):
            x, y, side, angle, _ = REGIONS[row, hand].tolist()
            expected = source.crop(Region((x, y), side, angle), CROP_PX, replicate=True, flip=hand == 1)
            ours = crops[row, hand].permute(1, 2, 0).numpy()
            np.testing.assert_allclose(ours, expected, atol=0.02)
            assert np.abs(ours - ours[:, ::-1]).max() > 0.1  # a mirror image would not pass unseen


def test_half_precision_moves_no_point() -> None:
    """Under autocast a product of matrices keeps eight bits: coarser than a pixel."""
    points = torch.rand(2, 2, 21, 2, generator=torch.Generator().manual_seed(3)) * CROP_PX
    expected = to_picture(points, REGIONS, CROP_PX)
    with torch.autocast("cpu", torch.bfloat16):
        seen = to_picture(points, REGIONS, CROP_PX)
        back = to_crop(expected, REGIONS, CROP_PX)
    assert torch.equal(seen, expected)
    torch.testing.assert_close(back, points, atol=1e-3, rtol=0)
    assert (expected - expected.to(torch.bfloat16).float()).abs().max() > 0.2
