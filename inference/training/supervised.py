"""The network and its losses as one module: what is computed, and differentiated, for a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..networks.intershape import InterShape
from .batch import TrainingBatch
from .configuration import TrainingConfiguration
from .extra_losses import ExtraLosses
from .heatmap_losses import internet_losses
from .paper_losses import paper_losses
from .supervised_module import SupervisedModule, precision_of
from .tensorboard import draw_predictions


class SupervisedNetwork(SupervisedModule[TrainingBatch, InterShape]):
    """Gives the weighted loss terms of a batch; ``train()`` keeps frozen what the configuration freezes.

    Parameters
    ----------
    network : to be trained; parameters that the configuration keeps no longer require a gradient
    extra : the terms beyond the paper's, or None
    configuration : of the run
    """

    def __init__(self, network: InterShape, extra: ExtraLosses | None, configuration: TrainingConfiguration) -> None:
        super().__init__()
        self.network, self.extra = network, extra
        self._configuration = configuration
        # All of the paper's network that learns is looked at by some loss, whatever its configuration.
        whole = configuration.use_attention and all(vars(configuration.extra_losses).values())
        self.may_lack_gradients = configuration.network == "compact" and not whole
        kept: list[nn.Module] = []
        if configuration.train == "mesh":
            kept = [network.heatmap_predictor]
        elif configuration.train == "heatmaps":
            kept = [network.mesh_reg]
        for module in kept:
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> SupervisedNetwork:
        """As ``nn.Module.train``; the backbone's norms stay as they were trained where they are frozen.

        The paper's kept heat-map net is put into training mode too, as the authors do: its statistics drift.
        """
        super().train(mode)
        if mode and self._configuration.freeze_backbone_norms:
            for module in self.network.backbone.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """The weighted terms, scalars."""
        configuration, picture_px = self._configuration, batch.picture.shape[-1]
        with precision_of(configuration, batch.picture.device):
            if configuration.train == "heatmaps":
                output = self.network.heatmap_predictor(batch.picture)
                return internet_losses(output, batch, picture_px)
            heatmaps, prediction = self.network(batch.picture)
        terms = paper_losses(
            prediction.mesh, batch.targets, configuration.losses, authors_regulariser=configuration.authors_slips
        )
        if self.extra is not None:
            terms |= self.extra(heatmaps, prediction.mesh, batch)  # noqa: S610 - not Django
        if configuration.train == "all" and configuration.network == "paper":
            terms |= internet_losses(heatmaps, batch, picture_px)
        return terms

    def draw(self, batch: TrainingBatch, count: int) -> NDArray[np.uint8]:
        """See `draw_predictions`."""
        return draw_predictions(self.network, batch, count)
