"""A pair network on the shipped hands with weights from a seed, as lively as trained ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import nn

from inference.engines.engine import WEIGHTS_DIR
from inference.hands.model import HandModel
from inference.hands.open_hand import load_hand_models
from inference.networks.configuration import PAIR
from inference.networks.landmark_backbone import CROP_PX
from inference.networks.pair_net import PairNet, Refinement


@cache
def open_hands() -> tuple[HandModel, HandModel]:
    """Right and left."""
    models = load_hand_models(WEIGHTS_DIR)
    return models["right"], models["left"]


def stand_in_pair_net(seed: int = 0, frozen_blocks: int = 0, **switches: Any) -> PairNet:
    """In evaluation mode; `switches` are fields of `NetworkConfiguration`."""
    network = PairNet(replace(PAIR, **switches), open_hands(), frozen_blocks).eval()
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.normal_(0, (1.6 / module.weight[0].numel()) ** 0.5, generator=chance)
                assert module.bias is not None
                module.bias.normal_(0, 0.05, generator=chance)
        for module in network.modules():
            if isinstance(module, Refinement):
                module.points.weight.mul_(0.03)  # corrections of a few pixels
                module.points.bias.mul_(0.03)
        network.backbone.points.bias.uniform_(0.2 * CROP_PX, 0.8 * CROP_PX, generator=chance)
    return network


def two_regions() -> torch.Tensor:
    """(2, 2, 5): both hands are known, turned and of different sizes, in a picture of 64 pixels."""
    return torch.tensor(
        [
            [[20.0, 24.0, 30.0, 0.4, 1.0], [44.0, 36.0, 40.0, -0.9, 1.0]],
            [[40.0, 40.0, 36.0, 2.5, 1.0], [30.0, 34.0, 44.0, -1.7, 1.0]],
        ]
    )


def coloured_pictures(count: int = 2, size: int = 64) -> torch.Tensor:
    """(count, 3, size, size), smooth, from 0 to 1."""
    coarse = torch.rand(count, 3, size // 8, size // 8, generator=torch.Generator().manual_seed(6))
    return torch.nn.functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False).clamp(0, 1)
