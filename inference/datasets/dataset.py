"""What evaluation and training ask of a data set, whatever its layout on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import Side
from ..hands.model import HandModel

HandKind = Literal["right", "left", "interacting"]
KINDS: Final[tuple[HandKind, HandKind, HandKind]] = ("right", "left", "interacting")
"""What a picture's annotation is about; arrays hold the place in this list."""
INTERACTING: Final = KINDS.index("interacting")


@dataclass(frozen=True)
class GroundTruth:
    """Both hands of n samples: hand 0 right, 1 left; millimetres, camera axes (x right, y down, z forward).

    Entries of a hand that is not annotated mean nothing; the masks say which.

    Parameters
    ----------
    points_mm : (n, 2, 21, 3) joints and tips, MANO order then tips
    vertices_mm : right (n, V, 3) and left (n, W, 3)
    fit_valid : (n, 2) there is a hand model fit, from which all points come
    points_valid : (n, 2, 21) joint annotated as valid, in the order of the points
    """

    points_mm: NDArray[np.float64]
    vertices_mm: tuple[NDArray[np.float64], NDArray[np.float64]]
    fit_valid: NDArray[np.bool_]
    points_valid: NDArray[np.bool_]


@dataclass(frozen=True)
class ModelParameters:
    """The hand model's parameters of both hands of n samples, turned into camera axes.

    Parameters
    ----------
    pose_rotvec : (n, 2, 48) global rotation in camera axes, then finger joints relative to the model's mean, radians
    betas : (n, 2, S)
    fit_valid : (n, 2) zero parameters where false
    """

    pose_rotvec: NDArray[np.float64]
    betas: NDArray[np.float64]
    fit_valid: NDArray[np.bool_]


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera in pixels; pixel (0, 0) is the centre of the top-left pixel."""

    focal_px: tuple[float, float]
    principal_px: tuple[float, float]

    def project(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (..., 3) in camera axes to pixels (..., 2)."""
        return np.array(self.focal_px) * points_mm[..., :2] / points_mm[..., 2:] + np.array(self.principal_px)


class HandDataset(Protocol):
    """Annotated pictures, N samples (0 to N-1). Opening one reads no picture.

    Attributes
    ----------
    name : for reports
    models : the hand models that the annotation refers to
    kinds : (N,) places in `KINDS`
    kinds_valid : (N,) whether the annotators were sure of the kind
    sequences : (N,) number of the sequence (one camera's view of one take) that a sample belongs to
    frames : (N,) frame number within the sequence
    """

    @property
    def name(self) -> str: ...

    @property
    def models(self) -> Mapping[Side, HandModel]: ...

    @property
    def kinds(self) -> NDArray[np.int8]: ...

    @property
    def kinds_valid(self) -> NDArray[np.bool_]: ...

    @property
    def sequences(self) -> NDArray[np.int32]: ...

    @property
    def frames(self) -> NDArray[np.int64]: ...

    def __len__(self) -> int: ...

    def sequence_name(self, number: int) -> str:
        """A sequence's name for people."""
        ...

    def ids(self, samples: NDArray[np.int64]) -> list[str]:
        """``capture/camera/frame`` of samples."""
        ...

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """(n,) sample of every id, -1 where there is none."""
        ...

    def truth(self, samples: NDArray[np.int64]) -> GroundTruth:
        """Points and vertices of samples."""
        ...

    def parameters(self, samples: NDArray[np.int64]) -> ModelParameters:
        """The hand model's parameters of samples."""
        ...

    def picture(self, sample: int) -> NDArray[np.uint8]:
        """(H, W, 3) RGB, read now.

        Raises
        ------
        HandsError
            INPUT_MISSING or INPUT_UNREADABLE, naming the file
        """
        ...

    def box_px(self, sample: int) -> tuple[float, float, float, float]:
        """(x, y, width, height) around the annotated hands."""
        ...

    def intrinsics(self, sample: int) -> Intrinsics:
        """The camera of a sample's picture."""
        ...
