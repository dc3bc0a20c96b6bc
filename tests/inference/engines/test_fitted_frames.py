"""Between fitted hands and hands of a take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference.detect.observation import HandObservation
from inference.engines.fitted_frames import as_fitted, hand_in_frame
from inference.fit.hand_fitter import FittedHand, HandFitter
from tests.inference.fit.made_hands import CAMERA, NO_OFFSETS, models, observe, random_hand


@pytest.fixture(scope="module")
def seen() -> tuple[HandObservation, FittedHand]:
    rng = np.random.default_rng(4)
    observation = observe(random_hand(rng, "left"), rng)
    return observation, HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS).fit_frame({"left": observation})["left"]


def test_a_fit_that_explains_nothing_leaves_no_confidence(seen: tuple[HandObservation, FittedHand]) -> None:
    observation, fitted = seen
    shares = (0.0, 0.05, 0.125, 0.25, 0.6)
    confidences = [hand_in_frame(observation, replace(fitted, reprojection_share=share)).confidence for share in shares]
    np.testing.assert_allclose(confidences, [0.99, 0.99 * 0.8, 0.99 * 0.5, 0.0, 0.0], atol=1e-12)


def test_the_frame_says_what_was_fitted_and_how_surely_it_was_seen(seen: tuple[HandObservation, FittedHand]) -> None:
    observation, fitted = seen
    hand = hand_in_frame(observation, fitted)
    for name in ("quat_wxyz", "translation_m", "betas", "joints_px", "joints_m"):
        np.testing.assert_array_equal(getattr(hand, name), getattr(fitted, name))
    np.testing.assert_array_equal(hand.joints_px_confidence, observation.joints_confidence)


def test_a_hand_of_a_take_starts_a_fit_where_it_lies(seen: tuple[HandObservation, FittedHand]) -> None:
    observation, fitted = seen
    fitter = HandFitter(models(), CAMERA, offsets_m=NO_OFFSETS)
    start = as_fitted({"left": hand_in_frame(observation, fitted)})
    ours, theirs = (fitter.fit_frame({"left": observation}, {"left": hand})["left"] for hand in (start["left"], fitted))
    assert start["left"].side == "left"
    np.testing.assert_array_equal(ours.joints_m, theirs.joints_m)
    np.testing.assert_array_equal(ours.quat_wxyz, theirs.quat_wxyz)
