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
    joint_depth : (B, 42) of 2.5-D heat maps: see `HeatmapOutput`
    """

    peaks_xyc: Tensor
    attention: Tensor
    sampled: Tensor
    joint_depth: Tensor | None = None


def find_peaks(flat_maps: Tensor) -> Tensor:
    """(B, J, 3) column, row and value of the maxima of (B, J, S, S) maps (volumes already reduced over depth).

    Ties go to the leftmost column and, within it, to the topmost row, as in the paper's release.
    """
    column_maxima, rows = flat_maps.max(dim=2)
    values, columns = column_maxima.max(dim=2)
    row = rows.gather(2, columns.unsqueeze(2)).squeeze(2)
    # Whole numbers and values alike in at least single precision: half of it is too coarse for fractions of a pixel.
    dtype = torch.promote_types(values.dtype, torch.float32)
    return torch.stack([columns.to(dtype), row.to(dtype), values.to(dtype)], dim=2)


def refine_peaks(maps: Tensor, peaks_xyc: Tensor) -> Tensor:
    """Peaks (B, J, 3) moved by up to half a pixel to the top of the parabola through the neighbours in (B, J, S, S).

    The move carries no gradient. At the border, and where the map is flat, nothing moves.
    """
    size = maps.shape[-1]
    with torch.no_grad():
        cells = maps.to(peaks_xyc.dtype).flatten(2)
        column, row = peaks_xyc[..., 0].long(), peaks_xyc[..., 1].long()
        here = row * size + column

        def move(place: Tensor, step: int) -> Tensor:
            inside = (place > 0) & (place < size - 1)
            behind = torch.where(inside, here - step, here)
            ahead = torch.where(inside, here + step, here)
            before, top, after = (cells.gather(2, index.unsqueeze(2)).squeeze(2) for index in (behind, here, ahead))
            bend = 2 * top - before - after
            return torch.where(bend > 1e-12, 0.5 * (after - before) / bend.clamp_min(1e-12), 0).clamp(-0.5, 0.5)

        moves = torch.stack([move(column, 1), move(row, size)], dim=2)
    return torch.cat([peaks_xyc[..., :2] + moves, peaks_xyc[..., 2:]], dim=2)


def summarise_volumes(volumes: Tensor, joint_depth: Tensor | None = None) -> HeatmapSummary:
    """The summary of whole volumes (B, 42, D, S, S).

    Peaks of volumes are whole pixels, as in the paper's release; those of 2.5-D heat maps (D = 1) are refined.
    """
    if volumes.shape[2] == 1:
        maps = volumes.squeeze(2)
        sampled = maps[:, :, ::PIXEL_STRIDE, ::PIXEL_STRIDE]
        return HeatmapSummary(refine_peaks(maps, find_peaks(maps)), _attention(maps), sampled, joint_depth)
    flat_maps = volumes.amax(dim=2)
    sampled = volumes[:, :, ::DEPTH_STRIDE, ::PIXEL_STRIDE, ::PIXEL_STRIDE].flatten(1, 2)
    return HeatmapSummary(find_peaks(flat_maps), _attention(flat_maps), sampled, joint_depth)


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
