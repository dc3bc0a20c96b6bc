"""What stage one is trained with: which cells hold a palm's middle, of which side, and what square the hand fills."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..networks.finder_net import PALM_SHARE, STRIDE, USUAL_SIDE_PX, FinderOutput, cell_centres_px
from ..networks.hand_regions import regions_of
from .configuration import FinderLossWeights
from .finder_batch import FinderBatch
from .finder_stream import PALM_POINTS

_SPREAD: Final = 0.06
"""Deviation of a palm's Gaussian on the grid in shares of the hand's square."""
_LEAST_SPREAD_CELLS: Final = 0.6
_NEAR: Final = 0.2
"""Cells with at least this of a hand's Gaussian answer for the hand."""
_SMALLEST_SIDE_PX: Final = 4.0
_LONGEST: Final = 1.5
"""In squares; hands that reach into the camera would else outweigh all others."""
_TINY: Final = 1e-6


class FinderTargets(NamedTuple):
    """What the output of `FinderNet` should be; G cells a side.

    Attributes
    ----------
    near : (B, 2, G, G) 1 at the cell of each palm's middle, falling off around it; 0 everywhere for hands not seen
    squares : (B, 2, 5, G, G)
    palms : (B, 2, 5) of each hand
    """

    near: Tensor
    squares: Tensor
    palms: Tensor


def targets_of(batch: FinderBatch, size: int) -> FinderTargets:
    """The targets on a grid of `size` x `size` cells."""
    joints = batch.joints_px
    cells = cell_centres_px(size).to(joints)
    regions = regions_of(joints)
    side_px = regions[..., 2].clamp_min(_SMALLEST_SIDE_PX)
    wrist, index, middle, ring, little = joints[:, :, PALM_POINTS].unbind(2)
    palm_cell = ((wrist + index + middle + ring + little) / 5 + 0.5) / STRIDE - 0.5
    palm_cell = palm_cell.round().clamp(0, size - 1)  # of palms beyond the rim the nearest cell
    spread = (_SPREAD * side_px / STRIDE).clamp_min(_LEAST_SPREAD_CELLS)[..., None]
    steps = torch.arange(size, device=joints.device, dtype=joints.dtype)
    across, down = (torch.exp(-0.5 * ((steps - palm_cell[..., axis, None]) / spread).square()) for axis in (0, 1))
    near = down[..., None] * across[..., None, :] * batch.seen[..., None, None]
    share = side_px[..., None]
    up = ((0.25 * index + 0.5 * middle + 0.25 * ring - wrist) / share).clamp(-_LONGEST, _LONGEST)
    knuckles = ((index - little) / share).clamp(-_LONGEST, _LONGEST)
    offset = (regions[..., :2, None, None] - cells) / share[..., None, None]
    rest = torch.cat([torch.log(share / USUAL_SIDE_PX), up], dim=-1)
    squares = torch.cat([offset, rest[..., None, None].expand(-1, -1, -1, size, size)], dim=2)
    palms = torch.cat([up / PALM_SHARE, knuckles / PALM_SHARE, batch.facing[..., None]], dim=-1)
    return FinderTargets(near, squares, palms)


def finder_losses(output: FinderOutput, batch: FinderBatch, weights: FinderLossWeights) -> dict[str, Tensor]:
    """The weighted terms, scalars; each a mean over the hands, so that sizes compare."""
    targets = targets_of(batch, output.logits.shape[-1])
    near = targets.near
    hands = batch.seen.sum().clamp_min(1)
    weight = near * (near >= _NEAR)
    total = weight.sum().clamp_min(1)
    square = (output.squares.float() - targets.squares).abs().mean(dim=2)
    # A cell answers for the hand that is nearer to it; where both are as near, for none.
    right, left = near.unbind(1)
    side = functional.binary_cross_entropy_with_logits(
        2 * output.side_logit.float(), (right > left).float(), reduction="none"
    )
    decided = (torch.maximum(right, left) - torch.minimum(right, left)) * (weight.amax(dim=1) > 0)
    nearer = torch.where((right > left)[:, None], *targets.palms[..., None, None].unbind(1))
    palm = (output.palms.float() - nearer).abs().mean(dim=1)
    return {
        "presence": weights.presence * _focal(output.logits.float(), near) / hands,
        "side": weights.side * (side * decided).sum() / decided.sum().clamp_min(1),
        "square": weights.square * (square * weight).sum() / total,
        "palm": weights.palm * (palm * decided).sum() / decided.sum().clamp_min(1),
    }


def _focal(logits: Tensor, near: Tensor) -> Tensor:
    """The loss of CenterNet (Zhou et al., 2019): cells near a middle are hardly blamed for saying that it is there."""
    score = logits.sigmoid()
    hit = functional.logsigmoid(logits) * (1 - score).square() * (near >= 1 - _TINY)
    miss = functional.logsigmoid(-logits) * score.square() * (1 - near).pow(4)
    return -(hit + miss).sum()
