"""Which points of a sample count: the annotators' flags as they are meant, or as the authors' code reads them."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import MANO_TO_INTERHAND, MIDDLE_MCP
from .dataset import GroundTruth

ValidityReading = Literal["mapped", "authors"]
"""``mapped``: a flag belongs to its joint. ``authors``: their slip; flags in InterHand2.6M's order are applied to
joints in MANO's order, so that most count by another joint's flag."""

_WRIST: Final = 0


def usable_points(truth: GroundTruth, reading: ValidityReading) -> NDArray[np.bool_]:
    """(n, 2, 21) points that count: flagged valid, of a hand with a fit.

    A hand is left out as a whole where its entries 0 and 4, wrist and middle MCP joint, are not both valid: everything
    is relative to them. Under the authors' reading these two are really the flags of thumb tip and index tip.
    """
    # points[MANO_TO_INTERHAND] puts points into the order in which the flags are stored.
    flags = truth.points_valid[..., MANO_TO_INTERHAND] if reading == "authors" else truth.points_valid
    whole_hand = flags[..., _WRIST] & flags[..., MIDDLE_MCP] & truth.fit_valid
    return flags & whole_hand[..., None]
