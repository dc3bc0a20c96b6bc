"""What the nets saw of one hand in one frame: the meeting point of `detect`, `fit` and the engines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import Side


@dataclass(frozen=True)
class HandObservation:
    """One hand in one frame.

    Parameters
    ----------
    side : anatomical side in the unmirrored picture
    joints_px : (21, 2) in the picture's pixels, MANO order then tips; pixel (0, 0) is the centre of the top-left pixel
    joints_confidence : (21,) from 0 to 1
    joints_relative_m : (21, 3) rough shape of the hand in camera axes (x right, y down, z forward), metres, about its
        own centre; a starting value, its depth is poor
    presence : from 0 to 1, the net's own score
    """

    side: Side
    joints_px: NDArray[np.float64]
    joints_confidence: NDArray[np.float64]
    joints_relative_m: NDArray[np.float64]
    presence: float
