"""The motion that is keyed: for every hand that was seen, a pose in every frame of the scene."""

from __future__ import annotations

from ...inference.hands.joints import SIDES, Side
from ...inference.motion.gaps import FilledMotion, FrameState
from .bone_motion import HandMotion
from .timeline import Timeline


def hand_motions(filled: FilledMotion, timeline: Timeline) -> dict[Side, HandMotion]:
    """The motions of the hands that were seen at least once.

    Parameters
    ----------
    filled : a pose for every frame, from `gaps.fill_take`; smoothed or not
    timeline : of the same take
    """
    return {
        side: HandMotion(timeline.scene_frames, filled.quat_wxyz[hand], filled.translation_m[hand], filled.state[hand])
        for hand, side in enumerate(SIDES)
        if not (filled.state[hand] == FrameState.ABSENT).all()
    }
