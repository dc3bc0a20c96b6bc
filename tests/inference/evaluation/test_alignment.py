"""Alignment takes out what it is meant to take out, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from inference.evaluation.alignment import align_by_palm, align_by_procrustes, palm_length
from inference.hands.rotations import rotvec_to_matrix


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 40, (5, 21, 3))


def test_palm_alignment_takes_out_place_and_size(points: np.ndarray) -> None:
    moved = 1.7 * points + [100.0, -20.0, 500.0]
    assert np.allclose(align_by_palm(moved, points, moved), points)
    vertices = np.random.default_rng(1).normal(0, 40, (5, 8, 3))
    assert np.allclose(align_by_palm(moved, points, 1.7 * vertices + [100.0, -20.0, 500.0]), vertices)
    turned = points @ rotvec_to_matrix([0.0, 0.0, 0.3]).T
    aligned = align_by_palm(turned, points, turned)
    assert np.allclose(aligned[:, 4], points[:, 4])
    assert np.allclose(palm_length(aligned), palm_length(points))
    assert not np.allclose(aligned, points, atol=1)


def test_a_palm_without_length_gives_no_number(points: np.ndarray) -> None:
    flat = np.zeros_like(points)
    assert not np.any(np.isfinite(align_by_palm(flat, points, flat)))


def test_procrustes_takes_out_every_similarity(points: np.ndarray) -> None:
    moved = 0.4 * points @ rotvec_to_matrix([0.5, -1.2, 2.0]).T + [3.0, 4.0, -5.0]
    assert np.allclose(align_by_procrustes(moved, points, np.ones((5, 21))), points)


def test_procrustes_does_not_turn_a_left_hand_into_a_right_one(points: np.ndarray) -> None:
    mirrored = points * [-1.0, 1.0, 1.0]
    aligned = align_by_procrustes(mirrored, points, np.ones((5, 21)))
    assert np.linalg.norm(aligned - points, axis=-1).mean() > 10


def test_procrustes_ignores_points_without_weight(points: np.ndarray) -> None:
    weights = np.ones((5, 21))
    weights[:, 3] = 0
    moved = points @ rotvec_to_matrix([0.1, 0.2, 0.3]).T
    moved[:, 3] += 1000
    aligned = align_by_procrustes(moved, points, weights)
    kept = weights[0] > 0
    assert np.allclose(aligned[:, kept], points[:, kept])


def test_procrustes_is_the_closest_similarity(points: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    noisy = points + rng.normal(0, 5, points.shape)
    weights = rng.uniform(0.1, 1, (5, 21))
    aligned = align_by_procrustes(noisy, points, weights)

    def cost(guess: np.ndarray) -> np.ndarray:
        return (weights * np.square(guess - points).sum(-1)).sum(1)

    for _ in range(30):
        turn = rotvec_to_matrix(rng.normal(0, 0.02, 3))
        other = (1 + rng.normal(0, 0.02)) * aligned @ turn.T + rng.normal(0, 0.5, 3)
        assert np.all(cost(other) >= cost(aligned))
