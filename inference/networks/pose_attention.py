"""Hand-pose-aware attention: where a feature map should look, from heat maps or from the previous stage's joints."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_GAUSSIAN_SPREAD_PX2 = 3.0
_LEAST_WEIGHT = 0.01
_LEAST_SPREAD = 1e-10
"""Below this share of their distance from the origin, squared, joints lie in one place."""


def attention_on_features(attention: Tensor, size: int) -> Tensor:
    """One hand's attention (B, S, S) on a feature map's grid: (B, 1, size, size), nearest pixel."""
    return functional.interpolate(attention.unsqueeze(1), size=(size, size), mode="nearest")


def attended_mean(features: Tensor, attention: Tensor) -> Tensor:
    """(B, C) mean of features (B, C, size, size), weighted by one hand's attention (B, S, S).

    A cell weighs as much as the largest attention in it: a hand's peaks are narrow and must not fall between the
    pixels that are looked at. Where the attention is flat, as before training, this is the plain mean.
    """
    size = features.shape[-1]
    weight = functional.relu(functional.adaptive_max_pool2d(attention.unsqueeze(1), size)) + _LEAST_WEIGHT
    return (features * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))


def fit_scale_and_shift(joints_xy: Tensor, peaks_xyc: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift that bring 3-D joints onto their heat-map peaks.

    Minimises sum_j c_j^2 |s J_j + t - p_j|^2, without gradient (the paper's section 3.3). The solution of the 3x3
    normal equations is written out: the shift joins the weighted centres, the scale follows about them.

    Parameters
    ----------
    joints_xy : (B, J, 2) x and y of the joints, any unit
    peaks_xyc : (B, J, 3) heat-map column, row and confidence

    Returns
    -------
    scale (B, 1, 1) and shift (B, 1, 2); where the equations are singular (all confidences zero, or all confident
    joints in one place) the points are not moved: scale 1, shift 0
    """
    with torch.no_grad():
        weight = peaks_xyc[..., 2:].square()
        total = weight.sum(1, keepdim=True)
        share = weight / torch.where(total > 0, total, 1)
        peaks = peaks_xyc[..., :2]
        joints_centre, peaks_centre = ((share * points).sum(1, keepdim=True) for points in (joints_xy, peaks))
        joints_about = joints_xy - joints_centre
        spread = (share * joints_about.square()).sum((1, 2), keepdim=True)
        size = (share * joints_xy.square()).sum((1, 2), keepdim=True)
        singular = ~(spread > _LEAST_SPREAD * size)
        agreement = (share * joints_about * (peaks - peaks_centre)).sum((1, 2), keepdim=True)
        scale = torch.where(singular, 1, agreement / torch.where(singular, 1, spread))
        return scale, torch.where(singular, 0, peaks_centre - scale * joints_centre)


def joint_attention(points_px: Tensor, size: int) -> Tensor:
    """Soft union of Gaussians around joints: 1 - prod_j (1 - exp(-d_j^2 / 3)), (B, 1, size, size).

    `points_px` (B, J, 2) are in the feature map's pixels.
    """
    grid = torch.arange(size, dtype=points_px.dtype, device=points_px.device)
    # exp(-(dx^2 + dy^2) / 3) separates into a row and a column factor
    columns = torch.exp(-((grid - points_px[..., :1]) ** 2) / _GAUSSIAN_SPREAD_PX2)
    rows = torch.exp(-((grid - points_px[..., 1:]) ** 2) / _GAUSSIAN_SPREAD_PX2)
    gaussians = rows.unsqueeze(-1) * columns.unsqueeze(-2)
    return 1 - (1 - gaussians).prod(dim=1, keepdim=True)
