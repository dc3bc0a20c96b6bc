"""Frames in which a hand was not seen: short gaps are bridged, long ones held, and the user is told which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..contract import Take
from ..hands.joints import SIDES, Side
from ..hands.rotations import align_quat_signs, slerp_quat_wxyz

Array = NDArray[np.float64]

LONGEST_BRIDGE_S: Final = 0.5
"""A hand hidden for longer than this may have done anything meanwhile: its pose is held instead of made up."""
UNKNOWN_RATE_FPS: Final = 24.0
"""Assumed where a sequence does not say how fast it runs."""


class FrameState(IntEnum):
    """Where a hand's pose in one frame comes from."""

    ABSENT = 0
    """The hand is nowhere in the clip."""
    MEASURED = 1
    BRIDGED = 2
    """Interpolated between the measured frames on both sides of a short gap."""
    HELD = 3
    """That of the nearest measured frame."""


class GapPlace(Enum):
    """Where in the clip a gap lies."""

    START = "start"
    MIDDLE = "middle"
    END = "end"
    WHOLE = "whole"


@dataclass(frozen=True)
class Gap:
    """Frames, by their numbers and both inclusive, in which one hand was not seen."""

    side: Side
    first_frame: int
    last_frame: int
    place: GapPlace
    bridged: bool

    @property
    def sentence(self) -> str:
        """What happened, for the user."""
        if self.place is GapPlace.WHOLE:
            return f"No {self.side} hand in the whole clip."
        single = self.first_frame == self.last_frame
        where = f"frame {self.first_frame}" if single else f"frames {self.first_frame}-{self.last_frame}"
        if self.bridged:
            return f"No {self.side} hand in {where}; the gap was bridged."
        what = {GapPlace.START: "its first pose", GapPlace.END: "its last pose"}.get(self.place, "the gap")
        return f"No {self.side} hand in {where}; {what} was held."


@dataclass(frozen=True)
class FilledMotion:
    """A pose for every frame of every hand that was seen at all; hand 0 = right, 1 = left.

    Parameters
    ----------
    state : (2, F) uint8, values of `FrameState`
    quat_wxyz : (2, F, 16, 4) local rotations, absolute; neighbouring frames lie in the same hemisphere; the identity
        where the hand is absent
    translation_m : (2, F, 3) wrist joint in camera axes; zero where the hand is absent
    gaps : every run of frames in which a hand was not seen, in order, right hand first
    nearest : (2, F) for each frame the index of the measured one nearest in time: where held poses come from
    """

    state: NDArray[np.uint8]
    quat_wxyz: Array
    translation_m: Array
    gaps: tuple[Gap, ...]
    nearest: NDArray[np.intp]

    def sentences(self, most: int = 8) -> list[str]:
        """What was not seen, for the user; beyond `most` gaps the rest is counted."""
        told = [gap.sentence for gap in self.gaps[:most]]
        rest = self.gaps[most:]
        if rest:
            frames = sum(gap.last_frame - gap.first_frame + 1 for gap in rest)
            told.append(f"{len(rest)} more gaps ({frames} frames) were bridged or held.")
        return told


def fill_take(take: Take, longest_bridge_s: float = LONGEST_BRIDGE_S) -> FilledMotion:
    """`fill_gaps` for a take as measured."""
    return fill_gaps(
        take.frames, take.present, take.quat_wxyz, take.translation_m, fps=take.fps, longest_bridge_s=longest_bridge_s
    )


def fill_gaps(
    frames: NDArray[np.int64],
    present: NDArray[np.bool_],
    quat_wxyz: Array,
    translation_m: Array,
    *,
    fps: float = 0.0,
    longest_bridge_s: float = LONGEST_BRIDGE_S,
) -> FilledMotion:
    """Give every hand that was seen at all a pose in every frame.

    Parameters
    ----------
    frames : (F,) frame numbers, ascending; holes between them count as time
    present : (2, F) the hand was seen in this frame
    quat_wxyz : (2, F, 16, 4) local rotations
    translation_m : (2, F, 3) wrist joint, metres
    fps : frames a second; 0 where unknown
    longest_bridge_s : gaps up to this long are interpolated (rotations along the shortest arc, the wrist along a line);
        longer ones, and those at the clip's ends, keep the pose of the nearest measured frame
    """
    longest = longest_bridge_s * (fps if fps > 0 else UNKNOWN_RATE_FPS)
    state = np.full(present.shape, FrameState.ABSENT, dtype=np.uint8)
    quat = np.zeros(quat_wxyz.shape)
    quat[..., 0] = 1.0
    translation = np.zeros(translation_m.shape)
    nearest = np.tile(np.arange(len(frames)), (2, 1))
    gaps: list[Gap] = []
    for hand, side in enumerate(SIDES):
        seen = np.flatnonzero(present[hand])
        if len(seen) == 0:
            gaps.append(Gap(side, int(frames[0]), int(frames[-1]), GapPlace.WHOLE, bridged=False))
            continue
        nearest[hand] = _nearest(frames, seen)
        state[hand] = np.where(present[hand], FrameState.MEASURED, FrameState.HELD)
        quat[hand], translation[hand] = quat_wxyz[hand, nearest[hand]], translation_m[hand, nearest[hand]]
        for first, last in _runs(~present[hand]):
            place = _place(first, last, len(frames))
            bridged = place is GapPlace.MIDDLE and frames[last + 1] - frames[first - 1] - 1 <= longest
            gaps.append(Gap(side, int(frames[first]), int(frames[last]), place, bool(bridged)))
            if bridged:
                before, after, inside = first - 1, last + 1, slice(first, last + 1)
                share = (frames[inside] - frames[before]) / (frames[after] - frames[before])
                state[hand, inside] = FrameState.BRIDGED
                quat[hand, inside] = slerp_quat_wxyz(quat_wxyz[hand, before], quat_wxyz[hand, after], share[:, None])
                translation[hand, inside] = (
                    translation_m[hand, before] * (1 - share[:, None]) + translation_m[hand, after] * share[:, None]
                )
    return FilledMotion(state, align_quat_signs(quat, axis=1), translation, tuple(gaps), nearest)


def _nearest(frames: NDArray[np.int64], seen: NDArray[np.intp]) -> NDArray[np.intp]:
    """(F,) for each frame the index of the nearest one of those seen; the earlier of two equally near."""
    following = np.clip(np.searchsorted(seen, np.arange(len(frames))), 0, len(seen) - 1)
    after, before = seen[following], seen[np.maximum(following - 1, 0)]
    return np.where(np.abs(frames - frames[before]) <= np.abs(frames[after] - frames), before, after)


def _runs(missing: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last index of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    for first, end in edges.reshape(-1, 2):
        yield int(first), int(end) - 1


def _place(first: int, last: int, count: int) -> GapPlace:
    if first == 0:
        return GapPlace.START
    return GapPlace.END if last == count - 1 else GapPlace.MIDDLE
