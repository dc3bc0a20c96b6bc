"""Stage one with its losses."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..networks.finder_net import FinderNet, FoundHands, find_hands
from ..networks.hand_regions import regions_of, turn_matrix
from .configuration import TrainingConfiguration
from .finder_batch import FinderBatch
from .finder_losses import finder_losses
from .supervised_module import SupervisedModule, in_evaluation

_ENLARGED: Final = 2
_TRUE: Final = (255, 255, 255)
_COLOURS: Final = ((255, 120, 60), (60, 160, 255))
"""Right hand orange, left hand blue, RGB."""
_SURE: Final = 0.5


class SupervisedFinder(SupervisedModule[FinderBatch, FinderNet]):
    """See `SupervisedModule`; the first stages of the backbone stay as real hands made them.

    What they see is the same in drawn pictures and photographs, and their part of the gradient costs the most.

    Parameters
    ----------
    network : to be trained
    configuration : of the run
    """

    network: FinderNet

    def __init__(self, network: FinderNet, configuration: TrainingConfiguration) -> None:
        super().__init__()
        self.network, self._configuration = network, configuration
        network.backbone.freeze(configuration.frozen_blocks)

    def learning_shares(self) -> list[tuple[list[nn.Parameter], float]]:
        """The backbone, which has learned before, and the rest."""
        backbone = [parameter for parameter in self.network.backbone.parameters() if parameter.requires_grad]
        before = {id(parameter) for parameter in self.network.backbone.parameters()}
        new = [parameter for parameter in self.network.parameters() if id(parameter) not in before]
        return [(new, 1.0), (backbone, self._configuration.backbone_rate)]

    def forward(self, batch: FinderBatch) -> dict[str, Tensor]:
        """See `finder_losses`."""
        return finder_losses(self.network(batch.picture), batch, self._configuration.finder_losses)

    @torch.no_grad()
    def draw(self, batch: FinderBatch, count: int) -> NDArray[np.uint8]:
        """True squares white, found ones in colour, the fainter the less sure."""
        with in_evaluation(self.network):
            found = find_hands(self.network(batch.picture[:count]))
        return draw_found(FinderBatch(*(part[:count] if part.dim() else part for part in batch)), found)


def draw_found(batch: FinderBatch, found: FoundHands) -> NDArray[np.uint8]:
    """(2 S, 2 S B, 3) RGB: pictures with the true squares and the found ones (`SupervisedFinder.draw`)."""
    true, seen = regions_of(batch.joints_px), batch.seen.cpu().numpy()
    corners = [_corners(regions).cpu().numpy() for regions in (true, found.regions)]
    scores = found.scores.float().cpu().numpy()
    pixels = (batch.picture * 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    tiles = []
    for number, picture in enumerate(pixels):
        tile = np.repeat(np.repeat(picture, _ENLARGED, axis=0), _ENLARGED, axis=1).copy()
        for hand, colour in enumerate(_COLOURS):
            if seen[number, hand]:
                _square(tile, corners[0][number, hand], _TRUE, 1)
            if scores[number, hand] > _SURE / 2:
                sure = scores[number, hand] > _SURE
                shade = colour if sure else tuple(part // 2 for part in colour)
                _square(tile, corners[1][number, hand], shade, 2 if sure else 1)
        tiles.append(tile)
    return np.concatenate(tiles, axis=1)


def _corners(regions: Tensor) -> Tensor:
    """(..., 6, 2) the corners of squares, and from the middle to the edge that the fingers point to."""
    shape = regions.new_tensor([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [0, 0], [0, -0.5]])
    return (shape * regions[..., None, 2:3]) @ turn_matrix(regions[..., 3]).transpose(-1, -2) + regions[..., None, :2]


def _square(tile: NDArray[np.uint8], corners: NDArray[np.float32], colour: tuple[int, ...], width: int) -> None:
    limit = 8 * tile.shape[0]
    points = np.clip(np.rint(_ENLARGED * corners), -limit, limit).astype(np.int32)
    cv2.polylines(tile, [points[:4], points[4:]], True, colour, width, cv2.LINE_AA)
