"""Circumstances that more than one part of a picture depends on: light, shadows, film."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from torch import Tensor

from .draws import Draws


@dataclass(frozen=True)
class ConditionShares:
    """How often each circumstance is met, 0 to 1.

    Attributes
    ----------
    backlight : the main light stands behind the hands, and what is behind them is bright
    lamps_behind : lamps stand anywhere, behind the hands too
    dim : little light from all around, so that shadows are deep
    dark : the camera exposes for less than the hands would need
    infrared : the light comes from the camera and falls off, skin is bright whatever its tone, no colours
    monochrome : grey pictures
    noisy : far more noise than a good camera's
    hard_shadows : of each lamp
    """

    backlight: float = 0.05
    lamps_behind: float = 0.12
    dim: float = 0.15
    dark: float = 0.08
    infrared: float = 0.03
    monochrome: float = 0.07
    noisy: float = 0.04
    hard_shadows: float = 0.35


HARD_LIGHT: Final = ConditionShares(
    backlight=0.3, lamps_behind=0.3, dim=0.5, dark=0.3, infrared=0.2, monochrome=0.1, noisy=0.35, hard_shadows=0.85
)


class Conditions(NamedTuple):
    """The circumstances of B pictures, see `ConditionShares`; each (B,) bool."""

    backlight: Tensor
    lamps_behind: Tensor
    dim: Tensor
    dark: Tensor
    infrared: Tensor
    monochrome: Tensor
    noisy: Tensor


def draw_conditions(draws: Draws, shares: ConditionShares) -> Conditions:
    """Each on its own, but for the infra-red pictures: their light comes from the camera alone."""
    infrared = draws.chance(shares.infrared)
    backlight = draws.chance(shares.backlight) & ~infrared
    return Conditions(
        backlight=backlight,
        lamps_behind=draws.chance(shares.lamps_behind) & ~infrared,
        dim=draws.chance(shares.dim) | backlight,
        dark=draws.chance(shares.dark),
        infrared=infrared,
        monochrome=draws.chance(shares.monochrome) | infrared,
        noisy=draws.chance(shares.noisy),
    )
