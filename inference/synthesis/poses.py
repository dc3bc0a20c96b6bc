"""Poses of one hand, within anatomical limits and with the fingers' usual correlations."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..hands.joint_limits import DIP_PER_PIP
from ..hands.pose_library import POSES, pose_angles_rad
from .draws import Draws
from .hand_surface import HandSurface

_ORDER: Final = (1, 4, 10, 7)
"""First joints of index, middle, ring and little finger: neighbours as they lie beside each other."""
_THUMB: Final = 13
_KIND_SHARES: Final = (0.45, 0.3, 0.25)
"""Between two poses of the library; one grasp for all fingers; each finger on its own."""
_SMALLEST_GAP_DEG: Final = -5.0
_SAME_POSE: Final = 0.35


def draw_angles(draws: Draws, surface: HandSurface) -> Tensor:
    """(B, 2, 16, 3) flexion, twist and abduction of both hands in radians, each hand on its own or both alike."""
    right, left = _one_hand(draws), _one_hand(draws)
    alike = right + draws.normal(0, math.radians(4), (16, 3)) * torch.tensor([1.0, 0.2, 0.5], device=draws.device)
    left = torch.where(draws.chance(_SAME_POSE)[:, None, None], alike, left)
    return keep_anatomy(torch.stack([right, left], 1), surface)


def keep_anatomy(angles_rad: Tensor, surface: HandSurface) -> Tensor:
    """The angles (..., 16, 3) within the joints' limits, neighbouring fingers not through each other."""
    low, high = surface.limits_rad.unbind(-1)
    angles = torch.minimum(torch.maximum(angles_rad, low), high)
    first = angles[..., _ORDER, :]
    # A bent finger cannot be spread, and a finger stops where its neighbour is, unless one passes above the other.
    spread = first[..., 2] * (1 - 0.6 * (first[..., 0] / math.radians(80)).clamp(0, 1))
    gap = math.radians(_SMALLEST_GAP_DEG)
    columns = [spread[..., 0]]
    for finger in range(1, 4):
        columns.append(torch.maximum(spread[..., finger], columns[-1] + gap))
    result = angles.clone()
    result[..., _ORDER, 2] = torch.stack(columns, -1)
    return torch.minimum(torch.maximum(result, low), high)


def _one_hand(draws: Draws) -> Tensor:
    """(B, 16, 3) angles."""
    library = torch.tensor(
        np.stack([pose_angles_rad(pose) for pose in POSES.values()]), dtype=torch.float32, device=draws.device
    )
    kind = draws.choice(_KIND_SHARES)[:, None, None]
    share = draws.uniform(0, 1)[:, None, None]
    first, second = library[draws.integers(len(library))], library[draws.integers(len(library))]
    between = first + (second - first) * share * share
    between = between + draws.normal(0, math.radians(5), (16, 3)) * _noise_axes(draws)
    return torch.where(kind == 0, between, torch.where(kind == 1, _grasp(draws), _single_fingers(draws)))


def _noise_axes(draws: Draws) -> Tensor:
    return torch.tensor([1.0, 0.3, 0.5], device=draws.device)


def _grasp(draws: Draws) -> Tensor:
    """One curl for all fingers, neighbours alike: the first synergies of grasping hands."""
    curl = draws.uniform(-0.1, 1.05)[:, None]
    noise = draws.normal(0, 0.14, (4,))
    # A moving mean along the fingers makes neighbours agree.
    noise = 0.6 * noise + 0.4 * torch.cat([noise[:, 1:], noise[:, -1:]], 1)
    slope = draws.normal(0, 0.1)[:, None] * torch.tensor([-1.5, -0.5, 0.5, 1.5], device=draws.device)
    finger = curl + noise + slope
    knuckle = draws.uniform(0.3, 1.0)[:, None] * finger * math.radians(95)
    middle = finger * math.radians(105) + draws.normal(0, math.radians(7), (4,))
    return _assemble(draws, knuckle, middle, curl.squeeze(1))


def _single_fingers(draws: Draws) -> Tensor:
    """Every finger stretched, half bent or bent on its own, as in signs and numbers."""
    kind = draws.uniform(0, 1, (4,))
    knuckle_bent = draws.normal(math.radians(62), math.radians(20), (4,))
    middle_bent = draws.normal(math.radians(80), math.radians(20), (4,))
    straight = draws.normal(math.radians(4), math.radians(10), (4,))
    half = draws.uniform(0, 1, (4,))
    knuckle = torch.where(kind < 0.45, straight, torch.where(kind < 0.8, knuckle_bent, knuckle_bent * half))
    middle = torch.where(kind < 0.45, straight.abs(), torch.where(kind < 0.8, middle_bent, middle_bent * (1 - half)))
    return _assemble(draws, knuckle, middle, draws.uniform(0, 1))


def _assemble(draws: Draws, knuckle: Tensor, middle: Tensor, curl: Tensor) -> Tensor:
    """(B, 16, 3) from the flexion of four knuckles and middle joints (B, 4) and a curl of the thumb (B,)."""
    end = middle * DIP_PER_PIP + draws.normal(0, math.radians(8), (4,))
    spread = draws.normal(math.radians(2), math.radians(6))[:, None]
    fan = torch.tensor([-1.2, -0.1, 0.9, 2.0], device=draws.device)
    abduction = spread * fan + draws.normal(0, math.radians(3), (4,))
    twist = draws.normal(0, math.radians(3), (4,))
    angles = torch.zeros(draws.batch, 16, 3, device=draws.device)
    first = torch.tensor(_ORDER, device=draws.device)
    angles[:, first] = torch.stack([knuckle, twist, abduction], -1)
    angles[:, first + 1, 0] = middle
    angles[:, first + 2, 0] = end
    base = draws.normal(0, math.radians(13), (3,)) + curl[:, None] * torch.tensor(
        [math.radians(20), math.radians(6), math.radians(-4)], device=draws.device
    )
    angles[:, _THUMB] = base
    angles[:, _THUMB + 1, 0] = draws.normal(math.radians(5), math.radians(14)) + curl * math.radians(20)
    angles[:, _THUMB + 2, 0] = draws.normal(math.radians(5), math.radians(22)) + curl * math.radians(25)
    return angles
