"""Levenberg-Marquardt in a batch: many hands at once, each with its own pose, the shape shared as wide as asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .kinematics import WRIST_PARAMETERS, HandState
from .objective import NormalEquations, Objective

Array = NDArray[np.float64]

ShapeScope = Literal["fixed", "hand", "frame", "clip"]
"""Who shares the betas: nobody changes them, every hand its own, the hands of a frame, all hands of all frames."""

_STIFF = 1e12
_LARGEST_DAMPING = 1e8
_LARGEST_TURN = 0.7  # radians in one step: beyond it the linear model of a rotation says little


@dataclass(frozen=True)
class ShapePrior:
    """Normal distribution of the betas: mean (S,) or broadcastable to (N, H, S), and how strongly it counts."""

    mean: Array | float = 0.0
    weight: float = 1.0


def solve(
    objective: Objective,
    state: HandState,
    scope: ShapeScope,
    iterations: int,
    *,
    prior: ShapePrior | None = None,
    tolerance: float = 1e-3,
) -> tuple[HandState, Array]:
    """Improve `state` until no problem's cost falls by more than the share `tolerance`, or `iterations` are over.

    Finger angles stay inside their limits: one that leans on its limit is held there while the cost pushes outwards.
    With scope ``frame`` or ``clip`` the betas must be equal among those who share them when this is called.

    Returns
    -------
    the better state, and its cost (N, H) with the shape prior's share left out
    """
    prior = prior or ShapePrior()
    low, high = objective.skeletons.limits[:, 0], objective.skeletons.limits[:, 1]
    state = _within_limits(objective, state, low, high)
    equations = objective.normal_equations(state)
    total = _total(equations.cost, state, scope, prior)
    damping = np.full(total.shape, 1e-3)
    for _ in range(iterations):
        pose_step, shape_step = _step_within_limits(
            objective, state, equations, scope=scope, prior=prior, damping=damping
        )
        candidate = objective.skeletons.retract(state, pose_step, shape_step)
        candidate = _within_limits(objective, candidate, low, high)
        candidate_equations = objective.normal_equations(candidate)
        candidate_total = _total(candidate_equations.cost, candidate, scope, prior)
        better = candidate_total < total
        # A hand that no step brings in front of the camera (infinite cost) is done as well.
        settled = np.where(better, candidate_total, total) >= (1.0 - tolerance) * total
        done = settled & (better | (damping > 1.0))
        if better.all():
            state, equations, total = candidate, candidate_equations, candidate_total
        else:
            accept = np.broadcast_to(better, equations.cost.shape)
            state, equations = state.select(accept, candidate), equations.select(accept, candidate_equations)
            total = np.where(better, candidate_total, total)
        damping = np.where(better, damping / 4.0, np.minimum(damping * 10.0, _LARGEST_DAMPING))
        if done.all():
            break
    return state, equations.cost


def _total(cost: Array, state: HandState, scope: ShapeScope, prior: ShapePrior) -> Array:
    """Cost of each group that shares its betas, (N, H), (N, 1) or (1, 1), with the shape prior counted once."""
    if scope == "fixed":
        return cost
    from_shape = 0.5 * prior.weight * np.sum((state.betas - prior.mean) ** 2, axis=-1)
    if scope == "hand":
        return cost + from_shape
    if scope == "frame":
        return cost.sum(axis=1, keepdims=True) + from_shape[:, :1]
    return cost.sum(keepdims=True) + from_shape[:1, :1]


def _within_limits(objective: Objective, state: HandState, low: Array, high: Array) -> HandState:
    rotvec = state.finger_rotvec
    rotvec[..., objective.skeletons.free] = np.clip(rotvec[..., objective.skeletons.free], low, high)
    return state


def _step_within_limits(
    objective: Objective,
    state: HandState,
    equations: NormalEquations,
    *,
    scope: ShapeScope,
    prior: ShapePrior,
    damping: Array,
) -> tuple[Array, Array]:
    """Steps of pose and betas that lead no finger angle beyond its limits (one round of an active set method).

    An angle on its limit that the cost pushes outwards stays; one that would cross its limit stops there, and the
    others are solved for again, knowing it.
    """
    low, high = objective.skeletons.limits[:, 0], objective.skeletons.limits[:, 1]
    angles = objective.skeletons.free_angles(state)
    uphill = equations.pose_gradient[..., WRIST_PARAMETERS:]
    pinned = ((angles <= low) & (uphill > 0)) | ((angles >= high) & (uphill < 0))
    wanted = np.zeros(angles.shape)
    pose_step, shape_step = _step(_pin(equations, pinned, wanted), state, scope, prior, damping)
    reached = angles + pose_step[..., WRIST_PARAMETERS:]
    crossing = ~pinned & ((reached < low) | (reached > high))
    if crossing.any():
        wanted = np.where(crossing, np.clip(reached, low, high) - angles, wanted)
        pose_step, shape_step = _step(_pin(equations, pinned | crossing, wanted), state, scope, prior, damping)
    return pose_step, shape_step


def _pin(equations: NormalEquations, pinned: NDArray[np.bool_], wanted: Array) -> NormalEquations:
    """The equations with the `pinned` finger angles (N, H, A) tied stiffly to the steps `wanted`."""
    if not pinned.any():
        return equations
    gradient, matrix = equations.pose_gradient.copy(), equations.pose_matrix.copy()
    gradient[..., WRIST_PARAMETERS:][pinned] = -_STIFF * wanted[pinned]
    diagonal = np.einsum("...ii->...i", matrix)
    diagonal[..., WRIST_PARAMETERS:][pinned] = _STIFF
    return replace(equations, pose_gradient=gradient, pose_matrix=matrix)


def _step(
    equations: NormalEquations, state: HandState, scope: ShapeScope, prior: ShapePrior, damping: Array
) -> tuple[Array, Array]:
    """Damped Gauss-Newton steps of pose (N, H, P) and betas (N, H, S); poses eliminated first (Schur complement)."""
    matrix = equations.pose_matrix.copy()
    diagonal = np.einsum("...ii->...i", matrix)
    diagonal += damping[..., None] * diagonal + 1e-9
    if scope == "fixed":
        pose_step = -np.linalg.solve(matrix, equations.pose_gradient[..., None])[..., 0]
        return _limited(pose_step), np.zeros_like(state.betas)
    mixed = equations.mixed_matrix
    solved = np.linalg.solve(matrix, np.concatenate([equations.pose_gradient[..., None], mixed], axis=-1))
    from_gradient, from_shape = solved[..., 0], solved[..., 1:]
    mixed_transposed = np.swapaxes(mixed, -1, -2)
    reduced = equations.shape_matrix - mixed_transposed @ from_shape
    gradient = equations.shape_gradient - (mixed_transposed @ from_gradient[..., None])[..., 0]
    if scope != "hand":
        over = 1 if scope == "frame" else (0, 1)
        reduced, gradient = reduced.sum(axis=over, keepdims=True), gradient.sum(axis=over, keepdims=True)
    counted = gradient.shape[:2]
    gradient = gradient + prior.weight * (state.betas[: counted[0], : counted[1]] - prior.mean)
    count = gradient.shape[-1]
    reduced = reduced + (prior.weight * (1.0 + damping[..., None, None])) * np.eye(count)
    shape_step = -np.linalg.solve(reduced, gradient[..., None])[..., 0]
    shape_step = np.broadcast_to(shape_step, state.betas.shape)
    pose_step = -(from_gradient + (from_shape @ shape_step[..., None])[..., 0])
    return _limited(pose_step), shape_step


def _limited(pose_step: Array) -> Array:
    """Steps shortened so that nothing turns further than `_LARGEST_TURN` and no depth halves or doubles at once."""
    turn = np.abs(pose_step[..., 3:]).max(axis=-1)
    move = np.abs(pose_step[..., :3]).max(axis=-1)
    scale = np.minimum(1.0, np.minimum(_LARGEST_TURN / np.maximum(turn, 1e-12), 0.5 / np.maximum(move, 1e-12)))
    return pose_step * scale[..., None]
