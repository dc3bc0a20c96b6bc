"""Weights for measuring a network without its licensed or trained ones: from a seed, as lively as trained ones."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from ..networks.intershape import InterShape

_FACTORS: Final = (
    # Peaks well above the mean, so that attention lets something through.
    ("joint_conv", 6.0),
    # Features fade on their way to the later stages; their poses are to bend like those of the first.
    ("mano_branch_list.0.pose_reg", 0.3),
    ("mano_branch_list.1.pose_reg", 1.0),
    ("mano_branch_list.2.pose_reg", 2.5),
    ("mano_branch.pose_reg", 0.05),
    ("shape_reg", 0.5),
    ("final_layer", 0.2),
    # The last convolution of a residual block adds to what is there already.
    ("conv3", 0.3),
)
"""How much larger or smaller than usual the weights of some layers are."""


def fill_with_seeded_weights(network: InterShape, seed: int) -> None:
    """Give every tensor values whose activations neither vanish nor explode, and poses that bend.

    With a framework's usual initialisation the mesh net's deep layers, which have no batch norm, fall silent, and any
    two implementations would seem to agree.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: Tensor, deviation: float) -> None:
        tensor.normal_(0, deviation, generator=generator)

    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, nn.BatchNorm2d):
                normal(module.get_buffer("running_mean"), 0.1)
                module.get_buffer("running_var").uniform_(0.5, 1.5, generator=generator)
                module.weight.uniform_(0.6, 1.0, generator=generator)
                normal(module.bias, 0.05)
            elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                normal(module.weight, _deviation(name, module))
                if module.bias is not None:
                    normal(module.bias, 0.05)


def _deviation(name: str, module: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> float:
    weight = module.weight
    if isinstance(module, nn.ConvTranspose2d):
        return (1.6 / (4 * weight.shape[0])) ** 0.5  # stride 2: a quarter of the kernel's 16 taps meets each output
    fan_in = weight[0].numel()
    usual = ((2 if isinstance(module, nn.Linear) else 1.6) / fan_in) ** 0.5
    return usual * next((factor for part, factor in _FACTORS if part in name), 1.0)
