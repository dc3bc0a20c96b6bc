"""Rotations: there and back at every angle, and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from inference.hands import rotations
from tests.rotation_strategies import rotvecs

Array = NDArray[np.float64]
IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])


def quaternions() -> st.SearchStrategy[Array]:
    """Unit quaternions of both signs."""
    return st.tuples(rotvecs(), st.sampled_from([-1.0, 1.0])).map(
        lambda pair: pair[1] * rotations.rotvec_to_quat_wxyz(pair[0])
    )


@given(rotvecs())
def test_matrices_and_quaternions_of_rotation_vectors_agree_with_scipy(rotvec: Array) -> None:
    expected = Rotation.from_rotvec(rotvec)
    np.testing.assert_allclose(rotations.rotvec_to_matrix(rotvec), expected.as_matrix(), atol=1e-14)
    quat = rotations.rotvec_to_quat_wxyz(rotvec)
    xyzw = expected.as_quat()
    assert abs(quat @ np.roll(xyzw, 1)) == pytest.approx(1, abs=1e-14)


@given(rotvecs())
def test_rotation_vectors_survive_the_way_through_matrices(rotvec: Array) -> None:
    back = rotations.matrix_to_rotvec(rotations.rotvec_to_matrix(rotvec))
    assert np.linalg.norm(back) <= np.pi + 1e-12
    np.testing.assert_allclose(rotations.rotvec_to_matrix(back), rotations.rotvec_to_matrix(rotvec), atol=1e-14)
    if np.linalg.norm(rotvec) < np.pi - 1e-6:  # at pi itself, two vectors are one rotation
        np.testing.assert_allclose(back, rotvec, atol=1e-14)


@given(rotvecs())
def test_tiny_rotation_vectors_keep_their_digits_in_quaternions(rotvec: Array) -> None:
    tiny = rotvec * 1e-9
    back = rotations.quat_wxyz_to_rotvec(rotations.rotvec_to_quat_wxyz(tiny))
    np.testing.assert_allclose(back, tiny, rtol=1e-12, atol=1e-300)


@given(quaternions())
def test_quaternions_survive_the_way_through_matrices_with_w_not_negative(quat: Array) -> None:
    back = rotations.matrix_to_quat_wxyz(rotations.quat_wxyz_to_matrix(quat))
    assert back[0] >= 0
    assert np.linalg.norm(back) == pytest.approx(1, abs=1e-15)
    assert abs(back @ quat) == pytest.approx(1, abs=1e-14)


@given(quaternions())
def test_matrices_are_rotations(quat: Array) -> None:
    matrix = rotations.quat_wxyz_to_matrix(quat)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-14)


@given(quaternions(), quaternions())
def test_multiplying_quaternions_multiplies_matrices(first: Array, second: Array) -> None:
    product = rotations.quat_wxyz_to_matrix(rotations.multiply_quat_wxyz(first, second))
    expected = rotations.quat_wxyz_to_matrix(first) @ rotations.quat_wxyz_to_matrix(second)
    np.testing.assert_allclose(product, expected, atol=1e-14)


def test_half_turns_about_every_axis() -> None:
    for axis in np.eye(3):
        matrix = 2 * np.outer(axis, axis) - np.eye(3)
        np.testing.assert_allclose(rotations.matrix_to_quat_wxyz(matrix), [0, *axis], atol=1e-15)
        np.testing.assert_allclose(np.abs(rotations.matrix_to_rotvec(matrix)), np.pi * axis, atol=1e-15)


def test_leading_shapes_are_kept() -> None:
    rotvec = np.random.default_rng(0).normal(size=(2, 5, 16, 3))
    matrix = rotations.rotvec_to_matrix(rotvec)
    quat = rotations.matrix_to_quat_wxyz(matrix)
    assert matrix.shape == (2, 5, 16, 3, 3)
    assert quat.shape == (2, 5, 16, 4)
    one = rotations.matrix_to_quat_wxyz(matrix[1, 3, 7])
    np.testing.assert_array_equal(quat[1, 3, 7], one)


def test_normalising_a_zero_quaternion_gives_the_identity() -> None:
    quats = np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 3.0, 4.0]])
    np.testing.assert_allclose(rotations.normalise_quat_wxyz(quats), [IDENTITY, [0, 0, 0.6, 0.8]])


@given(st.lists(quaternions(), min_size=1, max_size=12), st.sampled_from([0, 1]))
def test_aligned_signs_keep_the_rotations_and_never_turn_the_long_way(quats: list[Array], axis: int) -> None:
    track = np.stack(quats)  # (F, 4)
    stacked = np.stack([track, track[::-1]], axis=1 - axis)
    aligned = np.moveaxis(rotations.align_quat_signs(stacked, axis=axis), axis, 0)
    original = np.moveaxis(stacked, axis, 0)
    np.testing.assert_array_equal(np.abs(aligned), np.abs(original))
    np.testing.assert_array_equal(aligned[0], original[0])
    assert np.all(np.sum(aligned[1:] * aligned[:-1], axis=-1) >= 0)
    np.testing.assert_allclose(
        rotations.quat_wxyz_to_matrix(aligned), rotations.quat_wxyz_to_matrix(original), atol=1e-15
    )


def test_aligning_signs_leaves_its_argument_alone() -> None:
    track = np.array([IDENTITY, -IDENTITY, IDENTITY])
    rotations.align_quat_signs(track)
    np.testing.assert_array_equal(track, [IDENTITY, -IDENTITY, IDENTITY])
