"""How two hands stand to each other: in contact, near, apart, one alone, or none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from ..hands.torch_layer import rotvec_to_matrix
from .contact_search import PairPose, penetration_m
from .draws import Draws
from .gestures import GESTURES
from .hand_surface import HandSurface
from .interactions import InteractionLibrary
from .poses import draw_angles

KINDS: Final = ("contact", "near", "apart", "single", "none")
PALM_M: Final = 0.06
"""From the wrist joint to the middle of the palm."""
_DEEPEST_M: Final = 0.001
_CHECK_THINNING: Final = 3
"""A check on every third vertex; with this limit the whole mesh stayed below 1.7 mm in 384 of 384."""


@dataclass(frozen=True)
class ArrangementShares:
    """Shares of the kinds of pictures; two hands interact in the first two."""

    contact: float = 0.54
    near: float = 0.10
    apart: float = 0.17
    single: float = 0.15
    none: float = 0.04


@dataclass(frozen=True)
class Arrangement:
    """Both hands in one frame (right hand's or any), B samples.

    Attributes
    ----------
    kind : (B,) int64 index into `KINDS`
    gesture : (B,) int64 index into the library's gestures, -1 where none
    angles_rad : (B, 2, 16, 3)
    betas : (B, S)
    rotation : (B, 2, 3, 3) of each hand's rest frame
    wrist_m : (B, 2, 3)
    present : (B, 2) bool
    """

    kind: Tensor
    gesture: Tensor
    angles_rad: Tensor
    betas: Tensor
    rotation: Tensor
    wrist_m: Tensor
    present: Tensor


def draw_arrangement(
    draws: Draws, surface: HandSurface, library: InteractionLibrary, shares: ArrangementShares
) -> Arrangement:
    """Draw B arrangements."""
    kind = draws.choice((shares.contact, shares.near, shares.apart, shares.single, shares.none))
    gesture, together = draw_contact(draws, surface, library, kind == KINDS.index("near"))
    free_angles = draw_angles(draws, surface)
    free_betas = draws.normal(0, 0.95, (surface.model.shape_count,))
    interacts = kind <= KINDS.index("near")
    angles = torch.where(interacts[:, None, None, None], together.angles_rad, free_angles)
    betas = torch.where(interacts[:, None], together.betas, free_betas)
    identity = torch.eye(3, device=draws.device).expand(draws.batch, 3, 3)
    free_rotation, free_offset = draw_apart(draws, surface, angles, betas)
    rotation = torch.where(interacts[:, None, None], together.rotation, free_rotation)
    offset = torch.where(interacts[:, None], together.offset_m, free_offset)
    swap = draws.chance(0.5)
    pair = mirrored_where(swap & interacts, angles, rotation, offset)
    side = draws.chance(0.5)
    both = torch.ones_like(side)
    one = kind == KINDS.index("single")
    some = kind != KINDS.index("none")
    present = torch.stack([both & ~(one & side), both & ~(one & ~side)], 1) & some[:, None]
    wrist = torch.stack([torch.zeros_like(pair[2]), pair[2]], 1)
    return Arrangement(
        kind,
        torch.where(interacts, gesture, torch.full_like(gesture, -1)),
        pair[0],
        betas,
        torch.stack([identity, pair[1]], 1),
        wrist,
        present,
    )


def draw_contact(
    draws: Draws, surface: HandSurface, library: InteractionLibrary, near: Tensor
) -> tuple[Tensor, PairPose]:
    """A pose of the library, changed a little where that leaves the hands outside each other; `near`: moved apart."""
    chosen = library.draw(draws, {name: share for name, (_, share) in GESTURES.items()})
    pose = library.poses.select(chosen)
    noise = draws.normal(0, math.radians(3.0), (2, 16, 3)) * torch.tensor([1.0, 0.2, 0.4], device=draws.device)
    low, high = surface.limits_rad.unbind(-1)
    angles = torch.minimum(torch.maximum(pose.angles_rad + noise, low), high)
    turn = rotvec_to_matrix(draws.normal(0, math.radians(2.0), (3,)))
    palm = torch.tensor([PALM_M, 0.0, 0.0], device=draws.device)
    between = pose.rotation @ palm + pose.offset_m + palm
    away = torch.nn.functional.normalize(between, dim=-1) * (draws.uniform(0.004, 0.07) * near)[:, None]
    moved = pose.offset_m + draws.normal(0, 0.0012, (3,)) + away
    changed = PairPose(angles, pose.betas, turn @ pose.rotation, moved)
    good = penetration_m(surface, changed, thinning=_CHECK_THINNING) < _DEEPEST_M
    kept = PairPose(
        torch.where(good[:, None, None, None], changed.angles_rad, pose.angles_rad),
        pose.betas,
        torch.where(good[:, None, None], changed.rotation, pose.rotation),
        torch.where(good[:, None], changed.offset_m, pose.offset_m),
    )
    return library.gesture[chosen], kept


def draw_apart(draws: Draws, surface: HandSurface, angles: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
    """Rotation and wrist of a left hand beside the right one, a plane between them: mirrored, or any."""
    mirror = surface.mirror[1]
    any_turn = draws.rotation()
    slight = rotvec_to_matrix(draws.normal(0, math.radians(18), (3,)))
    # The mirror image in the plane of a body that faces any way: turn the left hand as the right one is turned.
    axis = draws.rotation()
    mirrored = axis @ torch.diag(mirror) @ axis.transpose(1, 2) @ torch.diag(mirror)
    symmetric = draws.chance(0.6)
    rotation = torch.where(symmetric[:, None, None], slight @ mirrored, any_turn)
    across = axis[:, :, 0]
    direction = torch.where(symmetric[:, None], across, draws.direction())
    posed = surface.pose(angles, betas)
    right = posed.points_m[:, 0]
    left = posed.points_m[:, 1] @ rotation.transpose(1, 2)
    reach = (right @ direction[..., None]).amax((1, 2)) - (left @ direction[..., None]).amin((1, 2))
    gap = 0.02 + 0.35 * draws.uniform() ** 2
    middle = right.mean(1) - left.mean(1)
    aside = middle - direction * (middle * direction).sum(-1, keepdim=True)
    return rotation, aside + direction * (reach + gap)[:, None]


def mirrored_where(swap: Tensor, angles: Tensor, rotation: Tensor, offset: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The scene's mirror image where `swap`: the hands change sides. Returns angles, left rotation, left wrist."""
    flip = torch.tensor([-1.0, 1.0, 1.0], device=offset.device)
    # Mirrored in x the left hand becomes a right one with rotation M R M at M t; seen from it the other stands at:
    turned = rotation * flip[:, None] * flip
    back = turned.transpose(1, 2)
    other = -(back @ (offset * flip)[..., None])[..., 0]
    chosen = swap[:, None, None]
    return (
        torch.where(chosen[..., None], angles.flip(1), angles),
        torch.where(chosen, back, rotation),
        torch.where(swap[:, None], other, offset),
    )
