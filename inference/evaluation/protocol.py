"""The named rules by which numbers are made. Numbers of different protocols must not be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.validity import ValidityReading
from ..hands.joints import MIDDLE_MCP, POINT_COUNT

ProtocolName = Literal["authors", "corrected"]

PCK_THRESHOLDS_MM: Final[NDArray[np.float64]] = np.linspace(0.0, 50.0, 200)
"""Thresholds of the curve and of the area under it, both protocols."""


@dataclass(frozen=True)
class Protocol:
    """Rules of an evaluation (reference/interhand.md, "Two named protocols").

    Parameters
    ----------
    name : printed with every number
    validity : how the annotators' joint flags are read
    counts_roots : whether the middle MCP joints, zero by construction, count in the mean over joints
    only_interacting : pictures of single hands are left out
    is_extended : also what the authors never reported: relative root, Procrustes-aligned errors, motion
    """

    name: ProtocolName
    validity: ValidityReading
    counts_roots: bool
    only_interacting: bool
    is_extended: bool

    @property
    def counted_points(self) -> NDArray[np.bool_]:
        """(2, 21) points that enter the mean over joints."""
        counted = np.ones((2, POINT_COUNT), dtype=bool)
        counted[:, MIDDLE_MCP] = self.counts_roots
        return counted


AUTHORS: Final = Protocol("authors", "authors", counts_roots=True, only_interacting=True, is_extended=False)
CORRECTED: Final = Protocol("corrected", "mapped", counts_roots=False, only_interacting=False, is_extended=True)
PROTOCOLS: Final[dict[str, Protocol]] = {protocol.name: protocol for protocol in (AUTHORS, CORRECTED)}
