"""Engine `landmarks`: palm detector and landmark net, then the hand model fitted to the landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..clip import Clip
from ..detect.finder import HandFinder
from ..detect.nets import LANDMARK_NET_FILE, PALM_NET_FILE, expected_sha256
from ..detect.reader import HandReader
from ..detect.trace import trace
from ..detect.tracker import HandTracker
from ..device import onnx_providers
from ..fit.clip_shape import SHARED, ClipShape
from ..fit.hand_fitter import FittedHand, HandFitter
from ..hands.joints import Side
from ..hands.model import HandModel
from ..hands.open_hand import load_hand_models
from ..models.hand_files import HandModelFolder, default_models_dir
from ..runtime import cpu_threads
from .engine import NO_BOXES, EngineOptions, FrameBoxes, HandInFrame
from .fitted_frames import as_fitted, followed_back, hand_in_frame, refined


class LandmarksEngine:
    """Nets and hand models, loaded once.

    Raises
    ------
    HandsError
        MODEL_MISSING, MODEL_DAMAGED or RUNTIME_MISSING
    """

    name = "landmarks"

    def __init__(self, options: EngineOptions) -> None:
        threads = cpu_threads(options.threads)
        self.models: Mapping[Side, HandModel] = _hand_models(options)
        sums = expected_sha256(options.weights_dir)
        self.settings: Mapping[str, Any] = {name: sums.get(name, "") for name in (PALM_NET_FILE, LANDMARK_NET_FILE)}
        self._finder = HandFinder(options.weights_dir, threads, onnx_providers(options.device))

    def start(self, camera: Camera) -> LandmarksRun:
        """See `Engine.start`."""
        return LandmarksRun(HandTracker(self._finder), self._finder.reader, HandFitter(self.models, camera))


def _hand_models(options: EngineOptions) -> Mapping[Side, HandModel]:
    if options.hand_model != "mano":
        return load_hand_models(options.weights_dir)
    right, left = HandModelFolder(options.models_dir or default_models_dir()).hand_models()
    return {"right": right, "left": left}


class LandmarksRun:
    """One clip through the engine."""

    def __init__(self, tracker: HandTracker, reader: HandReader, fitter: HandFitter) -> None:
        self._tracker, self._reader, self._fitter = tracker, reader, fitter
        self._previous: dict[Side, FittedHand] = {}

    @property
    def unread_boxes(self) -> frozenset[Side]:
        """See `EngineRun.unread_boxes`."""
        return self._tracker.unread_boxes

    def reconstruct_frame(self, rgb: NDArray[np.uint8], boxes: FrameBoxes = NO_BOXES) -> dict[Side, HandInFrame]:
        """See `EngineRun.reconstruct_frame`."""
        observations = self._tracker.observe(rgb, boxes.given, boxes.hints)
        fitted = self._fitter.fit_frame(observations, self._previous)
        for side in observations:
            if side in fitted:
                hand = fitted[side]
                self._tracker.feedback(side, self._landmarks_px(side, hand))
            else:
                self._tracker.lose(side)
        self._previous = fitted
        return {side: hand_in_frame(observations[side], hand) for side, hand in fitted.items()}

    def look_back(
        self,
        rgb: NDArray[np.uint8],
        later: Mapping[Side, HandInFrame],
        beside: Mapping[Side, HandInFrame],
        pinned: frozenset[Side],
    ) -> dict[Side, HandInFrame]:
        """See `EngineRun.look_back`."""
        points_px: dict[Side, NDArray[np.float64]] = {
            side: self._landmarks_px(side, hand) for side, hand in later.items()
        }
        beside_px = [self._landmarks_px(side, hand) for side, hand in beside.items()]
        observations = trace(self._reader, rgb, points_px, beside_px, pinned)
        return followed_back(self._fitter, observations, later)

    def state(self) -> dict[str, Any]:
        """See `EngineRun.state`."""
        return {"tracker": self._tracker.state()}

    def resume(self, last_hands: Mapping[Side, HandInFrame], state: Mapping[str, Any]) -> None:
        """See `EngineRun.resume`."""
        self._tracker.restore(state["tracker"])
        self._previous = as_fitted(last_hands)

    def _landmarks_px(self, side: Side, hand: HandInFrame | FittedHand) -> NDArray[np.float64]:
        """(21, 2) where the nets should see a fitted hand."""
        return self._fitter.landmarks_px(side, hand.quat_wxyz, hand.translation_m, hand.betas)

    def refine(self, clip: Clip, shape: ClipShape = SHARED) -> Clip:
        """See `EngineRun.refine`."""
        return refined(clip, self._fitter, shape)
