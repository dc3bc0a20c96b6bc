"""Stage two of the open two-hand network at work: both hands read in the squares that somebody found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..detect.crops import CropSource
from ..detect.nets import OPEN_PAIR_FILE, OPEN_WEIGHTS_FILE, load_net
from ..detect.observation import HandObservation
from ..detect.region import Region
from ..hands.joints import SIDES, Side
from ..hands.rotations import matrix_to_quat_wxyz
from .crop_answer import CropAnswer

_CROP_PX: Final = 224
_OUTPUTS: Final = ("peaks", "presence", "rotations", "betas", "points_mm", "trans")
_MILLIMETRES: Final = 1000.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PairAnswer:
    """What the network says of one picture.

    Parameters
    ----------
    hands : of each side whose region was given
    answer : poses, shapes and the relation in the terms of `place_answer`; peaks are in the picture's pixels
    """

    hands: Mapping[Side, HandObservation]
    answer: CropAnswer


class PairReader:
    """Reads one or two hands of a picture at once.

    Parameters
    ----------
    weights_dir : folder of the shipped model files
    threads, providers : see `detect.nets.load_net`

    Raises
    ------
    HandsError
        MODEL_MISSING, MODEL_DAMAGED or RUNTIME_MISSING
    """

    def __init__(self, weights_dir: Path, threads: int = 2, providers: Sequence[str] | None = None) -> None:
        self._net = load_net(weights_dir / OPEN_PAIR_FILE, threads, providers, (OPEN_WEIGHTS_FILE,))

    def read(self, source: CropSource, regions: Mapping[Side, Region]) -> PairAnswer:
        """The hands in their regions."""
        crops = np.zeros((1, 2, _CROP_PX, _CROP_PX, 3), np.float32)
        numbers = np.zeros((1, 2, 5), np.float32)
        numbers[..., 2] = _CROP_PX  # of a hand that is not looked for: a square of some size, marked as unknown
        for index, side in enumerate(SIDES):
            if side in regions:
                region = regions[side]
                crops[0, index] = source.crop(region, _CROP_PX, replicate=True, flip=side == "left")
                numbers[0, index] = *region.center_px, region.side_px, region.angle_rad, 1.0
        outputs = self._net.run(_OUTPUTS, {"crops": crops, "regions": numbers})
        peaks, presence, rotations, betas, points_mm, trans = (np.asarray(part, np.float64)[0] for part in outputs)
        peaks = peaks.reshape(2, 21, 3)
        hands: dict[Side, HandObservation] = {}
        for index, side in enumerate(SIDES):
            if side in regions:
                points_m = points_mm[index] / _MILLIMETRES
                hands[side] = HandObservation(
                    side=side,
                    joints_px=peaks[index, :, :2],
                    joints_confidence=peaks[index, :, 2],
                    joints_relative_m=points_m - points_m.mean(axis=0),
                    presence=float(presence[index]),
                )
        answer = CropAnswer(
            peaks_px=peaks[..., :2],
            confidence=peaks[..., 2],
            presence=presence,
            quat_wxyz=matrix_to_quat_wxyz(rotations),
            betas=betas,
            trans=trans,
        )
        return PairAnswer(hands, answer)
