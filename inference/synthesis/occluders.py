"""Things in front of the hands, and black rims of crops that reach beyond the picture."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from .background import Shapes, random_colour, rounded_shape
from .draws import Draws

_SHAPES: Final = 2
_COVERED: Final = 0.14
_RIM: Final = 0.12


def draw_occluders(draws: Draws, light: Tensor, tone: Tensor) -> tuple[Tensor, Tensor]:
    """Put things in front.

    Parameters
    ----------
    draws : random numbers
    light : (B, 3, S, S) linear
    tone : (B, 3) linear skin colour, which some of the things have

    Returns
    -------
    the light, and (B, 1, S, S) the share of each pixel that nothing covers
    """
    size = light.shape[-1]
    steps = torch.linspace(-1, 1, size, device=light.device)
    x, y = steps[None, None, :], steps[None, :, None]
    clear = torch.ones_like(light[:, :1])
    bright = light.mean((1, 2, 3)).clamp(min=0.02)[:, None] * 2
    covered = draws.chance(_COVERED)
    for _ in range(_SHAPES):
        chosen = (covered & draws.chance(0.65)).nonzero().squeeze(1)
        part = draws.of(chosen)
        draws.skip(32)
        if len(chosen) == 0:
            continue
        long = torch.exp(part.uniform(math.log(0.05), math.log(0.7)))
        radii = torch.stack([long, (long * part.uniform(0.06, 0.7)).clamp(0.015, 0.3)], 1)
        square = torch.where(part.chance(0.6), part.uniform(0.7, 1.0), part.uniform(0, 0.3))
        skin = part.chance(0.2)[:, None]
        colour = torch.where(skin, tone[chosen], random_colour(part)) * bright[chosen]
        place, angle = part.uniform(-0.9, 0.9, (2,)), part.uniform(0, math.pi)
        lamp = torch.nn.functional.normalize(
            part.normal(0, 1, (3,)) + torch.tensor([0, -0.5, 0.8], device=light.device), dim=1
        )
        alpha, shade = rounded_shape(x, y, Shapes(place, radii, angle, square), lamp, 0.015)
        alpha = alpha[:, None]
        light[chosen] = torch.lerp(light[chosen], colour[..., None, None] * shade[:, None], alpha)
        clear[chosen] *= 1 - alpha
    depth = draws.uniform(0.02, 0.28)[:, None, None] * 2
    side = draws.integers(4)[:, None, None]
    beyond = torch.where(side == 0, x + 1, torch.where(side == 1, 1 - x, torch.where(side == 2, y + 1, 1 - y)))
    rim = ((beyond < depth) & draws.chance(_RIM)[:, None, None])[:, None].float()
    return light * (1 - rim), clear * (1 - rim)
