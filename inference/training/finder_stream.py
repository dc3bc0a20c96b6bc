"""Stage one's pictures: drawn while training goes on, and each looked at several times.

Drawing a picture costs as much as learning from one. So every picture is used `looks` times, each time seen by a camera
that is turned, moved and zoomed anew, mirrored by chance (which makes a right hand of a left one).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..fit.placement import AnswerAxes
from ..hands.joints import MIDDLE_MCP
from ..synthesis.sample import Settings
from ..synthesis.truth import Samples
from .drawn_batches import DrawnBatches
from .finder_batch import FinderBatch
from .looks import looks_at

PALM_POINTS: Final = (0, 1, MIDDLE_MCP, 10, 7)
"""Wrist and the knuckles from index to little finger."""
LEAST_VISIBLE: Final = 3
"""A hand of which fewer points are visible cannot be told: it counts as absent."""
_ZOOM: Final = (0.75, 1.35)
_SHIFT: Final = 0.12
_TURN_RAD: Final = math.radians(20.0)
_ANY_TURN: Final = 0.15
_COLOUR: Final = 0.15
_BLACK_BEYOND: Final = 0.5


class DrawnHands(NamedTuple):
    """B drawn pictures, as far as stage one needs them.

    Parameters
    ----------
    picture : (B, 3, S, S) uint8 RGB
    joints_px : (B, 2, 21, 2)
    visible : (B, 2, 21) bool
    facing : (B, 2) see `facing_of`
    """

    picture: Tensor
    joints_px: Tensor
    visible: Tensor
    facing: Tensor


class FinderStream:
    """See `BatchStream`.

    Parameters
    ----------
    looks : how often a picture is used
    seed : of the set and of the looks
    samples : how many looks make an epoch
    weights_dir, settings, batch, device, workers : see `DrawnBatches`
    """

    def __init__(
        self,
        weights_dir: Path,
        settings: Settings,
        *,
        batch: int,
        looks: int,
        seed: int,
        samples: int,
        device: torch.device,
        workers: int = 0,
    ) -> None:
        self.samples = samples
        self._looks, self._seed = looks, seed
        self._drawn = DrawnBatches(
            weights_dir, settings, drawn_hands, batch=batch, seed=seed, device=device, workers=workers
        )

    @property
    def axes(self) -> AnswerAxes:
        """See `BatchStream.axes`; nothing that stage one answers has a third axis."""
        return "camera"

    def batches(self, first: int, step: int) -> Iterator[FinderBatch]:
        """See `BatchStream.batches`."""
        row = looks_at(self._drawn.row, _joined, first=first, step=step, looks=self._looks, seed=self._seed)
        for pool, rows, random in row:
            chosen = rows.to(pool.picture.device)
            yield look_at(DrawnHands(*(part[chosen] for part in pool)), random)


def _joined(drawn: list[DrawnHands]) -> DrawnHands:
    return DrawnHands(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))


def drawn_hands(samples: Samples) -> DrawnHands:
    """What stage one needs of samples."""
    visible = samples.visible & samples.present[..., None]
    return DrawnHands(samples.picture, samples.joints_px, visible, facing_of(samples.joints_m))


def facing_of(joints_m: Tensor) -> Tensor:
    """(B, 2) the cosine between the line of sight and the way that the palm faces: 1 where it is fully seen, -1 where
    the back is.

    Parameters
    ----------
    joints_m : (B, 2, 21, 3) camera axes, right hand first
    """
    wrist, index, _, _, little = joints_m[:, :, PALM_POINTS].unbind(2)
    normal = functional.normalize(torch.linalg.cross(index - wrist, little - wrist), dim=-1)
    sight = functional.normalize((wrist + index + little) / 3, dim=-1)
    # The same turn from index to little finger comes out of the palm of one hand and out of the back of the other.
    return (normal * sight).sum(dim=-1) * joints_m.new_tensor([-1.0, 1.0])


def look_at(drawn: DrawnHands, random: torch.Generator | None) -> FinderBatch:
    """Pictures as a training step needs them.

    Parameters
    ----------
    random : how the second camera stands; None takes the pictures as they are
    """
    picture, joints, visible, facing = drawn
    seen = _enough(visible)
    picture = picture.to(torch.float32) / 255
    if random is None:
        return FinderBatch(picture, joints, facing, seen, torch.tensor(0))
    size, count, device = picture.shape[-1], len(picture), picture.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return (low + (high - low) * torch.rand(count, *shape, generator=random)).to(device)

    zoom = uniform(math.log(_ZOOM[0]), math.log(_ZOOM[1])).exp()
    slight = (torch.randn(count, generator=random) * _TURN_RAD).to(device)
    angle = torch.where(uniform(0, 1) < _ANY_TURN, uniform(-math.pi, math.pi), slight)
    shift = uniform(-_SHIFT, _SHIFT, 2) * size
    flip = uniform(0, 1) < 0.5
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack([cosine, -sine, sine, cosine], -1).unflatten(-1, (2, 2)) * zoom[:, None, None]
    mirror = torch.where(flip, -1.0, 1.0)
    turn = turn * torch.stack([mirror, torch.ones_like(mirror)], -1)[:, None, :]
    middle = (size - 1) / 2
    joints = ((joints - middle) @ turn[:, None].transpose(-1, -2)) + (middle + shift)[:, None, None]
    inside = ((joints > -0.5) & (joints < size - 0.5)).all(-1)
    visible = visible & inside
    joints, visible, facing = (
        torch.where(flip.reshape(-1, *(1,) * (part.dim() - 1)), part.flip(1), part)
        for part in (joints, visible, facing)
    )
    gain = uniform(1 - _COLOUR, 1 + _COLOUR, 3)[..., None, None]
    black = uniform(0, 1) < _BLACK_BEYOND
    picture = (_seen_again(picture, turn, shift, black) * gain).clamp(0, 1)
    return FinderBatch(picture, joints, facing, _enough(visible), torch.tensor(0))


def _enough(visible: Tensor) -> Tensor:
    return (visible.sum(dim=-1) >= LEAST_VISIBLE).to(torch.float32)


def _seen_again(picture: Tensor, turn: Tensor, shift_px: Tensor, black: Tensor) -> Tensor:
    """Pictures whose points p about the middle go to ``turn p + shift``; beyond the rim black, or as at the rim."""
    size = picture.shape[-1]
    back = torch.linalg.inv(turn)
    offset = -(back @ shift_px[..., None]) / (size / 2)
    grid = functional.affine_grid(torch.cat([back, offset], -1), list(picture.shape), align_corners=False)
    moved = functional.grid_sample(picture, grid, padding_mode="border", align_corners=False)
    inside = (grid.abs() <= 1).all(-1)[:, None]
    return torch.where(inside | ~black[:, None, None, None], moved, torch.zeros_like(moved))
