"""The frames reconstructed so far: growing arrays in the layout of a take, before a shape is chosen for the clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .hands.joints import JOINT_COUNT, POINT_COUNT, SIDES, Side

if TYPE_CHECKING:
    from .engines.engine import HandInFrame

_FIRST_CAPACITY: Final = 64


@dataclass(frozen=True)
class Clip:
    """Arrays as in `contract.Take`, but with betas (2, F, S) for every frame. Hand 0 = right, 1 = left."""

    frames: NDArray[np.int64]
    readable: NDArray[np.bool_]
    present: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    quat_wxyz: NDArray[np.float64]
    translation_m: NDArray[np.float64]
    betas: NDArray[np.float64]
    joints_px: NDArray[np.float64]
    joints_px_confidence: NDArray[np.float64]
    joints_m: NDArray[np.float64]

    @property
    def last_frame(self) -> int | None:
        """Number of the last frame, None where there is none yet."""
        return int(self.frames[-1]) if len(self.frames) else None


CLIP_ARRAYS: Final = tuple(item.name for item in fields(Clip))
_PER_FRAME: Final = ("frames", "readable")


class ClipBuilder:
    """Collects frames into arrays whose capacity doubles, so that long movies cost no list of small arrays.

    Parameters
    ----------
    shape_count : number of betas S
    start : frames of an earlier run to go on from
    """

    def __init__(self, shape_count: int, start: Clip | None = None) -> None:
        self._count = 0
        self._arrays = _empty(_FIRST_CAPACITY, shape_count)
        if start is not None:
            self._count = len(start.frames)
            while self._count > self._capacity:
                self._grow()
            for name in CLIP_ARRAYS:
                self._view(name)[...] = getattr(start, name)

    def __len__(self) -> int:
        return self._count

    def append(self, frame: int, hands: Mapping[Side, HandInFrame] | None) -> None:
        """Add a frame; `hands` is None where it could not be read."""
        if self._count == self._capacity:
            self._grow()
        row = self._count
        self._count += 1
        self._arrays["frames"][row] = frame
        self._arrays["readable"][row] = hands is not None
        self.put(row, hands or {})

    def put(self, row: int, hands: Mapping[Side, HandInFrame]) -> None:
        """Set hands of a frame that is there already; its other hands stay as they are."""
        for index, side in enumerate(SIDES):
            hand = hands.get(side)
            if hand is None:
                continue
            self._arrays["present"][index, row] = True
            for name in CLIP_ARRAYS[3:]:
                self._arrays[name][index, row] = getattr(hand, name)

    def clip(self) -> Clip:
        """A copy of what has been collected."""
        return Clip(**{name: self._view(name).copy() for name in CLIP_ARRAYS})

    def view(self) -> Clip:
        """What has been collected, not copied: it changes with `put`, and is worthless after `append`."""
        return Clip(**{name: self._view(name) for name in CLIP_ARRAYS})

    @property
    def _capacity(self) -> int:
        return len(self._arrays["frames"])

    def _view(self, name: str) -> NDArray[Any]:
        array = self._arrays[name]
        return array[: self._count] if name in _PER_FRAME else array[:, : self._count]

    def _grow(self) -> None:
        larger = _empty(2 * self._capacity, self._arrays["betas"].shape[-1])
        for name, array in self._arrays.items():
            target = larger[name]
            if name in _PER_FRAME:
                target[: len(array)] = array
            else:
                target[:, : array.shape[1]] = array
        self._arrays = larger


def _empty(capacity: int, shape_count: int) -> dict[str, NDArray[Any]]:
    """Arrays of frames without hands: identity rotations, zeros."""
    rotations = np.zeros((2, capacity, JOINT_COUNT, 4))
    rotations[..., 0] = 1.0
    return {
        "frames": np.zeros(capacity, dtype=np.int64),
        "readable": np.zeros(capacity, dtype=np.bool_),
        "present": np.zeros((2, capacity), dtype=np.bool_),
        "confidence": np.zeros((2, capacity)),
        "quat_wxyz": rotations,
        "translation_m": np.zeros((2, capacity, 3)),
        "betas": np.zeros((2, capacity, shape_count)),
        "joints_px": np.zeros((2, capacity, POINT_COUNT, 2)),
        "joints_px_confidence": np.zeros((2, capacity, POINT_COUNT)),
        "joints_m": np.zeros((2, capacity, POINT_COUNT, 3)),
    }


def hands_of_row(clip: Clip, row: int) -> dict[Side, HandInFrame]:
    """The hands of one frame of a clip, as the engine gave them."""
    from .engines.engine import HandInFrame

    return {
        side: HandInFrame(
            confidence=float(clip.confidence[index, row]),
            **{name: getattr(clip, name)[index, row] for name in CLIP_ARRAYS[4:]},
        )
        for index, side in enumerate(SIDES)
        if clip.present[index, row]
    }
