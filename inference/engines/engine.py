"""What the pipeline asks of an engine, and the list of engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..contract import ErrorCode, HandsError
from ..device import Device
from ..fit.clip_shape import SHARED, ClipShape
from ..hands.joints import Side
from ..hands.model import HandModel

if TYPE_CHECKING:
    from ..clip import Clip

ENGINE_NAMES: Final = ("landmarks", "twohand", "intershape")
DEFAULT_ENGINE: Final = "twohand"
"""Needs nothing but what is shipped."""
HandModelName = Literal["open", "mano"]
HAND_MODELS: Final[Mapping[str, tuple[HandModelName, ...]]] = {
    "landmarks": ("open", "mano"),
    "twohand": ("open",),
    "intershape": ("mano",),
}
"""The hand models that an engine can pose, its own choice first: `landmarks` fits any hand to the points that it sees,
the networks were taught one hand and know no other."""
WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
"""The model files that the program ships."""

Box = tuple[float, float, float, float]
"""(x, y, width, height) in the picture's pixels, as a user draws it."""


@dataclass(frozen=True)
class HandInFrame:
    """One hand in one frame, in the take's terms (see `contract.Take`), with the shape this frame alone suggests.

    Parameters
    ----------
    confidence : from 0 to 1
    quat_wxyz : (16, 4) local rotations, absolute
    translation_m : (3,) wrist joint in camera axes
    betas : (S,)
    joints_px : (21, 2) as observed, in pixels of the frame given to the engine
    joints_px_confidence : (21,) from 0 to 1
    joints_m : (21, 3) fitted joints in camera axes
    """

    confidence: float
    quat_wxyz: NDArray[np.float64]
    translation_m: NDArray[np.float64]
    betas: NDArray[np.float64]
    joints_px: NDArray[np.float64]
    joints_px_confidence: NDArray[np.float64]
    joints_m: NDArray[np.float64]


@dataclass(frozen=True)
class FrameBoxes:
    """What the user says about one frame.

    Parameters
    ----------
    given : where hands are; each starts its hand anew, and decides its side
    hints : between two boxes of a hand: where to look for it while it is lost
    """

    given: Mapping[Side, Box] = field(default_factory=dict)
    hints: Mapping[Side, Box] = field(default_factory=dict)


NO_BOXES: Final = FrameBoxes()


class EngineRun(Protocol):
    """One clip going through an engine, frame after frame. Pixels are those of the frames given to it."""

    def reconstruct_frame(self, rgb: NDArray[np.uint8], boxes: FrameBoxes = NO_BOXES) -> Mapping[Side, HandInFrame]:
        """The hands of the next frame (H, W, 3); a hand that is not seen is left out."""
        ...

    @property
    def unread_boxes(self) -> frozenset[Side]:
        """The sides whose box in the last frame shows nothing that the engine understands as a hand."""
        ...

    def look_back(
        self,
        rgb: NDArray[np.uint8],
        later: Mapping[Side, HandInFrame],
        beside: Mapping[Side, HandInFrame],
        pinned: frozenset[Side],
    ) -> Mapping[Side, HandInFrame]:
        """Hands of the frame after this one, followed back into this one; those that cannot be are left out.

        What comes out depends on the arguments alone, and frames that follow do not depend on it.

        Parameters
        ----------
        later : the hands to follow, as they are in the frame after
        beside : the other hands of this frame
        pinned : of `later`, those whose side the user said
        """
        ...

    def state(self) -> Mapping[str, Any]:
        """What, besides the hands of the last frame that it was given, the next frames depend on, as JSON values."""
        ...

    def resume(self, last_hands: Mapping[Side, HandInFrame], state: Mapping[str, Any]) -> None:
        """Go on after a frame that an earlier run reconstructed, as if this run had done it."""
        ...

    def refine(self, clip: Clip, shape: ClipShape = SHARED) -> Clip:
        """The whole clip again with one shape a hand; rows of hands that are not present stay as they are.

        An engine whose networks say the shape of each hand need not let both share one.
        """
        ...


class Engine(Protocol):
    """Networks and hand models, loaded once and used for any number of clips.

    To add an engine: write a class like this in a file of its own in this folder, name it in `ENGINE_NAMES` and make
    it in `create_engine`. Placement in a take, resuming, cancelling, files and records are the pipeline's.
    """

    @property
    def name(self) -> str:
        """Name on the command line and in the take."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything (as JSON values) that changes results; equal settings are a condition for resuming."""
        ...

    @property
    def models(self) -> Mapping[Side, HandModel]:
        """The hand models that rotations and betas refer to."""
        ...

    def start(self, camera: Camera) -> EngineRun:
        """Begin a clip."""
        ...


@dataclass(frozen=True)
class EngineOptions:
    """How engines are loaded.

    Parameters
    ----------
    weights_dir : folder of the shipped model files
    models_dir : folder of the user's own model files; None: `models.default_models_dir`
    threads : CPU threads for the nets; 0 takes what the machine has, at most four
    device : what the nets run on
    hand_model : the hand that is posed; None: the engine's own choice, see `HAND_MODELS`
    """

    weights_dir: Path = field(default=WEIGHTS_DIR)
    models_dir: Path | None = None
    threads: int = 0
    device: Device = "auto"
    hand_model: HandModelName | None = None


def create_engine(name: str, options: EngineOptions) -> Engine:
    """Load an engine.

    Raises
    ------
    HandsError
        USAGE for an unknown name, or for a hand model that the engine cannot pose; MODEL_MISSING, MODEL_DAMAGED or
        RUNTIME_MISSING
    """
    known = HAND_MODELS.get(name, ())
    if known and options.hand_model not in (None, *known):
        raise HandsError(
            ErrorCode.USAGE,
            f"The engine '{name}' cannot pose the hand model '{options.hand_model}'.",
            f"Leave the hand model out: this engine has the hand '{known[0]}'.",
        )
    if name == "landmarks":
        from .landmarks import LandmarksEngine

        return LandmarksEngine(options)
    if name == "twohand":
        from .load_two_hands import load_two_hands

        return load_two_hands(options)
    if name == "intershape":
        from .load_intershape import load_intershape

        return load_intershape(options)
    raise HandsError(ErrorCode.USAGE, f"There is no engine '{name}'.", f"Choose one of: {', '.join(ENGINE_NAMES)}.")
