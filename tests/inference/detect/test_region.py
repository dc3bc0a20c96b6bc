"""Rotated square regions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.detect.region import Region, rotate_to_picture

ANGLES = st.floats(-math.pi, math.pi)


def upright_joints() -> np.ndarray:
    """A flat hand that points up: wrist at (100, 200), middle fingertip straight above it (MANO order)."""
    joints = np.zeros((21, 2))
    joints[0] = 100, 200
    for finger, x in enumerate((80, 100, 140, 120, 60)):  # index, middle, pinky, ring, thumb
        for segment in range(3):
            joints[1 + 3 * finger + segment] = x, 130 - 25 * segment
        joints[16 + (finger + 1) % 5] = x, 55
    joints[[1, 4, 10, 7], 0] = 85, 100, 115, 130
    return joints


def test_a_region_from_joints_points_where_the_hand_points():
    region = Region.from_joints(upright_joints())
    assert abs(region.angle_rad) < math.radians(5)
    low, high = region.corners_px().min(axis=0), region.corners_px().max(axis=0)
    assert np.all(upright_joints() > low) and np.all(upright_joints() < high)


@given(ANGLES)
def test_a_region_turns_with_the_hand(angle):
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    before, after = Region.from_joints(upright_joints()), Region.from_joints(upright_joints() @ turn.T)
    difference = (after.angle_rad - before.angle_rad - angle + math.pi) % (2 * math.pi) - math.pi
    assert abs(difference) < 1e-9
    assert after.side_px == pytest.approx(before.side_px)
    np.testing.assert_allclose(after.center_px, turn @ before.center_px, atol=1e-9)


@given(ANGLES, st.floats(2, 500))
def test_the_matrix_maps_the_crop_onto_the_square(angle, side):
    region = Region((30.0, -20.0), side, angle)
    corners = np.array([[-0.5, -0.5], [223.5, -0.5], [223.5, 223.5], [-0.5, 223.5]])
    matrix = region.matrix(224)
    np.testing.assert_allclose(corners @ matrix[:, :2].T + matrix[:, 2], region.corners_px(), atol=1e-9)


def test_the_whole_picture_fits_its_region():
    low, high = Region.whole(640, 480).corners_px()[[0, 2]]
    np.testing.assert_allclose(low, [-0.5, -80.5])
    np.testing.assert_allclose(high, [639.5, 559.5])


def test_a_box_lies_in_the_middle_of_its_region():
    region = Region.from_box((10, 20, 100, 50))
    assert region.center_px == (59.5, 44.5)
    assert region.side_px > 100


def test_regions_from_nonsense_are_not_usable():
    assert not Region.from_joints(np.full((21, 2), np.nan)).usable
    assert not Region.from_joints(np.zeros((21, 2))).usable
    assert not Region.from_box((0, 0, 0, 0)).usable
    assert not Region.from_box((0, 0, 1e9, 1e9)).usable
    assert Region.from_joints(upright_joints()).usable


def test_near_regions_resemble_each_other_across_the_turn_of_half_a_circle():
    region = Region((50, 50), 100, math.pi - 0.05)
    assert region.resembles(Region((52, 50), 105, -math.pi + 0.05))
    assert not region.resembles(region.turned(0.5))
    assert not region.resembles(region.scaled(1.4))
    assert not region.resembles(Region((80, 50), 100, math.pi))


def test_vectors_turn_into_the_pictures_axes():
    turned = rotate_to_picture(np.array([[0.0, -1.0, 0.5]]), math.pi / 2)
    np.testing.assert_allclose(turned, [[1.0, 0.0, 0.5]], atol=1e-12)
