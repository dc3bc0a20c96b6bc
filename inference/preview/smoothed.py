"""The take as it looks smoothed: for drawing only; what is stored stays as measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from ..contract import Take
from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from ..hands.rotations import quat_wxyz_to_matrix
from ..hands.skinning import pose_hand
from ..motion.smoothing import smooth_take

_CHUNK_FRAMES: Final = 64


def smoothed_take(take: Take, models: Mapping[Side, HandModel], strength: float) -> Take:
    """The take with smoothed rotations and places where a hand was seen, and the joints that follow from them.

    Frames in which a hand was not seen stay without it: a preview shows what was found.

    Parameters
    ----------
    models : the right and the left hand model the take was made with
    strength : from 0 (as measured) to 1
    """
    motion = smooth_take(take, strength)
    seen = take.present[..., None]
    quat_wxyz = np.where(seen[..., None], motion.quat_wxyz, take.quat_wxyz)
    translation_m = np.where(seen, motion.translation_m, take.translation_m)
    joints_m = take.joints_m.copy()
    for hand, side in enumerate(SIDES):
        rows = np.flatnonzero(take.present[hand])
        for first in range(0, len(rows), _CHUNK_FRAMES):
            part = rows[first : first + _CHUNK_FRAMES]
            rotations = quat_wxyz_to_matrix(quat_wxyz[hand, part])
            joints_m[hand, part] = pose_hand(
                models[side], rotations, take.betas[hand], translation_m[hand, part]
            ).points_m
    return replace(take, quat_wxyz=quat_wxyz, translation_m=translation_m, joints_m=joints_m)
