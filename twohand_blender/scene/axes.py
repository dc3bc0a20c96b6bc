"""From the axes of the hand model and of the camera to Blender's (z up, y into the picture)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

MODEL_TO_REST: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Model rest axes (x, y, z) to Blender (x, -z, y): fingers point sideways and palms look down, like a T-pose."""

CAMERA_TO_WORLD: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""OpenCV camera axes (x right, y down, z forward) to world (x, z, -y): the camera looks along +Y."""


def model_to_rest(vectors: ArrayLike) -> NDArray[np.float64]:
    """Vectors (..., 3) in the model's rest axes to the armature's."""
    return np.asarray(vectors, dtype=np.float64) @ MODEL_TO_REST.T


def camera_to_world(vectors: ArrayLike) -> NDArray[np.float64]:
    """Vectors (..., 3) in camera axes to Blender's world, the camera standing at the origin."""
    return np.asarray(vectors, dtype=np.float64) @ CAMERA_TO_WORLD.T
