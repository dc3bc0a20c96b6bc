"""The whole network of the paper: heat maps, attention, mesh regression."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..hands.model import HandModel
from .compact_heatmap_net import CompactHeatmapNet
from .configuration import NetworkConfiguration
from .efficientnet_lite0 import EfficientNetLite0
from .heatmap_net import HeatmapNet, HeatmapOutput
from .heatmaps import HeatmapSummary, summarise_volumes
from .mesh_net import MeshNet, MeshOutput

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class Prediction(NamedTuple):
    """What the network says about B pictures: heat-map summary, presence (B, 2) right first, all mesh stages."""

    heatmaps: HeatmapSummary
    hand_presence: Tensor
    mesh: MeshOutput


class InterShape(nn.Module):
    """Two interacting hands from one picture (Zhang et al., ICCV 2021).

    Parameters
    ----------
    configuration : parts and sizes: `PAPER` for the authors' checkpoint, `COMPACT` for our own weights
    models : right and left hand model; not part of the state dict
    """

    imagenet_mean: Tensor
    imagenet_deviation: Tensor

    def __init__(self, configuration: NetworkConfiguration, models: tuple[HandModel, HandModel]) -> None:
        super().__init__()
        self.configuration = configuration
        self.mesh_reg = MeshNet(configuration, models)
        if configuration.backbone == "resnet50":
            self.heatmap_predictor: HeatmapNet | CompactHeatmapNet = HeatmapNet(configuration.heatmap_depth)
        else:
            self.backbone = EfficientNetLite0()
            self.heatmap_predictor = CompactHeatmapNet()
        for name, value in (("imagenet_mean", IMAGENET_MEAN), ("imagenet_deviation", IMAGENET_DEVIATION)):
            self.register_buffer(name, torch.tensor(value).view(1, 3, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> tuple[HeatmapOutput, Prediction]:
        """Everything that training supervises, from RGB (B, 3, 256, 256) in [0, 1]."""
        if isinstance(self.heatmap_predictor, CompactHeatmapNet):
            return self._compact(picture, self.heatmap_predictor, True)
        heatmaps = self.heatmap_predictor(picture)
        summary = summarise_volumes(heatmaps.volumes)
        mesh = self.mesh_reg(self._normalised(picture), summary)
        return heatmaps, Prediction(summary, heatmaps.hand_presence, mesh)

    @torch.inference_mode()
    def predict(self, picture: Tensor, every_stage: bool = False) -> Prediction:
        """The answer alone: no volumes, no discarded outputs; the last stage's vertices unless `every_stage`."""
        if isinstance(self.heatmap_predictor, CompactHeatmapNet):
            return self._compact(picture, self.heatmap_predictor, every_stage)[1]
        summary, presence = self.heatmap_predictor.summarise(picture)
        return Prediction(summary, presence, self.mesh_reg(self._normalised(picture), summary, every_stage))

    def _compact(
        self, picture: Tensor, heatmap_net: CompactHeatmapNet, every_stage: bool
    ) -> tuple[HeatmapOutput, Prediction]:
        features = self.backbone(self._normalised(picture))
        heatmaps, decoded = heatmap_net(features)
        summary = summarise_volumes(heatmaps.volumes, heatmaps.joint_depth)
        mesh = self.mesh_reg((decoded[1], features[2], features[3]), summary, every_stage)
        return heatmaps, Prediction(summary, heatmaps.hand_presence, mesh)

    def _normalised(self, picture: Tensor) -> Tensor:
        return (picture - self.imagenet_mean) / self.imagenet_deviation
