"""What is evaluated: hands of n samples from any source, and what a source is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import HandDataset
from ..hands.joints import MIDDLE_MCP
from .alignment import palm_length

Array = NDArray[np.float64]


class PredictedHands(NamedTuple):
    """Both hands of n samples, hand 0 right, 1 left; millimetres, camera axes, each hand at any origin.

    Parameters
    ----------
    points_mm : (n, 2, 21, 3) MANO order then tips; not a number where a hand was not found
    vertices_mm : right (n, V, 3) and left (n, W, 3), or None
    wrist_offset_mm : (n, 3) left wrist minus right wrist, or None where the source does not say
    """

    points_mm: Array
    vertices_mm: tuple[Array, Array] | None
    wrist_offset_mm: Array | None


class PredictionSource(Protocol):
    """Where predictions come from: a file, an engine."""

    @property
    def name(self) -> str:
        """For reports."""
        ...

    def batches(self, dataset: HandDataset) -> Iterator[tuple[NDArray[np.int64], PredictedHands]]:
        """Samples of the data set with their predictions, each sample at most once, in any order."""
        ...


@np.errstate(all="ignore")  # placeholders of hands that were not found may be any numbers
def wrist_offset_from_trans(points_mm: Array, trans: Array) -> Array:
    """(n, 3) left wrist minus right wrist in mm, from the network's relation between the hands; not finite where a
    palm has no length.

    Parameters
    ----------
    points_mm : (n, 2, 21, 3) predicted hands, each at its own origin
    trans : (n, 4) see `networks.mesh_net.MeshOutput`
    """
    palms_mm = palm_length(points_mm)[..., None]
    wrists = (points_mm[:, :, 0] - points_mm[:, :, MIDDLE_MCP]) / palms_mm
    left_in_right = (wrists[:, 1] + trans[:, 1:]) * np.exp(trans[:, :1])
    return (left_in_right - wrists[:, 0]) * palms_mm[:, 0]
