"""Bringing a predicted hand onto the true one before distances are taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import MIDDLE_MCP

Array = NDArray[np.float64]


def palm_length(points: Array) -> Array:
    """(...,) distance from wrist to middle MCP joint of points (..., 21, 3)."""
    return np.asarray(np.linalg.norm(points[..., MIDDLE_MCP, :] - points[..., 0, :], axis=-1))


def align_by_palm(predicted_points: Array, true_points: Array, moved: Array) -> Array:
    """Move predicted points so that the middle MCP joints coincide and the palms are equally long.

    Parameters
    ----------
    predicted_points, true_points : (..., 21, 3)
    moved : (..., K, 3) what is moved, joints or vertices of the prediction

    Returns
    -------
    (..., K, 3); not finite where the predicted palm has no length
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = (palm_length(true_points) / palm_length(predicted_points))[..., None, None]
        root, target = predicted_points[..., [MIDDLE_MCP], :], true_points[..., [MIDDLE_MCP], :]
        return (moved - root) * scale + target


def align_by_procrustes(predicted: Array, true: Array, weights: Array) -> Array:
    """The similarity (rotation, scale, shift) of the prediction that brings it closest to the truth.

    Parameters
    ----------
    predicted, true : (n, K, 3)
    weights : (n, K) not negative; points with zero do not decide, but are moved with the rest

    Returns
    -------
    (n, K, 3) moved prediction. The rotation is a proper one: a mirrored hand is not turned into the right one
    (Umeyama 1991).
    """
    share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    predicted_mean = np.einsum("nk,nkc->nc", share, predicted)[:, None]
    true_mean = np.einsum("nk,nkc->nc", share, true)[:, None]
    from_mean, to_mean = predicted - predicted_mean, true - true_mean
    covariance = np.swapaxes(to_mean * share[..., None], 1, 2) @ from_mean
    left, stretch, right = np.linalg.svd(covariance)
    signs = np.ones_like(stretch)
    signs[:, 2] = np.sign(np.linalg.det(left @ right))
    rotation = (left * signs[:, None, :]) @ right
    variance = (share * np.square(from_mean).sum(axis=-1)).sum(axis=1)
    scale = (stretch * signs).sum(axis=1) / np.maximum(variance, 1e-12)
    return scale[:, None, None] * from_mean @ np.swapaxes(rotation, 1, 2) + true_mean
