"""Placement: posed hands of known size and shape, moved as one thing to where a camera sees their joints.

A network that answers for a crop gives each hand at its own origin, and one hand relative to the other. Here the pair
becomes one rigid set of points (`offset_between`), is turned to the direction that the crop lies in
(`turn_to_ray`), and is moved, never scaled or bent, to where its joints are seen in the picture (`place`). Everything
works on many frames at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..camera import Camera
from ..hands.joints import MIDDLE_MCP
from .objective import NEAREST_DEPTH_M

Array = NDArray[np.float64]
AnswerAxes = Literal["camera", "crop ray"]
"""The axes that a network answers in: those of the picture's camera, or those turned against the ray through the
crop's middle, from which `turn_to_ray` leads back to the camera's."""

POINT_SHARE: Final = 0.02
"""Standard deviation of a seen joint as a share of the box round all joints: a heat map's pixel is 1/51 of the box."""
OUTLIER_SIGMAS: Final = 3.0
"""Geman-McClure scale: joints further off lose their pull."""
_FORGIVING: Final = (16.0, 4.0, 1.0)
"""The scale in the steps of the solution, in units of `OUTLIER_SIGMAS`: outliers are told from the rest little by
little (graduated non-convexity)."""
_ITERATIONS: Final = 12
_SETTLED: Final = 1e-10
_NEAREST_M, _FURTHEST_M = 0.08, 30.0
_FEWEST_POINTS: Final = 4


@dataclass(frozen=True)
class Placement:
    """Where a set of points lies in front of the camera; leading shape (...) as it was given.

    Parameters
    ----------
    translation_m : (..., 3) to be added to the points, camera axes
    error_share : (...) median distance in the picture of the points from where they are seen, by the box's longer side;
        weighted by confidence
    placed : (...) false where too few joints were seen or the points lie behind the lens; the rest means nothing there
    """

    translation_m: Array
    error_share: Array
    placed: NDArray[np.bool_]


def palm_length_m(points_m: ArrayLike) -> Array:
    """(...) distance of the middle knuckle from the wrist, of points (..., 21, 3)."""
    points = np.asarray(points_m, dtype=np.float64)
    return np.linalg.norm(points[..., MIDDLE_MCP, :] - points[..., 0, :], axis=-1)


def offset_between(trans: ArrayLike, right_palm_m: ArrayLike) -> Array:
    """(..., 3) from the right hand's middle knuckle to the left hand's, metres, from the network's `trans` (..., 4).

    `trans` is (a, tx, ty, tz): with both hands about their middle knuckles and in their own palm lengths, the left one
    lies in the right one's units at ``(left + t) * exp(a)`` (the paper's section 3.4, reference/network.md). So the
    knuckles are ``t * exp(a)`` right palm lengths apart. The hand's own size does not follow `a`: both hands stand on
    one metric scale, the one of their models, and `a` only says in whose palm lengths `t` counts.
    """
    values = np.asarray(trans, dtype=np.float64)
    palm = np.asarray(right_palm_m, dtype=np.float64)
    # exp(a) is the ratio of two hands' palms: beyond a factor of four the network is talking of no hands.
    ratio = np.exp(np.clip(values[..., :1], -np.log(4.0), np.log(4.0)))
    return values[..., 1:] * ratio * palm[..., None]


def trans_between(right_points_m: ArrayLike, left_points_m: ArrayLike) -> Array:
    """(..., 4) the `trans` of two hands (..., 21, 3) that stand in one space: what `offset_between` takes apart."""
    right, left = np.asarray(right_points_m, dtype=np.float64), np.asarray(left_points_m, dtype=np.float64)
    right_palm, left_palm = palm_length_m(right), palm_length_m(left)
    apart = (left[..., MIDDLE_MCP, :] - right[..., MIDDLE_MCP, :]) / left_palm[..., None]
    return np.concatenate([np.log(left_palm / right_palm)[..., None], apart], axis=-1)


def turn_to_ray(camera: Camera, pixel: ArrayLike) -> Array:
    """(..., 3, 3) the smallest rotation that turns the camera's axis to the ray through a pixel (..., 2).

    A network sees a crop without its place in the picture. Hands far from the picture's middle look in their crop as
    the same hands, turned against the ray, look in the middle; so what it says of them has to be turned along the ray
    (measured in docs/intershape.md).
    """
    return turn_to_direction((np.asarray(pixel, dtype=np.float64) - np.array(camera.principal_px)) / camera.focal_px)


def turn_to_direction(slopes: ArrayLike) -> Array:
    """(..., 3, 3) the smallest rotation that turns the axis (0, 0, 1) to the direction (x, y, 1) of slopes (..., 2)."""
    rays = np.asarray(slopes, dtype=np.float64)
    x, y = rays[..., 0], rays[..., 1]
    length = np.sqrt(x * x + y * y + 1.0)
    x, y, z = x / length, y / length, 1.0 / length
    # Rodrigues for the turn of (0, 0, 1) to (x, y, z) about (-y, x, 0), without its singular division: z > 0.
    share = 1.0 / (1.0 + z)
    rows = [
        [1 - share * x * x, -share * x * y, x],
        [-share * x * y, 1 - share * y * y, y],
        [-x, -y, z],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def place(camera: Camera, points_m: ArrayLike, seen_px: ArrayLike, confidence: ArrayLike) -> Placement:
    """Move rigid sets of points to where a camera sees them.

    Minimises ``sum_j c_j rho(|project(p_j + t) - seen_j|)`` over the translation t, rho being Geman-McClure's robust
    cost, by iteratively reweighted Gauss-Newton steps from several linear starts.

    Parameters
    ----------
    camera : of the picture
    points_m : (..., N, 3) points in camera axes, but for the common translation, metres
    seen_px : (..., N, 2) where they are seen; not finite values do not count
    confidence : (..., N) from 0 to 1; 0 where a point is not seen
    """
    points = np.asarray(points_m, dtype=np.float64)
    lead = points.shape[:-2]
    points = points.reshape(-1, *points.shape[-2:])
    pixels = np.asarray(seen_px, dtype=np.float64).reshape(*points.shape[:2], 2)
    weight = np.asarray(confidence, dtype=np.float64).reshape(points.shape[:2])
    usable = np.isfinite(pixels).all(axis=-1) & np.isfinite(weight) & (weight > 0)
    weight = np.where(usable, np.clip(weight, 0.0, 1.0), 0.0)
    rays = np.where(usable[..., None], (pixels - np.array(camera.principal_px)) / camera.focal_px, 0.0)
    sigma = POINT_SHARE * _box_side(rays, usable)
    best, best_cost = np.zeros((len(points), 3)), np.full(len(points), np.inf)
    for start in _starts(points, rays, weight):
        moved = start
        for forgiving in _FORGIVING:
            moved = _descend(points, rays, weight, moved, forgiving * OUTLIER_SIGMAS * sigma)
        cost = _cost(points, rays, weight, moved, OUTLIER_SIGMAS * sigma)
        better = cost < best_cost
        best, best_cost = np.where(better[:, None], moved, best), np.where(better, cost, best_cost)
    placed = np.isfinite(best_cost) & (usable.sum(axis=1) >= _FEWEST_POINTS)
    distance = np.linalg.norm(_residual(points, rays, best), axis=-1) / np.maximum(sigma / POINT_SHARE, 1e-12)[:, None]
    error = np.where(placed, _weighted_medians(distance, weight), 0.0)
    return Placement(best.reshape(*lead, 3), error.reshape(lead), placed.reshape(lead))


def _box_side(rays: Array, usable: NDArray[np.bool_]) -> Array:
    """(P,) longer side of the box round the usable rays (P, N, 2)."""
    low = np.where(usable[..., None], rays, np.inf).min(axis=1)
    high = np.where(usable[..., None], rays, -np.inf).max(axis=1)
    return np.where(usable.any(axis=1), (high - low).max(axis=1), 0.0).clip(1e-9)


def _starts(points: Array, rays: Array, weight: Array) -> list[Array]:
    """Translations (P, 3) to start from: by all points, and by each half, one of which may be seen all wrong."""
    half = points.shape[1] // 2
    first, second = weight.copy(), weight.copy()
    first[:, half:], second[:, :half] = 0.0, 0.0
    starts = [_linear(points, rays, weight)]
    for part in (first, second):
        enough = (part > 0).sum(axis=1) >= _FEWEST_POINTS
        if enough.any():
            starts.append(np.where(enough[:, None], _linear(points, rays, part), starts[0]))
    return starts


def _linear(points: Array, rays: Array, weight: Array) -> Array:
    """(P, 3) least squares of ``p_xy + t_xy = ray (p_z + t_z)``; where it fails, depth by size."""
    total = np.maximum(weight.sum(axis=1), 1e-12)
    offset = points[..., :2] - rays * points[..., 2:]
    mean_ray = np.einsum("pn,pnc->pc", weight, rays) / total[:, None]
    mean_offset = np.einsum("pn,pnc->pc", weight, offset) / total[:, None]
    spread_ray, spread_offset = rays - mean_ray[:, None], offset - mean_offset[:, None]
    along = np.maximum(np.einsum("pn,pnc,pnc->p", weight, spread_ray, spread_ray), 1e-18)
    depth = np.einsum("pn,pnc,pnc->p", weight, spread_ray, spread_offset) / along
    middle = np.einsum("pn,pnc->pc", weight, points) / total[:, None]
    size = np.einsum("pn,pnc->p", weight, (points - middle[:, None])[..., :2] ** 2)
    depth = np.where(depth > 0, depth, np.sqrt(size / along) - middle[:, 2])
    nearest = np.where(weight > 0, points[..., 2], np.inf).min(axis=1)
    nearest = np.where(np.isfinite(nearest), nearest, 0.0)
    depth = np.clip(depth, _NEAREST_M - nearest, _FURTHEST_M)
    return np.concatenate([mean_ray * depth[:, None] - mean_offset, depth[:, None]], axis=1)


def _residual(points: Array, rays: Array, moved: Array) -> Array:
    """(P, N, 2) projected points less the rays they are seen on."""
    there = points + moved[:, None]
    return there[..., :2] / np.maximum(there[..., 2:], NEAREST_DEPTH_M) - rays


def _cost(points: Array, rays: Array, weight: Array, moved: Array, scale: Array) -> Array:
    """(P,) robust costs; infinite where a seen point is behind the lens or right before it."""
    squared = np.sum(_residual(points, rays, moved) ** 2, axis=-1) / scale[:, None] ** 2
    cost = np.sum(weight * squared / (1.0 + squared), axis=1)
    depth = np.where(weight > 0, points[..., 2] + moved[:, None, 2], np.inf).min(axis=1)
    return np.where(depth > NEAREST_DEPTH_M, cost, np.inf)


def _descend(points: Array, rays: Array, weight: Array, moved: Array, scale: Array) -> Array:
    """Damped Gauss-Newton steps on the robust cost, each problem with its own damping."""
    cost = _cost(points, rays, weight, moved, scale)
    damping = np.full(len(moved), 1e-4)
    for _ in range(_ITERATIONS):
        there = points + moved[:, None]
        inverse = 1.0 / np.maximum(there[..., 2], NEAREST_DEPTH_M)
        projected = there[..., :2] * inverse[..., None]
        residual = projected - rays
        squared = np.sum(residual**2, axis=-1) / scale[:, None] ** 2
        pull = weight / (1.0 + squared) ** 2
        # Rows of the derivative of x/z and y/z by the translation.
        rows = np.zeros((*there.shape[:2], 2, 3))
        rows[..., 0, 0] = rows[..., 1, 1] = inverse
        rows[..., 2] = -projected * inverse[..., None]
        matrix = np.einsum("pn,pnci,pncj->pij", pull, rows, rows, optimize=True)
        gradient = np.einsum("pn,pnci,pnc->pi", pull, rows, residual, optimize=True)
        diagonal = np.einsum("pii->pi", matrix)
        diagonal += damping[:, None] * diagonal + 1e-15
        step = -np.linalg.solve(matrix, gradient[..., None])[..., 0]
        # No step more than halves or doubles the distance.
        reach = 0.5 * np.maximum(there[..., 2].min(axis=1), _NEAREST_M) / np.maximum(np.abs(step).max(axis=1), 1e-12)
        step *= np.minimum(1.0, reach)[:, None]
        trial = moved + step
        trial_cost = _cost(points, rays, weight, trial, scale)
        better = trial_cost <= cost
        moved, cost = np.where(better[:, None], trial, moved), np.where(better, trial_cost, cost)
        damping = np.where(better, damping / 5.0, damping * 10.0)
        if np.all(np.abs(step).max(axis=1) < _SETTLED):
            break
    return moved


def _weighted_medians(values: Array, weights: Array) -> Array:
    """(P,) medians of each row's values (P, N)."""
    order = np.argsort(values, axis=1)
    total = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    at = np.argmax(total >= 0.5 * total[:, -1:], axis=1)
    return np.take_along_axis(values, np.take_along_axis(order, at[:, None], axis=1), axis=1)[:, 0]
