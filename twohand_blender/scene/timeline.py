"""Frame numbers and frame rate: from the take's to the scene's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ...inference.contract import Take

if TYPE_CHECKING:
    import bpy

_LAST_SCENE_FRAME: Final = 1_048_574
"""Blender's highest frame number."""


@dataclass(frozen=True)
class Timeline:
    """Where the frames of a take lie in the scene.

    Parameters
    ----------
    scene_frames : (F,) ascending
    source_offset : added to a frame's number in the source to get its number in the scene
    fps : frames a second; 0 where unknown
    """

    scene_frames: NDArray[np.int64]
    source_offset: int
    fps: float

    @property
    def first(self) -> int:
        """First frame of the take in the scene."""
        return int(self.scene_frames[0])

    @property
    def last(self) -> int:
        """Last frame of the take in the scene."""
        return int(self.scene_frames[-1])


def timeline_of(take: Take) -> Timeline:
    """The source's own numbers; movies and single pictures count from 1, as Blender does.

    So a frame of a numbered sequence bears the same number everywhere. Numbers that a scene cannot have (negative, or
    time stamps above a million) are shifted so that the first becomes frame 1.
    """
    first, last = int(take.frames[0]), int(take.frames[-1])
    offset = 0 if first >= 0 and last <= _LAST_SCENE_FRAME else 1 - first
    return Timeline(take.frames + offset, offset, take.fps)


def set_frame_range(scene: bpy.types.Scene, timeline: Timeline) -> None:
    """Start and end of the scene, and the current frame, from the take."""
    scene.frame_start, scene.frame_end = timeline.first, min(timeline.last, _LAST_SCENE_FRAME)
    scene.frame_set(timeline.first)


def set_frame_rate(scene: bpy.types.Scene, fps: float) -> None:
    """Frame rate of the scene; rates such as 29.97 become 30 over a base of 1.001. Unknown (0) leaves it alone."""
    if fps <= 0:
        return
    whole = max(1, round(fps))
    scene.render.fps = whole
    scene.render.fps_base = whole / fps
