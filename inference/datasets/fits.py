"""From hand model fits to points and vertices in world axes, each frame posed once for all cameras that see it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from ..hands.rotations import rotvec_to_matrix
from ..hands.skinning import pose_hand, shaped_rest

MILLIMETRES: Final = 1000.0
_KEPT_FRAMES: Final = 2048
"""Posed frames that are kept: some 80 MB at 778 vertices a hand."""


@dataclass(frozen=True)
class PosedFrame:
    """Both hands of one frame, world axes, mm: points (2, 21, 3), vertices right (V, 3) and left (W, 3)."""

    points_mm: NDArray[np.float64]
    vertices_mm: tuple[NDArray[np.float64], NDArray[np.float64]]


class FitPoser:
    """Poses fits and keeps the last ones: a frame is seen by up to a hundred cameras.

    Parameters
    ----------
    models : right and left hand model
    pose_rotvec : (F, 2, 48) global rotation, then finger joints relative to the model's mean pose, radians
    betas : (F, 2, 10)
    translation_m : (F, 2, 3) added to the model, whose global rotation turns about its rest wrist
    """

    def __init__(
        self,
        models: Mapping[Side, HandModel],
        pose_rotvec: NDArray[np.float32],
        betas: NDArray[np.float32],
        translation_m: NDArray[np.float32],
    ) -> None:
        self._models = models
        self._arrays = (pose_rotvec, betas, translation_m)
        self._kept: OrderedDict[int, PosedFrame] = OrderedDict()

    def frames(self, rows: NDArray[np.int64]) -> list[PosedFrame]:
        """Posed fits of rows; those not kept are posed together."""
        wanted = [int(row) for row in rows]
        if absent := sorted(set(wanted) - self._kept.keys()):
            self._pose(absent)
        found = [self._kept[row] for row in wanted]
        for row in dict.fromkeys(wanted):
            self._kept.move_to_end(row)
        while len(self._kept) > _KEPT_FRAMES:
            self._kept.popitem(last=False)
        return found

    def _pose(self, rows: list[int]) -> None:
        pose, betas, translation_m = (array[rows].astype(np.float64) for array in self._arrays)
        hands = [self._pose_hand(side, pose[:, k], betas[:, k], translation_m[:, k]) for k, side in enumerate(SIDES)]
        for place, row in enumerate(rows):
            points = np.stack([hand[0][place] for hand in hands])
            self._kept[row] = PosedFrame(points, (hands[0][1][place], hands[1][1][place]))

    def _pose_hand(
        self,
        side: Side,
        pose_rotvec: NDArray[np.float64],
        betas: NDArray[np.float64],
        translation_m: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        model = self._models[side]
        rotvec = pose_rotvec.reshape(-1, 16, 3).copy()
        rotvec[:, 1:] += model.pose_mean_rotvec
        _, rest_joints = shaped_rest(model, betas)
        posed = pose_hand(model, rotvec_to_matrix(rotvec), betas, rest_joints[:, 0] + translation_m)
        return MILLIMETRES * posed.points_m, MILLIMETRES * posed.vertices_m
