"""Where one hand is to the other, as a network says it: ties the depths of two hands that are seen together.

A single picture tells the distance of each hand from the camera by its size alone, so two hands that are fitted apart
from each other lie well in the picture and anywhere in depth. A network that has seen many pairs knows more about how
close they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import MIDDLE_MCP
from .kinematics import CHAIN_ORDER, HandState, Skeletons

Array = NDArray[np.float64]

_SPREAD_M: Final = 0.012
_SPREAD_SHARE: Final = 0.15
"""Standard deviation of what is said, at no distance, and what each metre of distance adds. Less than half of what the
open network's answers really have: the landmarks, too, count as if each erred on its own (docs/training-log.md)."""
_OUTLIER_SIGMAS: Final = 10.0
_KNUCKLE: Final = int(np.flatnonzero(np.asarray(CHAIN_ORDER) == MIDDLE_MCP)[0])


@dataclass(frozen=True)
class Relation:
    """The cost of two hands that lie elsewhere to each other than they were said to.

    Parameters
    ----------
    skeletons : of a right and a left hand
    offset_m : (N, 3) from the right middle knuckle to the left one, camera axes; not a number where nobody says
    """

    skeletons: Skeletons
    offset_m: Array

    def cost(self, state: HandState) -> Array:
        """(N, H) costs; half of a frame's for each hand."""
        points = self.skeletons.points_m(state)
        return _halves(_squared(self._error(points)))

    def equations(self, state: HandState) -> tuple[Array, Array, Array]:
        """Costs (N, H), gradients (N, H, P + S) and matrices (N, H, P + S, P + S).

        Each hand has equations of its own, with twice the Gauss-Newton matrix: see `Contact.equations`.
        """
        posed = self.skeletons.pose(state)
        error = self._error(posed.points_m)
        squared = _squared(error)
        pull = 1.0 / (1.0 + squared / _OUTLIER_SIGMAS**2)
        derivative = np.concatenate([posed.by_pose[:, :, _KNUCKLE], posed.by_shape[:, :, _KNUCKLE]], axis=-1)
        rows = derivative * (pull / self._spread_m())[:, None, None, None]  # (N, H, 3, P + S)
        rows[:, 0] *= -1.0
        gradient = np.einsum("nhcp,nc->nhp", rows, pull[:, None] * error)
        return _halves(squared), gradient, 2.0 * np.swapaxes(rows, -1, -2) @ rows

    def _error(self, points_m: Array) -> Array:
        """(N, 3) in standard deviations, zero where nobody says."""
        apart = points_m[:, 1, _KNUCKLE] - points_m[:, 0, _KNUCKLE]
        return np.nan_to_num(apart - self.offset_m) / self._spread_m()[:, None]

    def _spread_m(self) -> Array:
        """(N,) the further hands are from each other, the less is known about it."""
        return _SPREAD_M + _SPREAD_SHARE * np.nan_to_num(np.linalg.norm(self.offset_m, axis=-1))


def _squared(error: Array) -> Array:
    return np.sum(error**2, axis=-1)


def _halves(squared: Array) -> Array:
    return np.repeat((0.25 * squared / (1.0 + squared / _OUTLIER_SIGMAS**2))[:, None], 2, axis=1)
