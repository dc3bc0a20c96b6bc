"""Cameras: where the hands are seen from, how large, and which square of the picture is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from .draws import Draws

Framing = Literal["crop", "picture", "mixed"]
"""A square round the hands, as a detector gives it; a whole camera's picture with the hands anywhere in it; or one of
both by chance."""

_CANDIDATES: Final = 12
_HALF_FIELD_DEG: Final = (25.0, 42.0)
"""Half the horizontal field of view: webcams 55 to 78 degrees, phones 65 to 84, tele lenses below."""


@dataclass(frozen=True)
class Viewpoint:
    """B pinhole cameras; camera axes are OpenCV's. Pixel (0, 0) is the centre of the top-left pixel.

    Attributes
    ----------
    rotation : (B, 3, 3) scene to camera axes
    translation_m : (B, 3)
    focal_px : (B,) in pixels of the sample
    principal_px : (B, 2)
    """

    rotation: Tensor
    translation_m: Tensor
    focal_px: Tensor
    principal_px: Tensor

    def panned(self, rotation: Tensor) -> Viewpoint:
        """The cameras turned where they stand: `rotation` (N, 3, 3) turns camera axes; one camera may become many."""
        many = len(rotation)
        return Viewpoint(
            rotation @ self.rotation,
            (rotation @ self.translation_m[..., None])[..., 0],
            self.focal_px.expand(many),
            self.principal_px.expand(many, 2),
        )

    def to_camera(self, points_m: Tensor) -> Tensor:
        """Points (B, ..., 3) of the scene in camera axes."""
        between = (1,) * (points_m.dim() - 2)
        flat = points_m.flatten(1, -2) @ self.rotation.transpose(1, 2)
        return flat.reshape(points_m.shape) + self.translation_m.reshape(-1, *between, 3)

    def project(self, points_m: Tensor) -> Tensor:
        """Points (B, ..., 3) in camera axes to pixels (B, ..., 2)."""
        between = (1,) * (points_m.dim() - 2)
        focal = self.focal_px.reshape(-1, *between, 1)
        depth = points_m[..., 2:].clamp(min=1e-3)
        return points_m[..., :2] / depth * focal + self.principal_px.reshape(-1, *between, 2)


def draw_viewpoint(
    draws: Draws, points_m: Tensor, elbows_m: Tensor, present: Tensor, *, size_px: int, framing: Framing
) -> Viewpoint:
    """Look at the hands.

    Parameters
    ----------
    draws : random numbers
    points_m : (B, 2, P, 3) in the scene, wrists first; any number of them is held by the crop
    elbows_m : (B, 2, 3) in the scene
    present : (B, 2) bool; where neither is, the camera looks at both all the same
    size_px : side of the sample
    framing : what is kept of the picture
    """
    seen = torch.where(present.any(1, keepdim=True), present, torch.ones_like(present)).float()
    total = seen.sum(1)
    centre = (points_m.mean(2) * seen[..., None]).sum(1) / total[:, None]
    rotation = _turn(draws, points_m[:, :, 0], elbows_m, seen)
    turned = ((points_m - centre[:, None, None]).flatten(1, 2) @ rotation.transpose(1, 2)).unflatten(1, (2, -1))
    nearest = turned[..., 2].masked_fill(seen[..., None] == 0, 1e3).amin((1, 2))
    distance = torch.exp(draws.uniform(math.log(0.26), math.log(1.3))).maximum(0.12 - nearest)
    aside = draws.normal(0, 0.2, (2,)).clamp(-0.5, 0.5) * distance[:, None]
    position = torch.cat([aside, distance[:, None]], 1)
    camera = turned + position[:, None, None]
    flat = camera[..., :2] / camera[..., 2:].clamp(min=0.05)
    hidden = (seen == 0)[:, :, None, None]
    low = flat.masked_fill(hidden, 1e3).amin((1, 2))
    high = flat.masked_fill(hidden, -1e3).amax((1, 2))
    extent = (high - low).amax(1).clamp(min=0.05)
    middle = (low + high) / 2
    if framing == "mixed":
        whole = draws.chance(0.5)
        (crop_side, crop_shift), (side, shift) = _crop_square(draws, extent), _picture_square(draws, extent)
        side, shift = torch.where(whole, side, crop_side), torch.where(whole[:, None], shift, crop_shift)
    else:
        side, shift = (_crop_square if framing == "crop" else _picture_square)(draws, extent)
    focal = size_px / side
    principal = (size_px - 1) / 2 - focal[:, None] * (middle + shift)
    translation = position - (rotation @ centre[..., None])[..., 0]
    return Viewpoint(rotation, translation, focal, principal)


def _crop_square(draws: Draws, extent: Tensor) -> tuple[Tensor, Tensor]:
    """Side (B,) and shift (B, 2) against the hands' middle of a square round hands of `extent` (B,)."""
    side = extent * torch.exp(draws.uniform(math.log(1.08), math.log(1.75)))
    return side, draws.uniform(-0.5, 0.5, (2,)) * ((side - extent)[:, None] * 0.8 + side[:, None] * 0.12)


def _picture_square(draws: Draws, extent: Tensor) -> tuple[Tensor, Tensor]:
    """As `_crop_square`, of a camera's whole picture."""
    half = torch.deg2rad(draws.uniform(*_HALF_FIELD_DEG)).tan()
    side = torch.maximum(2 * half, extent * 0.75)
    # Anywhere, a corner beyond the rim now and then.
    return side, draws.uniform(-0.5, 0.5, (2,)) * (side - extent * draws.uniform(-0.1, 1.0)).clamp(min=0)[:, None]


def _turn(draws: Draws, wrists_m: Tensor, elbows_m: Tensor, seen: Tensor) -> Tensor:
    """(B, 3, 3) of some random views one in which the arms come as they mostly do: from below or from the sides."""
    candidates = torch.stack([draws.rotation() for _ in range(_CANDIDATES)], 1)
    arm = torch.nn.functional.normalize(elbows_m - wrists_m, dim=-1)
    arm = (arm * seen[..., None]).sum(1) / seen.sum(1, keepdim=True)
    x, y, z = (candidates @ arm[:, None, :, None])[..., 0].unbind(-1)
    weight = 0.55 + 0.55 * y + 0.12 * x.abs() - 1.6 * (-z - 0.45).clamp(min=0)
    weight = 0.03 + weight.clamp(0, 1) ** 2
    score = weight.log() - torch.log(-torch.log(draws.uniform(1e-6, 1 - 1e-6, (_CANDIDATES,))))
    return candidates[torch.arange(len(candidates), device=score.device), score.argmax(1)]
