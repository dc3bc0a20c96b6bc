"""What a two-hand network says of one crop, and who says it: the paper's network in torch, or a stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..hands.joints import SIDES, Side
from ..hands.model import HandModel
from ..hands.rotations import rotvec_to_quat_wxyz

if TYPE_CHECKING:
    import torch

    from ..networks.configuration import NetworkConfiguration
    from ..networks.intershape import InterShape, Prediction

Array = NDArray[np.float64]

_FULL_PEAK_OF_VOLUMES, _FULL_PEAK_OF_MAPS = 255.0, 1.0
"""What the heat maps are trained towards where a joint is: the paper's volumes, and maps without depth bins."""


@dataclass(frozen=True)
class CropAnswer:
    """A network's answer for one crop; hand 0 = right, 1 = left, S shape components.

    Rotations are those of hands seen straight on: as if the crop lay in the middle of its picture.

    Parameters
    ----------
    peaks_px : (2, 21, 2) joints as the heat maps see them, in the crop's pixels
    confidence : (2, 21) of the peaks, from 0 to 1
    presence : (2,) from 0 to 1, the network's own head
    quat_wxyz : (2, 16, 4) local rotations, absolute (mean pose added)
    betas : (2, S)
    trans : (4,) the left hand relative to the right, see `fit.placement.offset_between`
    """

    peaks_px: Array
    confidence: Array
    presence: Array
    quat_wxyz: Array
    betas: Array
    trans: Array


class CropReader(Protocol):
    """Reads both hands in a crop."""

    def read(self, crop_rgb: NDArray[np.uint8]) -> CropAnswer:
        """What is in a crop (256, 256, 3)."""
        ...


class NetworkReader:
    """The two-hand network, ready to read crops.

    Parameters
    ----------
    network : with its weights, on its device; a copy that is prepared for speed is used
    models : the hand models its poses and betas refer to
    """

    def __init__(self, network: InterShape, models: Mapping[Side, HandModel]) -> None:
        from ..networks.prepare import prepare_for_inference

        self.device = network.imagenet_mean.device
        self.configuration, self.models = network.configuration, models
        self._network: InterShape = prepare_for_inference(network, self.device)

    def predict(self, crop_rgb: NDArray[np.uint8], *, every_stage: bool = False) -> Prediction:
        """The network's own outputs for a crop (256, 256, 3), a batch of one.

        Raises
        ------
        HandsError
            OUT_OF_MEMORY
        """
        import torch

        picture = torch.from_numpy(np.ascontiguousarray(crop_rgb)).to(self.device)
        try:
            return self._network.predict(picture.permute(2, 0, 1)[None].float() / 255, every_stage)
        except torch.OutOfMemoryError as error:
            raise HandsError(
                ErrorCode.OUT_OF_MEMORY,
                f"The memory of the device '{self.device}' is full.",
                "Close other programs that use it, or hide it with CUDA_VISIBLE_DEVICES= to work on the CPU.",
            ) from error

    def read(self, crop_rgb: NDArray[np.uint8]) -> CropAnswer:
        """See `CropReader.read`."""
        return answer_of(self.predict(crop_rgb), self.models, self.configuration)


def answer_of(
    prediction: Prediction,
    models: Mapping[Side, HandModel],
    configuration: NetworkConfiguration,
    row: int = 0,
) -> CropAnswer:
    """One picture's answer out of a batch, in numpy and in the take's terms."""
    full_peak = _FULL_PEAK_OF_VOLUMES if configuration.heatmap_depth > 1 else _FULL_PEAK_OF_MAPS
    peaks = _numpy(prediction.heatmaps.peaks_xyc[row]).reshape(2, 21, 3)
    quat, betas = [], []
    for side, stages in zip(SIDES, (prediction.mesh.right, prediction.mesh.left), strict=True):
        rotvec = _numpy(stages[-1].pose_rotvec[row]).reshape(16, 3)
        rotvec[1:] += models[side].pose_mean_rotvec
        quat.append(rotvec_to_quat_wxyz(rotvec))
        betas.append(_numpy(stages[-1].betas[row]))
    return CropAnswer(
        # The data set puts a joint at crop pixel x on heat-map pixel x / 4, without half pixels.
        peaks_px=peaks[..., :2] * (configuration.picture_px / configuration.heatmap_px),
        confidence=np.clip(peaks[..., 2] / full_peak, 0.0, 1.0),
        presence=_numpy(prediction.hand_presence[row]),
        quat_wxyz=np.stack(quat),
        betas=np.stack(betas),
        trans=_numpy(prediction.mesh.trans[row]),
    )


def _numpy(tensor: torch.Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy().astype(np.float64)
