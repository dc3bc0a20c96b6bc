"""What the paper's heat-map net is trained with: InterNet's three losses (Moon et al., ECCV 2020), in MANO order.

Joint volumes towards 255 times a Gaussian of 2.5 bins, 400 mm deep about the hand's own wrist; the left wrist's depth
relative to the right's in 64 bins over 400 mm; and which hands are there.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from ..networks.heatmap_net import ROOT_DEPTH_BINS, HeatmapOutput
from .batch import TrainingBatch

SIGMA_BINS: Final = 2.5
HEIGHT: Final = 255.0
DEPTH_RANGE_MM: Final = 400.0
_JOINTS_AT_ONCE: Final = 7


def internet_losses(output: HeatmapOutput, batch: TrainingBatch, picture_px: int) -> dict[str, Tensor]:
    """The three terms, scalars, unweighted as in InterNet."""
    if output.root_depth_bin is None:
        raise ValueError("InterNet's losses are for joint volumes: use the compact network's own terms.")
    volumes = output.volumes
    depth_bins, size = volumes.shape[2], volumes.shape[-1]
    place = torch.cat([batch.joints_px * (size / picture_px), _depth_bin(batch, depth_bins)[..., None]], dim=-1)
    place, valid = place.flatten(1, 2), batch.targets.points_valid.flatten(1)
    inside = ((place[..., 2] >= 0) & (place[..., 2] < depth_bins)).to(valid.dtype) * valid
    wrists = batch.targets.points_mm[:, :, 0, 2]
    root_bin = ((wrists[:, 1] - wrists[:, 0]) / (DEPTH_RANGE_MM / 2) + 1) / 2 * ROOT_DEPTH_BINS
    both = batch.targets.points_valid[:, :, 0].prod(dim=1)
    both = both * ((root_bin >= 0) & (root_bin < ROOT_DEPTH_BINS))
    presence = functional.binary_cross_entropy_with_logits(
        output.presence_logits.float(), batch.targets.hand_present, reduction="none"
    )
    root_error = (output.root_depth_bin.float().squeeze(1) - root_bin).abs()
    return {
        "volumes": _volume_error(volumes, place, inside),
        "root_depth": torch.where(both > 0, root_error, torch.zeros_like(root_error)).mean(),
        "presence": (presence.mean(dim=1) * batch.targets.presence_valid).mean(),
    }


def _depth_bin(batch: TrainingBatch, depth_bins: int) -> Tensor:
    """(B, 2, 21) of depths relative to the hand's own wrist."""
    depth_mm = batch.targets.points_mm[..., 2] - batch.targets.points_mm[..., :1, 2]
    return (depth_mm / (DEPTH_RANGE_MM / 2) + 1) / 2 * depth_bins


def _volume_error(volumes: Tensor, place: Tensor, counts: Tensor) -> Tensor:
    """Mean squared error of (B, 42, D, S, S), a few joints at a time: a target volume is as large as its own."""
    total = counts.new_zeros(())
    bins = [torch.arange(count, dtype=place.dtype, device=place.device) for count in volumes.shape[2:]]
    for start in range(0, volumes.shape[1], _JOINTS_AT_ONCE):
        part = slice(start, start + _JOINTS_AT_ONCE)
        x, y, z = place[:, part].unbind(-1)
        along_z, along_y, along_x = (
            torch.exp(-0.5 * ((axis - centre[..., None]) / SIGMA_BINS).square())
            for axis, centre in zip(bins, (z, y, x), strict=True)
        )
        target = HEIGHT * along_z[..., None, None] * along_y[..., None, :, None] * along_x[..., None, None, :]
        error = (volumes[:, part].float() - target).square().sum(dim=(2, 3, 4))
        total = total + (error * counts[:, part]).sum()
    return total / volumes.numel()
