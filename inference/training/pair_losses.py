"""Loss terms that the pair network alone has: points in the crops, their certainty, whose crop it is, how far apart."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from ..hands.joints import MIDDLE_MCP
from ..networks.hand_regions import to_crop
from ..networks.landmark_backbone import CROP_PX
from ..networks.mesh_net import MeshOutput
from ..networks.pair_net import PairOutput
from .batch import TrainingBatch
from .configuration import PairLossWeights

_DEPTH_SHARE: Final = 0.3
"""Of the error in depth, which a picture tells less of, against those across."""
_CERTAIN_ERROR: Final = 0.03
"""Of the crop's side: the error at which a joint's certainty is to be exp(-1)."""


def pair_losses(
    output: PairOutput, mesh: MeshOutput, batch: TrainingBatch, weights: PairLossWeights
) -> dict[str, Tensor]:
    """The weighted terms, scalars; means over what counts, summed over stages.

    ``points`` is the distance of the points of every stage in shares of the crop's side, z relative to the wrist by
    the scale that brings the true joints onto the picture; ``certainty`` says per joint how near it came;
    ``presence`` whether the region shows the hand of its side; ``relation`` is the error of the transform between the
    hands, as a share of how far apart they are: the paper's squares (``losses.offsets``) see little but hands that are
    far apart.
    """
    valid = batch.targets.points_valid
    regions, known = output.regions, output.regions[..., 4]
    place = to_crop(batch.joints_px, regions, CROP_PX)
    true_mm = batch.targets.points_mm.flatten(0, 1)
    onto = torch.cat([place, valid.unsqueeze(-1)], dim=-1).flatten(0, 1)
    # The size in the picture does not depend on how the crop is turned or mirrored: take it between distances.
    scale = _scale(true_mm, onto).unflatten(0, (-1, 2))
    depth = (batch.targets.points_mm[..., 2] - batch.targets.points_mm[..., :1, 2]) * scale
    target = torch.cat([place, depth.unsqueeze(-1)], dim=-1)
    count = valid.sum().clamp_min(1)
    share = target.new_tensor([1.0, 1.0, _DEPTH_SHARE])
    counts = valid[..., None] > 0
    total = target.new_zeros(())
    for points in output.points_px:
        apart = (points - target).abs() * share
        total = total + torch.where(counts, apart, torch.zeros_like(apart)).sum() / (CROP_PX * count)
    with torch.no_grad():
        error = (output.points_px[-1] - target)[..., :2].norm(dim=-1) / CROP_PX
        wanted = torch.where(valid > 0, torch.exp(-error / _CERTAIN_ERROR), torch.zeros_like(error))
    certainty = functional.binary_cross_entropy_with_logits(output.joint_logits, wanted, reduction="none")
    # A region that shows no such hand has no certain joints either.
    asked = known[..., None].expand_as(certainty)
    presence = functional.binary_cross_entropy_with_logits(
        output.presence_logits, batch.targets.hand_present, reduction="none"
    )
    sure = known * batch.targets.presence_valid[:, None]
    return {
        "points": weights.points * total,
        "certainty": weights.certainty * (certainty * asked).sum() / asked.sum().clamp_min(1),
        "presence": weights.presence * (presence * sure).sum() / sure.sum().clamp_min(1),
        "relation": weights.relation * _relation_error(mesh.trans, batch),
    }


def _relation_error(trans: Tensor, batch: TrainingBatch) -> Tensor:
    points, both = batch.targets.points_mm, batch.targets.hand_present.prod(dim=1)
    palm = (points[:, :, MIDDLE_MCP] - points[:, :, 0]).norm(dim=-1).clamp_min(1)
    apart = (points[:, 1, MIDDLE_MCP] - points[:, 0, MIDDLE_MCP]) / palm[:, 1:]
    wanted = torch.cat([(palm[:, 1:] / palm[:, :1]).log(), apart], dim=1)
    error = (trans - wanted).abs().sum(dim=1) / (1 + apart.norm(dim=1))
    return torch.where(both > 0, error, torch.zeros_like(error)).sum() / both.sum().clamp_min(1)


def _scale(points_mm: Tensor, onto_px: Tensor) -> Tensor:
    """(N, 1) pixels a millimetre: the joints' spread about their middle, seen against true across the ray."""
    weight = onto_px[..., 2:]
    total = weight.sum(1, keepdim=True).clamp_min(1)
    spreads = []
    for points in (onto_px[..., :2], points_mm[..., :2]):
        about = points - (weight * points).sum(1, keepdim=True) / total
        spreads.append((weight * about.square()).sum((1, 2)))
    return (spreads[0] / spreads[1].clamp_min(1)).clamp(0, 1e4).sqrt().unsqueeze(1)
