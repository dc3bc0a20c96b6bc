"""Scenes before the light falls on them: hands and arms before a camera."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from torch import Tensor

from .arrangement import Arrangement
from .viewpoint import Viewpoint

NEAR_M: Final = 0.05
"""What is nearer to the camera is not drawn."""

Batch = TypeVar("Batch", Arrangement, Viewpoint)


@dataclass(frozen=True)
class Drift:
    """What a moving camera and moving hands do to B pictures of a clip.

    Attributes
    ----------
    background_px : (B, 2) how far what is behind the hands is displaced, right and down
    blur_px : (B, 2) the way that the hands go while the shutter is open
    """

    background_px: Tensor
    blur_px: Tensor


@dataclass(frozen=True)
class Scene:
    """B scenes: everything in camera axes, metres.

    Attributes
    ----------
    indices : (B,) numbers of the samples
    arrangement, view : hands and camera
    vertices_m : (B, N, 3) hands, forearms and sleeves
    points_m : (B, 2, 21, 3)
    drawn : (B, F) which faces are there
    rest_m : (N, 3)
    drift : None for pictures that stand alone
    """

    indices: Tensor
    arrangement: Arrangement
    view: Viewpoint
    vertices_m: Tensor
    points_m: Tensor
    drawn: Tensor
    rest_m: Tensor
    drift: Drift | None = None

    def select(self, chosen: Tensor) -> Scene:
        """The scenes at places `chosen` (M,)."""
        drift = self.drift
        return Scene(
            self.indices[chosen],
            _select(self.arrangement, chosen),
            _select(self.view, chosen),
            self.vertices_m[chosen],
            self.points_m[chosen],
            self.drawn[chosen],
            self.rest_m,
            None if drift is None else Drift(drift.background_px[chosen], drift.blur_px[chosen]),
        )


def _select(batch: Batch, chosen: Tensor) -> Batch:
    values: dict[str, Any] = {entry.name: getattr(batch, entry.name)[chosen] for entry in fields(batch)}
    return type(batch)(**values)
