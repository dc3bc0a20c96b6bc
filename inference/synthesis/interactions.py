"""The library of two-hand poses in contact: a file that `tools/build_two_hand_poses.py` searched once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..contract import ErrorCode, HandsError
from ..hands.torch_layer import rotvec_to_matrix
from .contact_search import PairPose
from .draws import Draws

TWO_HAND_POSES_FILE: Final = "two_hand_poses.npz"
FILE_VERSION: Final = 1
_STEP: Final = {"angles": 1e-4, "betas": 1e-3, "rotvec": 1e-4, "offset": 1e-5}
"""Size of one step of the file's 16-bit integers: radians, standard deviations, radians, metres."""


@dataclass(frozen=True)
class InteractionLibrary:
    """Poses of two hands that touch or nearly do, each with the gesture that it belongs to.

    Attributes
    ----------
    gestures : names
    gesture : (N,) int64 index into `gestures`
    poses : N poses of the right and the left hand
    number : (N,) int64 place of each pose in the file; `held_out` tells by it what a pose is for
    """

    gestures: tuple[str, ...]
    gesture: Tensor
    poses: PairPose
    number: Tensor

    def __len__(self) -> int:
        return len(self.gesture)

    def draw(self, draws: Draws, shares: Mapping[str, float]) -> Tensor:
        """(B,) int64 poses: a gesture by its share, then any pose of it; gestures that the file lacks are left out."""
        counts = self.gesture.bincount(minlength=len(self.gestures))
        first = counts.cumsum(0) - counts
        held = [shares.get(name, 0.0) * (count > 0) for name, count in zip(self.gestures, counts.tolist(), strict=True)]
        gesture = draws.choice(held)
        order = self.gesture.argsort(stable=True)
        return order[first[gesture] + draws.integers(counts[gesture])]

    def select(self, index: Tensor) -> InteractionLibrary:
        """A library of the poses at `index` (M,) alone."""
        return InteractionLibrary(self.gestures, self.gesture[index], self.poses.select(index), self.number[index])

    def to(self, device: torch.device | str) -> InteractionLibrary:
        """The same on another device."""
        poses = self.poses
        moved = PairPose(*(v.to(device) for v in (poses.angles_rad, poses.betas, poses.rotation, poses.offset_m)))
        return InteractionLibrary(self.gestures, self.gesture.to(device), moved, self.number.to(device))


def save_interactions(
    path: Path,
    gestures: tuple[str, ...],
    gesture: NDArray[np.int64],
    *,
    angles_rad: NDArray[np.float32],
    betas: NDArray[np.float32],
    rotvec: NDArray[np.float32],
    offset_m: NDArray[np.float32],
) -> None:
    """Write the library as 16-bit integers, which hold a tenth of a millimetre."""
    values = {"angles": angles_rad[:, :, 1:], "betas": betas, "rotvec": rotvec, "offset": offset_m}
    arrays: dict[str, Any] = {name: np.round(value / _STEP[name]).astype("<i2") for name, value in values.items()}
    np.savez_compressed(
        path,
        version=np.int32(FILE_VERSION),
        gestures=np.array(gestures),
        gesture=gesture.astype(np.uint8),
        licence=np.array("CC0-1.0"),
        **arrays,
    )


def load_interactions(weights_dir: Path) -> InteractionLibrary:
    """Read the shipped library.

    Raises
    ------
    HandsError
        MODEL_MISSING or MODEL_DAMAGED
    """
    path = weights_dir / TWO_HAND_POSES_FILE
    hint = "Install the program again; its 'weights' folder must be complete."
    if not path.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"The library of two-hand poses '{path}' is missing.", hint)
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["version"]) != FILE_VERSION:
                raise ValueError(f"version {file['version']}")
            arrays = {name: torch.from_numpy(file[name].astype(np.float32) * step) for name, step in _STEP.items()}
            names = tuple(str(name) for name in file["gestures"])
            gesture = torch.from_numpy(file["gesture"].astype(np.int64))
    except Exception as error:
        raise HandsError(
            ErrorCode.MODEL_DAMAGED, f"The library of two-hand poses '{path}' cannot be read ({error}).", hint
        ) from error
    angles = torch.cat([torch.zeros_like(arrays["angles"][:, :, :1]), arrays["angles"]], 2)
    poses = PairPose(angles, arrays["betas"], rotvec_to_matrix(arrays["rotvec"]), arrays["offset"])
    return InteractionLibrary(names, gesture, poses, torch.arange(len(gesture)))
