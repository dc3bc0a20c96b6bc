"""An engine without nets: what it makes of a frame follows from the frame's brightness and from the frames before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.camera import Camera
from inference.clip import Clip
from inference.engines import FrameBoxes, HandInFrame
from inference.engines.engine import NO_BOXES
from inference.fit.clip_shape import SHARED, ClipShape
from inference.hands.joints import Side
from inference.hands.model import HandModel
from inference.hands.rotations import rotvec_to_quat_wxyz
from tests.pictures import movie_index
from tests.stand_in_hand import mano_like


class FakeEngine:
    """Sees a right hand in every frame but nearly black ones, a left hand in bright ones; white frames show nothing.

    Attributes
    ----------
    runs : every clip that was started, in order
    deepest : the level of grey down to which hands are followed backwards
    before_frame : called with the number of frames already made, before each frame
    """

    name = "fake"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings: Mapping[str, Any] = dict(settings or {})
        self.models: Mapping[Side, HandModel] = {"right": mano_like("right"), "left": mano_like("left")}
        self.runs: list[FakeRun] = []
        self.before_frame: Callable[[int], None] = lambda _count: None
        self.deepest = 1000.0

    def start(self, camera: Camera) -> FakeRun:
        self.runs.append(FakeRun(self, camera))
        return self.runs[-1]


class FakeRun:
    """Keeps a running mean, so that a run that was resumed wrongly gives other numbers."""

    def __init__(self, engine: FakeEngine, camera: Camera) -> None:
        self.engine, self.camera = engine, camera
        self.boxes: list[FrameBoxes] = []
        self.unread_boxes: frozenset[Side] = frozenset()
        self.looked_back: list[tuple[int, frozenset[Side], frozenset[Side]]] = []
        self.memory = 0.0
        self.angle = 0.0
        self.frames_made = 0

    def reconstruct_frame(self, rgb: NDArray[np.uint8], boxes: FrameBoxes = NO_BOXES) -> dict[Side, HandInFrame]:
        self.boxes.append(boxes)
        self.engine.before_frame(self.frames_made)
        self.frames_made += 1
        level = float(rgb.mean())
        self.memory = 0.7 * self.memory + 0.3 * level
        self.angle = 0.5 * self.angle + 0.01 * level
        hands: dict[Side, HandInFrame] = {}
        if 10 < level < 250:
            hands["right"] = self._hand(0.05)
        if 120 < level < 250:
            hands["left"] = self._hand(-0.05)
        self.unread_boxes = frozenset(side for side in boxes.given if side not in hands)
        return hands

    def look_back(
        self,
        rgb: NDArray[np.uint8],
        later: Mapping[Side, HandInFrame],
        beside: Mapping[Side, HandInFrame],
        pinned: frozenset[Side],
    ) -> dict[Side, HandInFrame]:
        level = float(rgb.mean())
        self.looked_back.append((movie_index(rgb), frozenset(later), pinned))
        if level < self.engine.deepest:
            return {}
        moved_m = 1e-3 * len(beside) + 1e-6 * level
        return {side: replace(hand, joints_m=hand.joints_m + moved_m) for side, hand in later.items()}

    def state(self) -> dict[str, Any]:
        return {"memory": self.memory}

    def resume(self, last_hands: Mapping[Side, HandInFrame], state: Mapping[str, Any]) -> None:
        self.memory = state["memory"]
        if "right" in last_hands:
            self.angle = 2 * float(np.arctan2(last_hands["right"].quat_wxyz[0, 1], last_hands["right"].quat_wxyz[0, 0]))

    def refine(self, clip: Clip, shape: ClipShape = SHARED) -> Clip:
        betas = np.where(clip.present[..., None], clip.betas[clip.present].mean(axis=0), 0.0)
        return replace(clip, betas=betas)

    def _hand(self, x_m: float) -> HandInFrame:
        joints_m = np.tile([x_m, 0.0, 0.5], (21, 1)) + 0.001 * np.arange(21)[:, None]
        rotvec = np.zeros((16, 3))
        rotvec[:, 0] = self.angle
        return HandInFrame(
            confidence=0.8,
            quat_wxyz=rotvec_to_quat_wxyz(rotvec),
            translation_m=np.array([x_m, 0.0, 0.5 + 1e-4 * self.memory]),
            betas=np.full(10, 1e-3 * self.memory),
            joints_px=self.camera.project(joints_m),
            joints_px_confidence=np.full(21, 0.9),
            joints_m=joints_m,
        )
