"""Turned squares round single hands in torch: crops from them, and points in and out of them.

Regions are (..., 5): centre x and y and side in pixels of the picture, clockwise turn in radians (0 where the hand
points up), and 1 where the region is known, else 0; what `detect.region.Region` is in numpy. The left hand's crop is
mirrored, so that every crop shows a right hand: one network reads both.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from ..hands.joints import MANO_TO_OPENPOSE
from .mesh_net import full_precision

_WRIST, _INDEX_MCP, _MIDDLE_MCP, _RING_MCP = (int(MANO_TO_OPENPOSE[point]) for point in (0, 5, 9, 13))
# The numbers that the landmark net was trained with (see `detect.region`).
_STEADY_POINTS: Final = [int(MANO_TO_OPENPOSE[point]) for point in (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)]
_HAND_SCALE, _HAND_SHIFT = 2.0, 0.1


def regions_of(joints_px: Tensor) -> Tensor:
    """The regions (..., 5) that hands (..., 21, 2) ask for; known."""
    knuckles = (
        0.25 * joints_px[..., _INDEX_MCP, :]
        + 0.25 * joints_px[..., _RING_MCP, :]
        + 0.5 * joints_px[..., _MIDDLE_MCP, :]
    )
    up = knuckles - joints_px[..., _WRIST, :]
    angle = torch.atan2(up[..., 0], -up[..., 1])
    turn = turn_matrix(angle)
    upright = joints_px[..., _STEADY_POINTS, :] @ turn
    low, high = upright.amin(dim=-2), upright.amax(dim=-2)
    size = high - low
    middle = (low + high) / 2 - size * size.new_tensor([0.0, _HAND_SHIFT])
    centre = (turn @ middle.unsqueeze(-1)).squeeze(-1)
    side = _HAND_SCALE * size.amax(dim=-1)
    return torch.stack([centre[..., 0], centre[..., 1], side, angle, torch.ones_like(side)], dim=-1)


def turn_matrix(angle_rad: Tensor) -> Tensor:
    """(..., 2, 2) from a region's axes to the picture's."""
    cosine, sine = angle_rad.cos(), angle_rad.sin()
    return torch.stack([cosine, -sine, sine, cosine], dim=-1).unflatten(-1, (2, 2))


def axes_to_picture(regions: Tensor) -> Tensor:
    """(B, 2, 3, 3) from the axes of each hand's crop, the left one mirrored, to the picture's; determinant 1, -1."""
    turn = turn_matrix(regions[..., 3])
    flip = turn.new_tensor([[1.0, 1.0], [-1.0, 1.0]])  # columns of the left hand's matrix
    whole = torch.zeros(*turn.shape[:-2], 3, 3, dtype=turn.dtype, device=turn.device)
    whole[..., :2, :2] = turn * flip[:, None, :]
    whole[..., 2, 2] = 1
    return whole


def to_picture(points_px: Tensor, regions: Tensor, crop_px: int) -> Tensor:
    """Points (B, 2, J, 2) in pixels of the crops to pixels of the picture."""
    axes = axes_to_picture(regions)[..., :2, :2]
    scale = (regions[..., 2] / crop_px)[..., None, None]
    with full_precision(points_px):
        return (points_px - (crop_px - 1) / 2) * scale @ axes.transpose(-1, -2) + regions[..., None, :2]


def to_crop(points_px: Tensor, regions: Tensor, crop_px: int) -> Tensor:
    """Undoes `to_picture`."""
    axes = axes_to_picture(regions)[..., :2, :2]
    scale = (crop_px / regions[..., 2])[..., None, None]
    with full_precision(points_px):
        return (points_px - regions[..., None, :2]) @ axes * scale + (crop_px - 1) / 2


def cut_crops(picture: Tensor, regions: Tensor, crop_px: int) -> Tensor:
    """(B, 2, 3, crop_px, crop_px) what both hands' regions show of pictures (B, 3, H, W); beyond the rim its colour."""
    height, width = picture.shape[-2:]
    pixel = torch.arange(crop_px, dtype=regions.dtype, device=regions.device)
    rows, columns = torch.meshgrid(pixel, pixel, indexing="ij")
    grid = torch.stack([columns, rows], dim=-1).flatten(0, 1).expand(*regions.shape[:2], -1, 2)
    place = to_picture(grid, regions, crop_px)
    size = place.new_tensor([width, height])
    place = ((place + 0.5) / size * 2 - 1).unflatten(2, (crop_px, crop_px)).to(picture.dtype)
    crops = [
        functional.grid_sample(picture, place[:, hand], mode="bilinear", padding_mode="border", align_corners=False)
        for hand in range(2)
    ]
    return torch.stack(crops, dim=1)
