"""Attention: where the features are looked at, and what carries a gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.networks.pose_attention import (
    attended_mean,
    attention_on_features,
    fit_scale_and_shift,
    joint_attention,
)


def made(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_scale_and_shift_are_those_of_numpys_least_squares() -> None:
    joints, peaks = 40 * made(5, 21, 2, seed=1) + 25, made(5, 21, 3, seed=2)
    peaks[..., :2] = peaks[..., :2] * 10 + 30
    peaks[3, 2:, 2] = 0  # two confident joints are enough
    scale, shift = fit_scale_and_shift(joints, peaks)
    assert scale.shape == (5, 1, 1) and shift.shape == (5, 1, 2)
    for picture in range(5):
        places, (columns, rows, confidence) = joints[picture].numpy(), peaks[picture].numpy().T
        zero, one = np.zeros(21), np.ones(21)
        left = np.concatenate(
            [np.stack([places[:, 0], one, zero], axis=1), np.stack([places[:, 1], zero, one], axis=1)]
        )
        weight = np.concatenate([confidence, confidence])
        expected = np.linalg.lstsq(left * weight[:, None], np.concatenate([columns, rows]) * weight, rcond=None)[0]
        found = [float(scale[picture]), *shift[picture, 0].tolist()]
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_single_precision_is_good_enough_far_from_the_origin() -> None:
    joints = made(2, 21, 2, seed=1) * 30 + 90
    peaks = torch.cat([0.2 * joints + 11, torch.ones(2, 21, 1, dtype=torch.float64)], dim=-1)
    scale, shift = fit_scale_and_shift(joints.float(), peaks.float())
    projected = scale * joints.float() + shift
    assert float((projected - peaks[..., :2]).abs().max()) < 1e-4


def test_without_confidence_or_spread_nothing_moves() -> None:
    joints, peaks = made(3, 21, 2), made(3, 21, 3, seed=1)
    peaks[0, :, 2] = 0
    joints[1] = joints[1, :1]  # all in one place
    scale, shift = fit_scale_and_shift(joints, peaks)
    assert scale[:2].flatten().tolist() == [1, 1]
    assert shift[:2].abs().max() == 0
    assert torch.isfinite(scale).all() and torch.isfinite(shift).all()
    assert scale[2] != 1


def test_the_fit_carries_no_gradient() -> None:
    joints, peaks = made(1, 21, 2).requires_grad_(), made(1, 21, 3, seed=1).requires_grad_()
    scale, shift = fit_scale_and_shift(joints, peaks)
    assert not scale.requires_grad and not shift.requires_grad


def test_joint_attention_is_the_soft_union_of_gaussians() -> None:
    points = torch.tensor([[[2.0, 5.0], [2.5, 5.0], [-40.0, 3.0]]], dtype=torch.float64)
    attention = joint_attention(points, 8)
    assert attention.shape == (1, 1, 8, 8)
    for row, column in ((5, 2), (5, 3), (0, 7)):
        gaussians = [np.exp(-((column - x) ** 2 + (row - y) ** 2) / 3) for x, y in points[0].tolist()]
        assert float(attention[0, 0, row, column]) == pytest.approx(1 - np.prod(1 - np.array(gaussians)), abs=1e-12)


def test_gradients_of_the_joint_attention() -> None:
    points = (made(2, 5, 2) * 2 + 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda moved: joint_attention(moved, 6), (points,))


def test_gradients_of_the_attended_mean() -> None:
    features = made(2, 3, 4, 4).requires_grad_()
    attention = made(2, 16, 16, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(attended_mean, (features, attention))


def test_flat_attention_gives_the_plain_mean_and_a_peak_its_cell() -> None:
    features = made(1, 3, 4, 4)
    flat = attended_mean(features, torch.zeros(1, 16, 16, dtype=torch.float64))
    torch.testing.assert_close(flat, features.mean(dim=(2, 3)))
    peak = torch.zeros(1, 16, 16, dtype=torch.float64)
    peak[0, 6, 13] = 1000.0  # row 1, column 3 of the features; between the pixels that "nearest" looks at
    torch.testing.assert_close(attended_mean(features, peak)[0], features[0, :, 1, 3], rtol=1e-2, atol=1e-2)


def test_attention_is_resized_to_the_nearest_pixel() -> None:
    attention = made(2, 64, 64)
    torch.testing.assert_close(attention_on_features(attention, 8), attention[:, None, ::8, ::8], rtol=0, atol=0)
