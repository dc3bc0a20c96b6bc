"""Between the fit's hands and the engine's: what engines that fit a hand model to seen joints share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from ..clip import Clip
from ..detect.observation import HandObservation
from ..fit.clip_shape import ClipShape
from ..fit.hand_fitter import FittedHand, HandFitter
from ..hands.joints import MIDDLE_MCP, Side
from .engine import HandInFrame

_HOPELESS_SHARE: Final = 0.25
"""Reprojection error, as a share of the hand's box, at which nothing of the confidence is left."""
_LARGEST_SHARE_BACK: Final = 0.05
"""The same at which a hand is no longer followed back; good fits have 0.01."""


def as_fitted(hands: Mapping[Side, HandInFrame]) -> dict[Side, FittedHand]:
    """Hands of another frame as the fitter wants them for its start; how well they fitted does not matter there."""
    return {
        side: FittedHand(side, hand.quat_wxyz, hand.translation_m, hand.betas, hand.joints_m, 0.0, 0.0, hand.joints_px)
        for side, hand in hands.items()
    }


def followed_back(
    fitter: HandFitter, observations: Mapping[Side, HandObservation], later: Mapping[Side, HandInFrame]
) -> dict[Side, HandInFrame]:
    """The hands of the frame after, fitted to what was seen of them in this one; without those that fit badly."""
    fitted = fitter.fit_frame(observations, as_fitted(later))
    return {
        side: hand_in_frame(observations[side], hand)
        for side, hand in fitted.items()
        if hand.reprojection_share <= _LARGEST_SHARE_BACK
    }


def hand_in_frame(observation: HandObservation, hand: FittedHand) -> HandInFrame:
    """What the take says of a hand that was fitted to an observation."""
    return HandInFrame(
        confidence=observation.presence * max(0.0, 1.0 - hand.reprojection_share / _HOPELESS_SHARE),
        quat_wxyz=hand.quat_wxyz,
        translation_m=hand.translation_m,
        betas=hand.betas,
        joints_px=hand.joints_px,
        joints_px_confidence=observation.joints_confidence,
        joints_m=hand.joints_m,
    )


def refined(clip: Clip, fitter: HandFitter, shape: ClipShape, *, related: bool = False) -> Clip:
    """The whole clip fitted again with shapes that do not change.

    Parameters
    ----------
    related : what one hand is to the other in each frame is known from more than their sizes, and counts
    """
    known = clip.betas[clip.present]
    apart_m = clip.joints_m[1, :, MIDDLE_MCP] - clip.joints_m[0, :, MIDDLE_MCP]
    result = fitter.refine_clip(
        clip.present,
        clip.joints_px,
        clip.joints_px_confidence,
        clip.quat_wxyz,
        np.median(known, axis=0) if len(known) else None,
        shape=shape,
        offset_m=apart_m if related else None,
    )
    return replace(
        clip,
        quat_wxyz=result.quat_wxyz,
        translation_m=result.translation_m,
        betas=np.where(clip.present[..., None], result.betas[:, None], 0.0),
        joints_m=result.joints_m,
    )
