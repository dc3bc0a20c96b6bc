"""Loss terms beyond the paper's, for the compact network; each a mean over what it looks at, so that sizes compare."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..hands.joints import MIDDLE_MCP, PARENTS, TIP_PARENTS
from ..hands.model import HandModel
from ..hands.torch_layer import HandLayer
from ..networks.heatmap_net import HeatmapOutput
from ..networks.mesh_net import MeshOutput
from ..networks.pose_attention import fit_scale_and_shift
from .batch import TrainingBatch
from .configuration import ExtraLossWeights

MAP_SIGMA_PX: Final = 1.5
"""Of the 2.5-D heat maps' Gaussians, in heat-map pixels."""
_PEAK_WEIGHT: Final = 20.0
"""How much more a pixel under a Gaussian's top counts than one of the empty rest of the map."""
_SHORTEST_PALM_MM: Final = 1.0


class ExtraLosses(nn.Module):
    """See `ExtraLossWeights` for the terms.

    Parameters
    ----------
    models : right and left hand, for the thickness of the fingers
    weights : of the terms; a term of weight 0 is not computed
    picture_px : side of the pictures
    """

    radii: Tensor

    def __init__(self, models: tuple[HandModel, HandModel], weights: ExtraLossWeights, picture_px: int) -> None:
        super().__init__()
        self._weights, self._picture_px = weights, picture_px
        radii = torch.stack([_sphere_radii(model) for model in models])
        self.register_buffer("radii", radii, persistent=False)

    def forward(self, heatmaps: HeatmapOutput | None, output: MeshOutput, batch: TrainingBatch) -> dict[str, Tensor]:
        """The weighted terms, scalars; without heat maps those on the meshes alone."""
        weights, terms = self._weights, dict[str, Tensor]()
        if weights.joints_px:
            terms["joints_px"] = weights.joints_px * self._joints_px(output, batch)
        if weights.vertices:
            terms["vertices"] = weights.vertices * _vertices(output, batch)
        if weights.penetration:
            terms["penetration"] = weights.penetration * self._penetration(output, batch)
        if heatmaps is None:
            return terms
        if weights.heatmaps:
            terms["heatmaps"] = weights.heatmaps * self._heatmaps(heatmaps, batch)
        if weights.depth:
            terms["depth"] = weights.depth * _depth(heatmaps, batch)
        if weights.presence:
            terms["presence"] = weights.presence * _presence(heatmaps, batch)
        return terms

    def _joints_px(self, output: MeshOutput, batch: TrainingBatch) -> Tensor:
        """Distance, in shares of the picture, of each stage's joints after the best scale and shift onto the truth."""
        valid = batch.targets.points_valid
        total = valid.new_zeros(())
        stages = list(zip(output.right, output.left, strict=True))
        for hands in stages:
            for hand, stage in enumerate(hands):
                target = torch.cat([batch.joints_px[:, hand] / self._picture_px, valid[:, hand, :, None]], dim=-1)
                points = stage.points_mm[..., :2].float()
                scale, shift = fit_scale_and_shift(points, target)
                apart = (scale * points + shift - target[..., :2]).abs()
                # Hands that are absent have nothing to be fitted to; theirs may be anywhere.
                total = total + torch.where(valid[:, hand, :, None] > 0, apart, torch.zeros_like(apart)).sum()
        return total / (len(stages) * valid.sum().clamp_min(1))

    def _heatmaps(self, heatmaps: HeatmapOutput, batch: TrainingBatch) -> Tensor:
        """Squared error of the 2.5-D maps, mean over those that count; those of absent hands and of joints outside of
        the picture are empty."""
        maps = heatmaps.volumes.float().squeeze(2)
        size = maps.shape[-1]
        place = batch.joints_px.flatten(1, 2) * (size / self._picture_px)
        valid = batch.targets.points_valid.flatten(1)
        absent = (1 - batch.targets.hand_present) * batch.targets.presence_valid[:, None]
        absent = absent.repeat_interleave(valid.shape[1] // 2, dim=1)
        target = gaussian_maps(place, size, MAP_SIGMA_PX) * valid[..., None, None]
        # A joint of a present hand that nobody annotated says nothing; one of a hand that is surely absent: not here.
        counts = torch.maximum(valid, absent)[..., None, None]
        error = (maps - target).square() * (1 + _PEAK_WEIGHT * target) * counts
        return error.sum() / (counts.sum() * size**2).clamp_min(1)

    def _penetration(self, output: MeshOutput, batch: TrainingBatch) -> Tensor:
        """How much deeper spheres inside the two hands overlap than in truth, squared, in palm lengths."""
        both = batch.targets.hand_present.prod(dim=1) * batch.targets.fit_valid.prod(dim=1)
        last = (output.right[-1], output.left[-1])
        hands = [_about_palm(stage.points_mm.float()) for stage in last]
        ratio, shift = output.trans[:, None, :1].float(), output.trans[:, None, 1:].float()
        predicted = self._overlap(hands[0], (hands[1] + shift) * ratio.exp())
        truth_mm = batch.targets.points_mm
        truth, palm_mm = _about_palm(truth_mm[:, 0]), _palm_mm(truth_mm[:, 0])
        left = (truth_mm[:, 1] - truth_mm[:, 0, MIDDLE_MCP : MIDDLE_MCP + 1]) / palm_mm
        too_deep = functional.relu(predicted - self._overlap(truth, left)).square().sum(dim=(1, 2))
        return torch.where(both > 0, too_deep, torch.zeros_like(too_deep)).mean()

    def _overlap(self, right: Tensor, left: Tensor) -> Tensor:
        """(B, 41, 41) how far spheres about points (B, 21, 3) and mid-bones reach into each other, palm lengths."""
        # By differences: the faster way through a matrix product loses the digits of short distances.
        exact = "donot_use_mm_for_euclid_dist"
        apart = torch.cdist(_with_middles(right), _with_middles(left), compute_mode=exact)
        return functional.relu(self.radii[0][:, None] + self.radii[1] - apart)


def gaussian_maps(place_px: Tensor, size: int, sigma_px: float) -> Tensor:
    """(B, J, size, size) Gaussians of height 1 at (B, J, 2), pixels of the maps."""
    grid = torch.arange(size, dtype=place_px.dtype, device=place_px.device)
    across = torch.exp(-0.5 * ((grid - place_px[..., :1]) / sigma_px).square())
    down = torch.exp(-0.5 * ((grid - place_px[..., 1:]) / sigma_px).square())
    return down.unsqueeze(-1) * across.unsqueeze(-2)


def _vertices(output: MeshOutput, batch: TrainingBatch) -> Tensor:
    """Mean distance per axis of the last stage's vertices, about the middle MCP joint, in palm lengths."""
    valid = batch.vertices_valid
    total = valid.new_zeros(())
    for hand, stage in enumerate((output.right[-1], output.left[-1])):
        if stage.vertices_mm is None:
            raise ValueError("The vertices are needed: run the network with every_stage.")
        points, target = stage.points_mm.float(), batch.targets.points_mm[:, hand]
        own = (stage.vertices_mm.float() - points[:, MIDDLE_MCP : MIDDLE_MCP + 1]) / _palm_mm(points)
        true = (batch.vertices_mm[:, hand, : own.shape[1]] - target[:, MIDDLE_MCP : MIDDLE_MCP + 1]) / _palm_mm(target)
        apart = (own - true).abs().mean(dim=(1, 2))
        total = total + torch.where(valid[:, hand] > 0, apart, torch.zeros_like(apart)).sum()
    return total / valid.sum().clamp_min(1)


def _presence(heatmaps: HeatmapOutput, batch: TrainingBatch) -> Tensor:
    """Cross-entropy over the hands of pictures of which it is sure what they show."""
    logits, present = heatmaps.presence_logits.float(), batch.targets.hand_present
    valid = batch.targets.presence_valid[:, None].expand_as(present)
    entropy = functional.binary_cross_entropy_with_logits(logits, present, reduction="none")
    return (entropy * valid).sum() / valid.sum().clamp_min(1)


def _depth(heatmaps: HeatmapOutput, batch: TrainingBatch) -> Tensor:
    """Error of the joints' depth relative to the own middle MCP joint, in palm lengths."""
    if heatmaps.joint_depth is None:
        raise ValueError("Depths are the 2.5-D heat maps': set the weight to 0 for volumes.")
    points, valid = batch.targets.points_mm, batch.targets.points_valid
    depth = (points[..., 2] - points[..., MIDDLE_MCP : MIDDLE_MCP + 1, 2]) / _palm_mm(points).squeeze(-1)
    apart = (heatmaps.joint_depth.float().unflatten(1, (2, -1)) - depth).abs()
    return torch.where(valid > 0, apart, torch.zeros_like(apart)).sum() / valid.sum().clamp_min(1)


def _palm_mm(points_mm: Tensor) -> Tensor:
    """(..., 1, 1) palm lengths."""
    palms = (points_mm[..., MIDDLE_MCP, :] - points_mm[..., 0, :]).norm(dim=-1)
    return palms.clamp_min(_SHORTEST_PALM_MM)[..., None, None]


def _about_palm(points_mm: Tensor) -> Tensor:
    return (points_mm - points_mm[..., MIDDLE_MCP : MIDDLE_MCP + 1, :]) / _palm_mm(points_mm)


def _with_middles(points: Tensor) -> Tensor:
    """(..., 41, 3) 21 points and the middles of the 20 bones."""
    parents = [*PARENTS[1:], *TIP_PARENTS]
    return torch.cat([points, (points[..., 1:, :] + points[..., parents, :]) / 2], dim=-2)


def _sphere_radii(model: HandModel) -> Tensor:
    """(41,) of the largest sphere about each point that stays inside of the resting hand, palm lengths."""
    layer = HandLayer(model)
    betas = torch.zeros(1, model.shape_count)
    vertices, _ = layer.shaped_rest(betas)
    rest = torch.eye(3).expand(1, len(PARENTS), 3, 3)
    points = layer.points(rest, betas, torch.zeros(1, 3)) + layer.rest_joints(betas)[:, :1]
    near = torch.cdist(_with_middles(points), vertices).amin(dim=-1)[0]
    palm = np.linalg.norm(model.joint_template[MIDDLE_MCP] - model.joint_template[0])
    return near / float(palm)
