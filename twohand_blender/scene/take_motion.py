"""A take's measured frames to a motion without gaps, one for every hand that was seen."""

from __future__ import annotations

import numpy as np

from ...inference.contract import Take
from ...inference.hands.joints import SIDES, Side
from .bone_motion import HandMotion
from .timeline import Timeline


def hand_motions(take: Take, timeline: Timeline) -> dict[Side, HandMotion]:
    """The motion to key for every hand that was seen at least once; unseen frames hold the last one seen."""
    motions: dict[Side, HandMotion] = {}
    for hand, side in enumerate(SIDES):
        seen = np.flatnonzero(take.present[hand])
        if len(seen):
            last = np.maximum(np.searchsorted(seen, np.arange(len(take.frames)), side="right") - 1, 0)
            source = seen[last]
            motions[side] = HandMotion(
                timeline.scene_frames, take.quat_wxyz[hand, source], take.translation_m[hand, source]
            )
    return motions
