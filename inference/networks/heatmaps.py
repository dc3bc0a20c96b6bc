"""What the mesh net reads out of a joint's heat maps: peaks, attention and sampled volumes.

Volumes are (B, J, D, S, S): J = 42 joints (right hand first), D depth bins, S x S pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

DEPTH_STRIDE = 4
PIXEL_STRIDE = 2
JOINTS_PER_HAND = 21


class HeatmapSummary(NamedTuple):
    """All that the mesh net uses of the volumes.

    Parameters
    ----------
    peaks_xyc : (B, 42, 3) column and row of each joint's maximum in heat-map pixels, and its value
    attention : (B, 2, S, S) maximum over each hand's joints and depths, right first
    sampled : (B, 42 * D/4, S/2, S/2) the volumes, every fourth depth bin and every second pixel, joint-major
    """

    peaks_xyc: Tensor
    attention: Tensor
    sampled: Tensor


def find_peaks(flat_maps: Tensor) -> Tensor:
    """(B, J, 3) column, row and value of the maxima of (B, J, S, S) maps (volumes already reduced over depth).

    Ties go to the leftmost column and, within it, to the topmost row, as in the paper's release.
    """
    column_maxima, rows = flat_maps.max(dim=2)
    values, columns = column_maxima.max(dim=2)
    row = rows.gather(2, columns.unsqueeze(2)).squeeze(2)
    return torch.stack([columns.to(values.dtype), row.to(values.dtype), values], dim=2)


def summarise_volumes(volumes: Tensor) -> HeatmapSummary:
    """The summary of whole volumes (B, 42, D, S, S)."""
    flat_maps = volumes.amax(dim=2)
    sampled = volumes[:, :, ::DEPTH_STRIDE, ::PIXEL_STRIDE, ::PIXEL_STRIDE].flatten(1, 2)
    return HeatmapSummary(find_peaks(flat_maps), _attention(flat_maps), sampled)


def _attention(flat_maps: Tensor) -> Tensor:
    return flat_maps.unflatten(1, (2, JOINTS_PER_HAND)).amax(dim=2)


def summarise_features(
    features: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor], biases: tuple[Tensor, Tensor], depth: int
) -> HeatmapSummary:
    """The same summary straight from each head's features (B, C, S, S) and its 1x1 convolution (J*D, C), without the
    volumes: a 64-cubed volume for each of 42 joints is written and read for a maximum only.

    Works through a few joints at a time so that the part of the volume at hand stays in the processor's cache.
    """
    flat_maps: list[Tensor] = []
    sampled: list[Tensor] = []
    for feature, weight, bias in zip(features, weights, biases, strict=True):
        batch, channels, rows, columns = feature.shape
        pixels = feature.permute(0, 2, 3, 1).reshape(-1, channels)
        maxima = []
        for joint in range(JOINTS_PER_HAND):
            part = slice(joint * depth, (joint + 1) * depth)
            maxima.append(torch.addmm(bias[part], pixels, weight[part].T).amax(dim=1))
        flat_maps.append(torch.stack(maxima).unflatten(1, (batch, rows, columns)).transpose(0, 1))
        coarse = feature[:, :, ::PIXEL_STRIDE, ::PIXEL_STRIDE]
        kept = torch.arange(0, JOINTS_PER_HAND * depth, DEPTH_STRIDE, device=weight.device)
        sampled.append(torch.nn.functional.conv2d(coarse, weight[kept][..., None, None], bias[kept]))
    joined = torch.cat(flat_maps, dim=1)
    return HeatmapSummary(find_peaks(joined), _attention(joined), torch.cat(sampled, dim=1))
