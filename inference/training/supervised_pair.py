"""The pair network and its losses as one module."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..networks.pair_net import PairNet
from .configuration import TrainingConfiguration
from .extra_losses import ExtraLosses
from .pair_batch import PairBatch
from .pair_losses import pair_losses
from .paper_losses import paper_losses
from .supervised_module import SupervisedModule, precision_of
from .tensorboard import draw_joints


class SupervisedPair(SupervisedModule[PairBatch, PairNet]):
    """Gives the weighted loss terms of a batch.

    Parameters
    ----------
    network : to be trained
    extra : the terms on meshes beyond the paper's, or None
    configuration : of the run
    """

    def __init__(self, network: PairNet, extra: ExtraLosses | None, configuration: TrainingConfiguration) -> None:
        super().__init__()
        self.network, self.extra = network, extra
        self._configuration = configuration

    def learning_shares(self) -> list[tuple[list[nn.Parameter], float]]:
        """The backbone has learned before: more slowly, or it forgets."""
        learning = {name: value for name, value in self.network.named_parameters() if value.requires_grad}
        before = [value for name, value in learning.items() if name.startswith("backbone.")]
        new = [value for name, value in learning.items() if not name.startswith("backbone.")]
        return [(new, 1.0), (before, self._configuration.backbone_rate)]

    def forward(self, batch: PairBatch) -> dict[str, Tensor]:
        """The weighted terms, scalars."""
        sample, configuration = batch.sample, self._configuration
        with precision_of(configuration, sample.picture.device):
            output, prediction = self.network(sample.picture, batch.regions)
        terms = paper_losses(prediction.mesh, sample.targets, configuration.losses, authors_regulariser=False)
        if self.extra is not None:
            terms |= self.extra(None, prediction.mesh, sample)  # noqa: S610 - not Django
        return terms | pair_losses(output, prediction.mesh, sample, configuration.pair_losses)

    def draw(self, batch: PairBatch, count: int) -> NDArray[np.uint8]:
        """True bones in white, the network's in colour."""
        picture = batch.sample.picture[:count]
        peaks = self.network.predict(picture, batch.regions[:count]).heatmaps.peaks_xyc
        return draw_joints(
            picture,
            peaks[..., :2].unflatten(1, (2, -1)),
            batch.sample.joints_px[:count],
            batch.sample.targets.points_valid[:count],
        )
