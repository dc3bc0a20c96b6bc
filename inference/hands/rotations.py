"""Rotations in numpy: rotation vectors (radians), unit quaternions (w, x, y, z) and 3x3 matrices.

Every function works on any leading shape. Matrices act on column vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def rotvec_to_quat_wxyz(rotvec: ArrayLike) -> Array:
    """Rotation vectors (..., 3) in radians to unit quaternions (..., 4)."""
    vector = np.asarray(rotvec, dtype=np.float64)
    half = 0.5 * np.linalg.norm(vector, axis=-1, keepdims=True)
    # sinc keeps the quotient sin(half) / angle smooth through zero
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vector], axis=-1)


def quat_wxyz_to_rotvec(quat_wxyz: ArrayLike) -> Array:
    """Unit quaternions (..., 4) to rotation vectors (..., 3) with angle in [0, pi]."""
    quat = np.asarray(quat_wxyz, dtype=np.float64)
    quat = np.where(quat[..., :1] < 0, -quat, quat)
    sine = np.linalg.norm(quat[..., 1:], axis=-1, keepdims=True)
    half = np.arctan2(sine, quat[..., :1])
    scale: Array = np.where(sine > 1e-12, 2.0 * half / np.maximum(sine, 1e-300), 2.0)
    return scale * quat[..., 1:]


def quat_wxyz_to_matrix(quat_wxyz: ArrayLike) -> Array:
    """Quaternions (..., 4), normalised here, to rotation matrices (..., 3, 3)."""
    quat = normalise_quat_wxyz(quat_wxyz)
    w, x, y, z = np.moveaxis(quat, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix_to_quat_wxyz(matrix: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) to unit quaternions (..., 4) with w >= 0.

    Takes the numerically largest of the four classical formulas (Shepperd 1978), so it is stable at every angle.
    """
    m = np.asarray(matrix, dtype=np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    candidates = np.stack(
        [
            np.stack(
                [
                    1 + xx + yy + zz,
                    m[..., 2, 1] - m[..., 1, 2],
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 1, 0] - m[..., 0, 1],
                ],
                -1,
            ),
            np.stack(
                [
                    m[..., 2, 1] - m[..., 1, 2],
                    1 + xx - yy - zz,
                    m[..., 0, 1] + m[..., 1, 0],
                    m[..., 0, 2] + m[..., 2, 0],
                ],
                -1,
            ),
            np.stack(
                [
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 0, 1] + m[..., 1, 0],
                    1 - xx + yy - zz,
                    m[..., 1, 2] + m[..., 2, 1],
                ],
                -1,
            ),
            np.stack(
                [
                    m[..., 1, 0] - m[..., 0, 1],
                    m[..., 0, 2] + m[..., 2, 0],
                    m[..., 1, 2] + m[..., 2, 1],
                    1 - xx - yy + zz,
                ],
                -1,
            ),
        ],
        axis=-2,
    )  # (..., 4 formulas, 4); the k-th has its largest entry at k
    best = np.argmax(np.diagonal(candidates, axis1=-2, axis2=-1), axis=-1)
    quat = np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :]
    quat = normalise_quat_wxyz(quat)
    return np.where(quat[..., :1] < 0, -quat, quat)


def rotvec_to_matrix(rotvec: ArrayLike) -> Array:
    """Rotation vectors (..., 3) in radians to matrices (..., 3, 3)."""
    return quat_wxyz_to_matrix(rotvec_to_quat_wxyz(rotvec))


def matrix_to_rotvec(matrix: ArrayLike) -> Array:
    """Matrices (..., 3, 3) to rotation vectors (..., 3) with angle in [0, pi]."""
    return quat_wxyz_to_rotvec(matrix_to_quat_wxyz(matrix))


def multiply_quat_wxyz(first: ArrayLike, second: ArrayLike) -> Array:
    """Hamilton product: the rotation that applies `second`, then `first`."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    aw, av = a[..., :1], a[..., 1:]
    bw, bv = b[..., :1], b[..., 1:]
    w = aw * bw - np.sum(av * bv, axis=-1, keepdims=True)
    return np.concatenate([w, aw * bv + bw * av + np.cross(av, bv)], axis=-1)


def normalise_quat_wxyz(quat_wxyz: ArrayLike) -> Array:
    """Scale quaternions (..., 4) to length one; an all-zero quaternion becomes the identity."""
    quat = np.asarray(quat_wxyz, dtype=np.float64)
    length = np.linalg.norm(quat, axis=-1, keepdims=True)
    identity = np.broadcast_to(np.array([1.0, 0.0, 0.0, 0.0]), quat.shape)
    return np.where(length > 1e-300, quat / np.where(length > 1e-300, length, 1.0), identity)


def align_quat_signs(quat_wxyz: ArrayLike, axis: int = 0) -> Array:
    """Flip signs so that neighbours along `axis` lie in the same hemisphere (q and -q are one rotation).

    Interpolated keys would otherwise take the long way round between two neighbouring frames.
    """
    quat = np.moveaxis(np.array(quat_wxyz, dtype=np.float64), axis, 0)
    if len(quat) > 1:
        dots = np.sum(quat[1:] * quat[:-1], axis=-1, keepdims=True)
        signs = np.cumprod(np.where(dots < 0, -1.0, 1.0), axis=0)
        quat[1:] *= signs
    return np.moveaxis(quat, 0, axis)


def slerp_quat_wxyz(start: ArrayLike, end: ArrayLike, share: ArrayLike) -> Array:
    """Unit quaternions (..., 4) between `start` and `end` along the shorter arc, at the `share` (...) of the way."""
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    inverse = first * np.array([1.0, -1.0, -1.0, -1.0])
    arc = quat_wxyz_to_rotvec(multiply_quat_wxyz(inverse, last))
    return multiply_quat_wxyz(first, rotvec_to_quat_wxyz(arc * np.asarray(share, dtype=np.float64)[..., None]))
