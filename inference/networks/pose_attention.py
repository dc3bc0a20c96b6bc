"""Hand-pose-aware attention: where a feature map should look, from heat maps or from the previous stage's joints."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_GAUSSIAN_SPREAD_PX2 = 3.0
_LEAST_WEIGHT = 0.01


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

    Minimises sum_j c_j^2 |s J_j + t - p_j|^2 by the 3x3 normal equations, without gradient (the paper's section 3.3).

    Parameters
    ----------
    joints_xy : (B, J, 2) x and y of the joints, any unit
    peaks_xyc : (B, J, 3) heat-map column, row and confidence

    Returns
    -------
    scale (B, 1, 1) and shift (B, 1, 2); where the system is singular (all confidences zero) the points are not moved
    """
    with torch.no_grad():
        x, y = joints_xy.unbind(-1)
        column, row, confidence = peaks_xyc.unbind(-1)
        weight = confidence * confidence
        total = weight.sum(1)
        sum_x, sum_y = (weight * x).sum(1), (weight * y).sum(1)
        squares = (weight * (x * x + y * y)).sum(1)
        zero = torch.zeros_like(total)
        normal = torch.stack([squares, sum_x, sum_y, sum_x, total, zero, sum_y, zero, total], dim=-1).unflatten(
            -1, (3, 3)
        )
        right_side = torch.stack(
            [(weight * (x * column + y * row)).sum(1), (weight * column).sum(1), (weight * row).sum(1)], dim=-1
        )
        # A determinant of zero means no confident joint, or all of them in one place.
        spread = total * (squares * total - sum_x * sum_x - sum_y * sum_y)
        singular = ~(spread.abs() > 1e-12 * (squares * total * total).clamp_min(1e-30))
        identity = torch.eye(3, dtype=normal.dtype, device=normal.device)
        normal = torch.where(singular[:, None, None], identity, normal)
        unmoved = torch.tensor([1.0, 0.0, 0.0], dtype=normal.dtype, device=normal.device)
        right_side = torch.where(singular[:, None], unmoved, right_side)
        solution = torch.linalg.solve(normal, right_side)
        return solution[:, :1, None], solution[:, None, 1:]


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
