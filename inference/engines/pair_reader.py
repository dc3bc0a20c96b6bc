"""Stage two of the open two-hand network at work: both hands read in the squares that somebody found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..detect.crops import CropSource
from ..detect.observation import HandObservation
from ..detect.region import Region
from ..hands.joints import SIDES, Side
from ..hands.rotations import matrix_to_quat_wxyz
from ..networks.landmark_backbone import CROP_PX
from ..networks.pair_net import PairNet
from .crop_answer import CropAnswer

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
    network : trained
    device : to work on
    """

    def __init__(self, network: PairNet, device: torch.device) -> None:
        self._network, self._device = network.eval().to(device), device

    def read(self, source: CropSource, regions: Mapping[Side, Region]) -> PairAnswer:
        """The hands in their regions.

        Raises
        ------
        HandsError
            OUT_OF_MEMORY
        """
        crops = np.zeros((2, CROP_PX, CROP_PX, 3), np.float32)
        numbers = np.zeros((2, 5), np.float32)
        numbers[:, 2] = CROP_PX
        for index, side in enumerate(SIDES):
            if side in regions:
                region = regions[side]
                crops[index] = source.crop(region, CROP_PX, replicate=True, flip=side == "left")
                numbers[index] = *region.center_px, region.side_px, region.angle_rad, 1.0
        try:
            return self._answer(crops, numbers, regions)
        except torch.OutOfMemoryError as error:
            raise HandsError(
                ErrorCode.OUT_OF_MEMORY,
                f"The memory of the device '{self._device}' is full.",
                "Close other programs that use it, or hide it with CUDA_VISIBLE_DEVICES= to work on the CPU.",
            ) from error

    def _answer(
        self, crops: NDArray[np.float32], numbers: NDArray[np.float32], regions: Mapping[Side, Region]
    ) -> PairAnswer:
        picture = torch.from_numpy(crops).permute(0, 3, 1, 2).unsqueeze(0).to(self._device)
        where = torch.from_numpy(numbers).unsqueeze(0).to(self._device)
        with torch.inference_mode():
            prediction = self._network.read(picture, where, every_stage=False)[1]
        peaks = _numpy(prediction.heatmaps.peaks_xyc[0]).reshape(2, 21, 3)
        presence = _numpy(prediction.hand_presence[0])
        stages = (prediction.mesh.right[-1], prediction.mesh.left[-1])
        hands: dict[Side, HandObservation] = {}
        for index, side in enumerate(SIDES):
            if side in regions:
                points = _numpy(stages[index].points_mm[0]) / 1000
                hands[side] = HandObservation(
                    side=side,
                    joints_px=peaks[index, :, :2],
                    joints_confidence=peaks[index, :, 2],
                    joints_relative_m=points - points.mean(axis=0),
                    presence=float(presence[index]),
                )
        answer = CropAnswer(
            peaks_px=peaks[..., :2],
            confidence=peaks[..., 2],
            presence=presence,
            quat_wxyz=np.stack([matrix_to_quat_wxyz(_numpy(stage.rotations[0])) for stage in stages]),
            betas=np.stack([_numpy(stage.betas[0]) for stage in stages]),
            trans=_numpy(prediction.mesh.trans[0]),
        )
        return PairAnswer(hands, answer)


def _numpy(tensor: torch.Tensor) -> Array:
    return tensor.detach().cpu().numpy().astype(np.float64)
