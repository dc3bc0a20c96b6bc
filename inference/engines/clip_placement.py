"""A clip of placed hands again with one shape a hand: rotations stay, the hands are placed anew with the new sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..clip import Clip
from ..fit.placement import palm_length_m, place
from ..hands.joints import MIDDLE_MCP, SIDES, Side
from ..hands.model import HandModel
from ..hands.rotations import quat_wxyz_to_matrix
from ..hands.skinning import pose_hand

Array = NDArray[np.float64]
Part = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Indices of hands (H, 1) and of frames (1, F)."""

_CHUNK_FRAMES: Final = 64
"""Frames posed at a time: whole meshes are posed for their fingertips, so memory must stay flat."""


def replace_clip(
    clip: Clip, models: Mapping[Side, HandModel], camera: Camera, fixed_betas: Array | None = None
) -> Clip:
    """The clip with one shape a hand, and every frame's hands placed together again.

    The shape is `fixed_betas` (2, S) where they are given, else the median over the hand's frames, weighted by
    confidence: single bad frames do not count. What one
    hand is to the other stays as the network said, in the right hand's palm lengths.
    """
    betas = np.zeros_like(clip.betas)
    for index in range(len(SIDES)):
        seen = clip.present[index]
        if seen.any():
            betas[index, seen] = (
                weighted_median(clip.betas[index, seen], clip.confidence[index, seen])
                if fixed_betas is None
                else fixed_betas[index]
            )
    translation, joints = clip.translation_m.copy(), clip.joints_m.copy()
    both = clip.present.all(axis=0)
    for hands, rows in (([0, 1], both), ([0], clip.present[0] & ~both), ([1], clip.present[1] & ~both)):
        frames = np.flatnonzero(rows)
        for first in range(0, len(frames), _CHUNK_FRAMES):
            part = (np.array(hands)[:, None], frames[None, first : first + _CHUNK_FRAMES])
            joints[part] = _placed(clip, _posed(clip, betas, models, part), camera, part)
            translation[part] = joints[part][:, :, 0]
    return replace(clip, betas=betas, translation_m=translation, joints_m=joints)


def weighted_median(values: Array, weights: Array) -> Array:
    """(S,) of values (F, S), each component on its own; equal weights where all are zero."""
    weight = weights if weights.sum() > 0 else np.ones(len(values))
    order = np.argsort(values, axis=0)
    total = np.cumsum(weight[order], axis=0)
    at = np.argmax(total >= 0.5 * total[-1], axis=0)
    return np.take_along_axis(values, np.take_along_axis(order, at[None], axis=0), axis=0)[0]


def _posed(clip: Clip, betas: Array, models: Mapping[Side, HandModel], part: Part) -> Array:
    """(H, F, 21, 3) points of the hands and frames in `part` with their wrists at the origin."""
    hands, frames = part[0][:, 0], part[1][0]
    return np.stack(
        [
            pose_hand(
                models[SIDES[hand]], quat_wxyz_to_matrix(clip.quat_wxyz[hand, frames]), betas[hand, frames], np.zeros(3)
            ).points_m
            for hand in hands
        ]
    )


def _placed(clip: Clip, points: Array, camera: Camera, part: Part) -> Array:
    """(H, F, 21, 3) joints of the hands and frames in `part`; what cannot be placed stays about where it was."""
    before = clip.joints_m[part]
    if len(points) == len(SIDES):
        apart = before[1, :, MIDDLE_MCP] - before[0, :, MIDDLE_MCP]
        grown = palm_length_m(points[0]) / np.maximum(palm_length_m(before[0]), 1e-9)
        shift = points[0, :, MIDDLE_MCP] + apart * grown[:, None] - points[1, :, MIDDLE_MCP]
        points = np.stack([points[0], points[1] + shift[:, None]])
    placement = place(
        camera,
        np.concatenate(list(points), axis=1),
        np.concatenate(list(clip.joints_px[part]), axis=1),
        np.concatenate(list(clip.joints_px_confidence[part]), axis=1),
    )
    kept = before[0, :, 0] - points[0, :, 0]
    return points + np.where(placement.placed[:, None], placement.translation_m, kept)[:, None]
