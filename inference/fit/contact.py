"""Two hands cannot be in the same place: spheres along the bones that push each other away.

A single picture leaves open how far the hands are from each other in depth, so the fit can put one into the other. The
spheres lie inside the mesh, so those of two hands only overlap where the meshes do for certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import POINT_COUNT
from ..hands.model import HandModel
from .kinematics import BONE_PARENTS, CHAIN_ORDER, HandState, Skeletons

Array = NDArray[np.float64]

_SPREAD_M: Final = 0.001
"""Overlap of two spheres that costs as much as a landmark that is one standard deviation off."""
_ALONG_PALM: Final = (0.3, 0.55, 0.8, 1.0)
_ALONG_FINGER: Final = (0.35, 0.7, 1.0)
_ALONG_TIP: Final = (0.35, 0.7)
"""Where spheres lie on a bone, as shares of its length: dense enough that no finger fits between two."""


class Contact:
    """The cost of a right and a left hand that overlap.

    Parameters
    ----------
    skeletons : of two hands, without landmark offsets: spheres lie on the bones themselves
    models : the same two hands; the spheres' radii are those of the average shape
    """

    def __init__(self, skeletons: Skeletons, models: Sequence[HandModel]) -> None:
        self._skeletons = skeletons
        rows = []
        along = (_ALONG_PALM, _ALONG_FINGER, _ALONG_FINGER, _ALONG_TIP)
        for bone, parent in enumerate(BONE_PARENTS):
            for share in along[bone % len(along)]:
                row = np.zeros(POINT_COUNT)
                row[parent], row[bone + 1] = 1.0 - share, share
                rows.append(row)
        self._centres: Array = np.array(rows)  # (B, 21) a sphere's centre as a mean of points in chain order
        radii = []
        for model in models:
            points = np.concatenate([model.joint_template, model.v_template[model.tip_vertices]])[CHAIN_ORDER]
            apart = (self._centres @ points)[:, None] - model.v_template
            radii.append(np.linalg.norm(apart, axis=-1).min(axis=1))
        self._reach_m: Array = radii[0][:, None] + radii[1]  # (B, B) closer centres overlap

    def overlap_m(self, state: HandState) -> Array:
        """(N,) deepest overlap of two spheres, metres; 0 where the hands are apart."""
        points = self._skeletons.points_m(state)
        overlap = np.zeros(len(points))
        # Boxes first: most hands are far apart.
        low, high = points.min(axis=2), points.max(axis=2)
        margin = float(self._reach_m.max())
        near = np.all((low[:, 0] < high[:, 1] + margin) & (low[:, 1] < high[:, 0] + margin), axis=-1)
        if near.any():
            depth, _ = self._overlaps(points[near])
            overlap[near] = depth.max(axis=(1, 2))
        return overlap

    def cost(self, state: HandState) -> Array:
        """(N, H) costs; half of a frame's for each hand."""
        depth, _ = self._overlaps(self._skeletons.points_m(state))
        return np.repeat(0.25 * np.sum(depth**2, axis=(1, 2))[:, None] / _SPREAD_M**2, 2, axis=1)

    def equations(self, state: HandState) -> tuple[Array, Array, Array]:
        """Costs (N, H), gradients (N, H, P + S) and matrices (N, H, P + S, P + S).

        Each hand has equations of its own, with twice the Gauss-Newton matrix: that bounds the cost from above when
        both move at once (|a + b|^2 <= 2 |a|^2 + 2 |b|^2).
        """
        posed = self._skeletons.pose(state)
        depth, normal = self._overlaps(posed.points_m)
        derivative = np.concatenate([posed.by_pose, posed.by_shape], axis=-1)
        gradient = np.zeros((*derivative.shape[:2], derivative.shape[-1]))
        matrix = np.zeros((*gradient.shape, gradient.shape[-1]))
        frame, right, left = np.nonzero(depth > 0)
        for index in np.unique(frame):
            mine = frame == index
            direction = normal[index, right[mine], left[mine]]
            residual = depth[index, right[mine], left[mine]] / _SPREAD_M
            for hand, (spheres, sign) in enumerate(((right[mine], -1.0), (left[mine], 1.0))):
                moved = np.tensordot(self._centres[spheres], derivative[index, hand], axes=1)  # (K, 3, P + S)
                rows = (sign / _SPREAD_M) * np.einsum("kc,kcp->kp", direction, moved)
                gradient[index, hand] = residual @ rows
                matrix[index, hand] = 2.0 * rows.T @ rows
        cost = np.repeat(0.25 * np.sum(depth**2, axis=(1, 2))[:, None] / _SPREAD_M**2, 2, axis=1)
        return cost, gradient, matrix

    def _overlaps(self, points_m: Array) -> tuple[Array, Array]:
        """(N, B, B) how deep each sphere of the right hand is in each of the left, and directions right minus left."""
        centres = self._centres @ points_m
        apart = centres[:, 0, :, None] - centres[:, 1, None]
        distance = np.linalg.norm(apart, axis=-1)
        return np.maximum(self._reach_m - distance, 0.0), apart / np.maximum(distance, 1e-9)[..., None]
