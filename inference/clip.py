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
RECORD_ARRAYS: Final = (*CLIP_ARRAYS, "tracked")
"""What a builder keeps of a frame: a clip's arrays, and whether the hand was there before any looking back."""
_PER_FRAME: Final = ("frames", "readable")
_FIRST_CAPACITY: Final = 64
_MOST_PROMISED: Final = 2**15
"""Frames that are made room for at once; a movie's header may promise anything."""


class ClipBuilder:
    """Collects frames into arrays, so that long movies cost no objects: some 3 kB of memory a frame.

    Parameters
    ----------
    shape_count : number of betas S
    expected_count : how many frames will probably come; where that is right, nothing is ever copied to make room
    """

    def __init__(self, shape_count: int, expected_count: int = 0) -> None:
        self._count = 0
        self._unsaved: set[int] = set()
        # Memory of zeros is taken from the system only once something is written to it: see `_new_row`.
        self._arrays = _zeros(max(_FIRST_CAPACITY, min(expected_count, _MOST_PROMISED)), shape_count)

    def __len__(self) -> int:
        return self._count

    def append(self, frame: int, hands: Mapping[Side, HandInFrame] | None) -> None:
        """Add a frame; `hands` is None where it could not be read."""
        row = self._new_row()
        self._arrays["frames"][row] = frame
        self._arrays["readable"][row] = hands is not None
        self.put(row, hands or {})
        self._arrays["tracked"][:, row] = self._arrays["present"][:, row]

    def put(self, row: int, hands: Mapping[Side, HandInFrame]) -> None:
        """Set hands of a frame that is there already; its other hands stay as they are."""
        self._unsaved.add(row)
        for index, side in enumerate(SIDES):
            hand = hands.get(side)
            if hand is None:
                continue
            self._arrays["present"][index, row] = True
            for name in CLIP_ARRAYS[3:]:
                self._arrays[name][index, row] = getattr(hand, name)

    def put_records(self, rows: NDArray[np.int64], records: Mapping[str, NDArray[Any]]) -> None:
        """Set whole rows as `records` gave them; rows that are not there yet continue those that are.

        Raises
        ------
        ValueError
            where a row would be left out, or a shape is another
        """
        new = rows[rows >= self._count]
        if not np.array_equal(new, np.arange(self._count, self._count + len(new))):
            raise ValueError("rows are left out")
        for name in RECORD_ARRAYS:
            array = self._arrays[name]
            hands = () if name in _PER_FRAME else (2,)
            if records[name].shape != (*hands, len(rows), *array.shape[len(hands) + 1 :]):
                raise ValueError(f"{name} has shape {records[name].shape}")
        for _ in new:
            self._new_row()
        for name in RECORD_ARRAYS:
            if name in _PER_FRAME:
                self._arrays[name][rows] = records[name]
            else:
                self._arrays[name][:, rows] = records[name]

    def records(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """`RECORD_ARRAYS` of some rows, copied."""
        return {
            name: self._view(name)[rows] if name in _PER_FRAME else self._view(name)[:, rows] for name in RECORD_ARRAYS
        }

    def unsaved_rows(self) -> NDArray[np.int64]:
        """The rows that `append` and `put` have touched since `mark_saved`, ascending."""
        return np.array(sorted(self._unsaved), dtype=np.int64)

    def mark_saved(self) -> None:
        """Say that what has been collected so far lies in a file."""
        self._unsaved.clear()

    def view(self) -> Clip:
        """What has been collected, not copied: it changes with `put`, and is worthless after `append`."""
        return Clip(**{name: self._view(name) for name in CLIP_ARRAYS})

    def tracked(self) -> NDArray[np.bool_]:
        """(2, F) `present` as `append` left it."""
        return self._view("tracked")

    def release(self) -> Clip:
        """What has been collected; the builder is empty then, so that arrays can be freed one by one."""
        clip = self.view()
        self._count, self._arrays = 0, _zeros(_FIRST_CAPACITY, clip.betas.shape[-1])
        self._unsaved.clear()
        return clip

    def _new_row(self) -> int:
        """Room for one more frame, without hands: identity rotations, zeros."""
        if self._count == len(self._arrays["frames"]):
            self._grow()
        row = self._count
        self._count += 1
        self._arrays["quat_wxyz"][:, row, :, 0] = 1.0
        return row

    def _view(self, name: str) -> NDArray[Any]:
        array = self._arrays[name]
        return array[: self._count] if name in _PER_FRAME else array[:, : self._count]

    def _grow(self) -> None:
        larger = _zeros(2 * self._count, self._arrays["betas"].shape[-1])
        for name in RECORD_ARRAYS:
            array = self._arrays.pop(name)  # freed before the next one is copied
            if name in _PER_FRAME:
                larger[name][: self._count] = array
            else:
                larger[name][:, : self._count] = array
        self._arrays = larger


def _zeros(capacity: int, shape_count: int) -> dict[str, NDArray[Any]]:
    return {
        "frames": np.zeros(capacity, dtype=np.int64),
        "readable": np.zeros(capacity, dtype=np.bool_),
        "present": np.zeros((2, capacity), dtype=np.bool_),
        "confidence": np.zeros((2, capacity)),
        "quat_wxyz": np.zeros((2, capacity, JOINT_COUNT, 4)),
        "translation_m": np.zeros((2, capacity, 3)),
        "betas": np.zeros((2, capacity, shape_count)),
        "joints_px": np.zeros((2, capacity, POINT_COUNT, 2)),
        "joints_px_confidence": np.zeros((2, capacity, POINT_COUNT)),
        "joints_m": np.zeros((2, capacity, POINT_COUNT, 3)),
        "tracked": np.zeros((2, capacity), dtype=np.bool_),
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
