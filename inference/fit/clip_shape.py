"""Where the betas of a clip come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClipShape:
    """What the user says about the shape of a clip's hands; it never changes within a clip.

    Parameters
    ----------
    each : every hand has a shape of its own (hands of two people); else both share one
    fixed : (2, S) betas of the right and the left hand, known from elsewhere; None finds them in the clip
    """

    each: bool = False
    fixed: NDArray[np.float64] | None = None


SHARED: ClipShape = ClipShape()
"""One shape for both hands, found in the clip."""
