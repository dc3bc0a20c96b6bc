"""Hypothesis strategies for rotations, with the angles where formulas break: 0, tiny, pi and just below."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

ANGLES_RAD = st.one_of(
    st.floats(0.0, np.pi),
    st.sampled_from([0.0, 1e-300, 1e-160, 1e-12, 1e-8, 1e-5, 0.00999, 0.01001, np.pi / 2, np.pi]),
    st.floats(1e-12, 1e-3).map(lambda small: np.pi - small),
)


@st.composite
def unit_vectors(draw: Any) -> NDArray[np.float64]:
    """(3,) directions; along the axes more often than chance would have it."""
    if draw(st.booleans()):
        vector = np.zeros(3)
        vector[draw(st.integers(0, 2))] = draw(st.sampled_from([-1.0, 1.0]))
        return vector
    vector = np.array(draw(st.lists(st.floats(-1, 1), min_size=3, max_size=3)))
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-3 else np.array([0.6, 0.0, -0.8])


@st.composite
def rotvecs(draw: Any) -> NDArray[np.float64]:
    """(3,) rotation vectors in radians, angle from 0 to pi."""
    return draw(ANGLES_RAD) * draw(unit_vectors())


@st.composite
def hand_poses(draw: Any) -> NDArray[np.float64]:
    """(16, 3) rotation vectors of a whole hand; every joint turns any way."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pose = rng.normal(0, draw(st.floats(0, 1.5)), (16, 3))
    pose[draw(st.integers(0, 15))] = draw(rotvecs())
    return pose
