"""What a good fit is: reprojection, the nets' depth, anatomy; as costs and Gauss-Newton normal equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..hands.joint_limits import DIP_PER_PIP
from ..hands.rotations import matrix_to_rotvec
from .kinematics import BONE_PARENTS, FINGER_COUNT, POINT_ORDER, WRIST_PARAMETERS, HandState, Skeletons

Array = NDArray[np.float64]

NEAREST_DEPTH_M: Final = 0.03
"""A hand with a point nearer to the lens than this is refused by the solver."""


@dataclass(frozen=True)
class Weights:
    """How much each term counts: standard deviations, and the error from which a point counts as an outlier."""

    point_share: float = 0.016
    """Noise of a landmark as a share of the hand's box (mean over the nets' landmarks of clear hands)."""
    outlier_sigmas: float = 4.0
    """Geman-McClure scale: beyond this many standard deviations a point loses its pull."""
    bone_depth: float = 0.7
    """Noise of the nets' depth difference along a bone, as a share of the bone's length."""
    dip_coupling_rad: float = float(np.deg2rad(15.0))
    """Freedom of a finger's last joint about 2/3 of the joint before it."""


@dataclass(frozen=True)
class Observed:
    """Observations in the fit's own terms, points in chain order (`kinematics.CHAIN_ORDER`)."""

    rays: Array  # (N, H, 21, 2) x/z, y/z of each landmark
    rays_per_box: Array  # (N, H) converts a difference of rays to a share of the hand's box
    weight: Array  # (N, H, 21) from 0 to 1; a hand that is not seen has zeros
    bone_depth: Array  # (N, H, 20) depth gained along each bone, as a share of its length
    bone_weight: Array  # (N, H, 20)

    def take(self, problems: NDArray[np.intp] | slice, hands: NDArray[np.intp] | slice = slice(None)) -> Observed:
        """Some of the problems and some of the hands."""
        return Observed(*(getattr(self, name)[problems][:, hands] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Anchor:
    """Poses known from elsewhere, that hold what the picture leaves open (tilt and depth of the fingers)."""

    wrist: Array  # (N, H, 3, 3)
    angles: Array  # (N, H, A) the free finger angles
    spread_rad: float
    """How far, as a standard deviation, the fit may leave them."""

    @classmethod
    def at(cls, skeletons: Skeletons, state: HandState, spread_rad: float) -> Anchor:
        """Hold on to the pose of `state`."""
        return cls(state.wrist.copy(), skeletons.free_angles(state), spread_rad)


@dataclass
class NormalEquations:
    """Costs (N, H) and their quadratic model; infinite cost where a hand reaches behind the camera."""

    cost: Array
    pose_gradient: Array  # (N, H, P)
    pose_matrix: Array  # (N, H, P, P)
    mixed_matrix: Array  # (N, H, P, S)
    shape_gradient: Array  # (N, H, S)
    shape_matrix: Array  # (N, H, S, S)

    def select(self, better: NDArray[np.bool_], other: NormalEquations) -> NormalEquations:
        """`other` where `better` (N, H) is true."""
        return NormalEquations(
            *(
                np.where(better[(...,) + (None,) * (mine.ndim - 2)], getattr(other, name), mine)
                for name, mine in vars(self).items()
            )
        )


class BetweenHands(Protocol):
    """A term about both hands of a frame (`contact`, `relation`)."""

    def cost(self, state: HandState) -> Array:
        """(N, H) costs; half of a frame's for each hand."""
        ...

    def equations(self, state: HandState) -> tuple[Array, Array, Array]:
        """Costs (N, H), gradients (N, H, P + S) and matrices (N, H, P + S, P + S)."""
        ...


class Objective:
    """The cost of hands given what was observed (half the sum of squared, robustified residuals)."""

    def __init__(
        self,
        skeletons: Skeletons,
        observed: Observed,
        weights: Weights,
        anchor: Anchor | None = None,
        between: Sequence[BetweenHands] = (),
    ) -> None:
        self.skeletons, self.observed, self.weights, self.anchor = skeletons, observed, weights, anchor
        self.between = between
        limits = skeletons.limits
        precision = 1.0 / limits[:, 3] ** 2
        coupling = _coupling_rows(skeletons) / weights.dip_coupling_rad
        self._relaxed: Array = limits[:, 2]
        self._anatomy: Array = np.diag(precision) + coupling.T @ coupling
        # The coupling's own target is zero, the relaxed pose's is `relaxed`: one quadratic form, one linear term.
        self._anatomy_pull: Array = precision * limits[:, 2]
        self._anatomy_rest = 0.5 * float(np.sum(precision * limits[:, 2] ** 2))
        rest = skeletons.rest_m
        self._bone_lengths: Array = np.linalg.norm(rest[:, 1:] - rest[:, BONE_PARENTS], axis=-1)

    def cost(self, state: HandState) -> Array:
        """(N, H) costs alone."""
        points = self.skeletons.points_m(state)
        error, bone_error = self._errors(points)
        cost = self._sum_costs(points, error, bone_error, self.skeletons.free_angles(state)) + self._anchor_cost(state)
        return cost + sum(term.cost(state) for term in self.between)

    def normal_equations(self, state: HandState) -> NormalEquations:
        """Costs, gradients and Gauss-Newton matrices at `state`."""
        posed = self.skeletons.pose(state)
        derivative = np.concatenate([posed.by_pose, posed.by_shape], axis=-1)  # (N, H, 21, 3, P + S)
        points, observed = posed.points_m, self.observed
        angles = self.skeletons.free_angles(state)
        error, bone_error = self._errors(points)
        cost = self._sum_costs(points, error, bone_error, angles) + self._anchor_cost(state)

        depth = np.maximum(points[..., 2], NEAREST_DEPTH_M)
        pull = np.sqrt(observed.weight) * _robust_root_weight(_squared(error), self.weights.outlier_sigmas)
        scale = pull * observed.rays_per_box[..., None] / (self.weights.point_share * depth)
        projected = points[..., :2] / depth[..., None]
        pixel_rows = derivative[..., :2, :] - projected[..., None] * derivative[..., 2:, :]
        pixel_rows *= scale[..., None, None]
        bone_pull = np.sqrt(observed.bone_weight) * _robust_root_weight(bone_error**2, _BONE_OUTLIER_SIGMAS)
        bone_rows = derivative[..., 1:, 2, :] - derivative[..., BONE_PARENTS, 2, :]
        bone_rows *= (bone_pull / (self._bone_lengths * self.weights.bone_depth))[..., None]

        batch, width = points.shape[:2], derivative.shape[-1]
        rows = np.concatenate([pixel_rows.reshape(*batch, -1, width), bone_rows], axis=-2)
        residual = np.concatenate([(pull[..., None] * error).reshape(*batch, -1), bone_pull * bone_error], axis=-1)
        transposed = np.swapaxes(rows, -1, -2)
        matrix, gradient = transposed @ rows, (transposed @ residual[..., None])[..., 0]
        split = self.skeletons.parameter_count
        for term in self.between:
            of_term = term.equations(state)
            cost = cost + of_term[0]
            gradient += of_term[1]
            matrix += of_term[2]
        matrix[..., WRIST_PARAMETERS:split, WRIST_PARAMETERS:split] += self._anatomy
        gradient[..., WRIST_PARAMETERS:split] += angles @ self._anatomy - self._anatomy_pull
        if self.anchor is not None:
            precision = 1.0 / self.anchor.spread_rad**2
            diagonal = np.einsum("...ii->...i", matrix)
            diagonal[..., _TURN.start : split] += precision
            turn, bend = self._from_anchor(state, self.anchor)
            gradient[..., _TURN] += precision * turn
            gradient[..., WRIST_PARAMETERS:split] += precision * bend
        return NormalEquations(
            cost,
            gradient[..., :split],
            matrix[..., :split, :split],
            matrix[..., :split, split:],
            gradient[..., split:],
            matrix[..., split:, split:],
        )

    def _from_anchor(self, state: HandState, anchor: Anchor) -> tuple[Array, Array]:
        """Turn of the hand (N, H, 3) in camera axes and change of the finger angles (N, H, A) since the anchor."""
        turn = matrix_to_rotvec(state.wrist @ np.swapaxes(anchor.wrist, -1, -2))
        return turn, self.skeletons.free_angles(state) - anchor.angles

    def _anchor_cost(self, state: HandState) -> Array | float:
        if self.anchor is None:
            return 0.0
        turn, bend = self._from_anchor(state, self.anchor)
        return 0.5 * (np.sum(turn**2, axis=-1) + np.sum(bend**2, axis=-1)) / self.anchor.spread_rad**2

    def _errors(self, points: Array) -> tuple[Array, Array]:
        """Landmark errors (N, H, 21, 2) and bone depth errors (N, H, 20), in standard deviations."""
        observed = self.observed
        depth = np.maximum(points[..., 2:], NEAREST_DEPTH_M)
        error = (points[..., :2] / depth - observed.rays) * (
            observed.rays_per_box[..., None, None] / self.weights.point_share
        )
        along = (points[..., 1:, 2] - points[..., BONE_PARENTS, 2]) / self._bone_lengths
        return error, (along - observed.bone_depth) / self.weights.bone_depth

    def _sum_costs(self, points: Array, error: Array, bone_error: Array, angles: Array) -> Array:
        landmarks = self.observed.weight * _robust(_squared(error), self.weights.outlier_sigmas)
        bones = self.observed.bone_weight * _robust(bone_error**2, _BONE_OUTLIER_SIGMAS)
        anatomy = np.sum(angles * (0.5 * (angles @ self._anatomy) - self._anatomy_pull), axis=-1) + self._anatomy_rest
        cost = landmarks.sum(-1) + bones.sum(-1) + anatomy
        return np.where(points[..., 2].min(axis=-1) > NEAREST_DEPTH_M, cost, np.inf)

    def landmark_share(self, state: HandState) -> Array:
        """(N, H, 21) distance of each landmark from its reprojection as a share of the hand's box, points in order."""
        points = self.skeletons.points_m(state)
        return (np.sqrt(_squared(self._errors(points)[0])) * self.weights.point_share)[..., POINT_ORDER]


_BONE_OUTLIER_SIGMAS: Final = 3.0
_TURN: Final = slice(3, WRIST_PARAMETERS)


def _squared(error: Array) -> Array:
    return error[..., 0] ** 2 + error[..., 1] ** 2


def _robust(squared: Array, scale: float) -> Array:
    """Geman-McClure: half the square for small errors, levels off at half `scale` squared."""
    return 0.5 * squared / (1.0 + squared / scale**2)


def _robust_root_weight(squared: Array, scale: float) -> Array:
    """Square root of the weight that makes least squares follow `_robust` (its derivative by half the square)."""
    return 1.0 / (1.0 + squared / scale**2)


def _coupling_rows(skeletons: Skeletons) -> Array:
    """(4, A): last joint's flexion - 2/3 of the middle joint's, for every finger but the thumb."""
    rows = np.zeros((FINGER_COUNT - 1, skeletons.parameter_count - WRIST_PARAMETERS))
    for finger in range(FINGER_COUNT - 1):
        of_finger = skeletons.free_finger == finger
        rows[finger, of_finger & (skeletons.free_axis == 6)] = 1.0
        rows[finger, of_finger & (skeletons.free_axis == 3)] = -DIP_PER_PIP
    return rows
