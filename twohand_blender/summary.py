"""A take in plain words (no bpy in here)."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..inference.contract import Take
from ..inference.hands.joints import SIDES
from ..inference.motion.gaps import fill_take

_TOLD_APART: Final = frozenset({"frame_unreadable", "focal_guessed", "resumed"})
"""Warnings of the worker that the other sentences tell already, or that concern nobody after the run."""


def describe_take(take: Take) -> list[str]:
    """Which hands, in how many frames, how well they fit, what is missing: a line a fact."""
    count = len(take.frames)
    error_px, box_px = take.reprojection_px(), take.box_side_px()
    lines: list[str] = []
    for hand, side in enumerate(SIDES):
        seen = take.present[hand]
        if not seen.any():
            continue
        frames = "" if count == 1 else f"{int(seen.sum())} of {count} frames, "
        share = 100 * float(np.mean(error_px[hand, seen] / np.maximum(box_px[hand, seen], 1e-9)))
        mean = float(error_px[hand, seen].mean())
        lines.append(f"{side.capitalize()} hand: {frames}mean error {mean:.1f} px ({share:.1f}% of the hand)")
    if count == 1:
        lines += [f"No {side} hand in the picture" for hand, side in enumerate(SIDES) if not take.present[hand].any()]
    else:
        lines += [sentence.rstrip(".") for sentence in fill_take(take).sentences()]
    unreadable = int((~take.readable).sum())
    if unreadable:
        lines.append("1 frame could not be read" if unreadable == 1 else f"{unreadable} frames could not be read")
    if take.focal_source == "default":
        lines.append("The focal length was guessed: depth and size may be off")
    lines += [str(item["message"]).rstrip(".") for item in take.warnings if item.get("code") not in _TOLD_APART]
    if not take.complete:
        lines.append("Not complete: the reconstruction was cancelled")
    return lines
