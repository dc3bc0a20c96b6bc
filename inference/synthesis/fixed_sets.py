"""The held-out sets that results are reported on: by name, always the same pictures, never trained on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .arrangement import ArrangementShares
from .conditions import HARD_LIGHT, ConditionShares
from .sample import Settings
from .viewpoint import Framing

FIXED_SET_VERSION: Final = 1
"""Raised when the pictures of a set change: numbers measured on sets of two versions must not be compared."""


@dataclass(frozen=True)
class FixedSet:
    """A set of samples for tests.

    Attributes
    ----------
    name : on the command line and in tables
    seed : below 0, which training cannot draw
    shares : kinds of samples
    conditions : how often the light is hard
    count, clips : how many pictures, or how many clips
    size_px, framing : how large, and what they show of a camera's picture
    """

    name: str
    seed: int
    shares: ArrangementShares
    conditions: ConditionShares = field(default_factory=ConditionShares)
    count: int = 500
    clips: int = 20
    size_px: int = 384
    framing: Framing = "mixed"

    def settings(self, size_px: int | None = None) -> Settings:
        """For a `Generator`; `size_px` in place of the set's own."""
        return Settings(
            size_px=size_px or self.size_px,
            framing=self.framing,
            shares=self.shares,
            conditions=self.conditions,
            use="test",
        )


_INTERACTING: Final = ArrangementShares(contact=0.85, near=0.15, apart=0, single=0, none=0)
_APART: Final = ArrangementShares(contact=0, near=0, apart=1, single=0, none=0)
_SINGLE: Final = ArrangementShares(contact=0, near=0, apart=0, single=1, none=0)
_ANY_HANDS: Final = ArrangementShares(contact=0.51, near=0.09, apart=0.2, single=0.2, none=0)

FIXED_SETS: Final = {
    fixed.name: fixed
    for fixed in (
        FixedSet("interacting", -1, _INTERACTING),
        FixedSet("apart", -2, _APART),
        FixedSet("single", -3, _SINGLE),
        FixedSet("hard-light", -4, _ANY_HANDS, HARD_LIGHT),
    )
}
ABLATION_SET: Final = FixedSet(
    "ablation", -5, ArrangementShares(contact=0.64, near=0.11, apart=0, single=0.25, none=0), count=200, framing="crop"
)
"""Crops, as the networks that read both hands are trained on them; where two hands are seen, they interact."""
