"""21 points of a hand from a crop: MediaPipe's hand landmark net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..hands.joints import OPENPOSE_TO_MANO, Side
from .crops import CropSource
from .nets import LANDMARK_NET_FILE, load_net
from .region import Region, rotate_to_picture

INPUT_SIZE: Final = 224
_OUTPUTS: Final = ("landmarks", "presence", "handedness", "world_landmarks")
_MAX_BATCH: Final = 16


@dataclass(frozen=True)
class Landmarks:
    """What the net says about one region.

    Parameters
    ----------
    joints_px : (21, 2) in the picture, MANO order then tips
    joints_relative_m : (21, 3) camera axes, metres, about the hand's own centre
    presence : from 0 to 1; also high on wrong mixtures of two hands
    right_probability : from 0 to 1: that this is an anatomical right hand in an unmirrored picture
    region : the region that was looked at
    """

    joints_px: NDArray[np.float64]
    joints_relative_m: NDArray[np.float64]
    presence: float
    right_probability: float
    region: Region

    @cached_property
    def next_region(self) -> Region:
        """The region that these points ask for."""
        return Region.from_joints(self.joints_px)

    def probability(self, side: Side) -> float:
        """That this is the hand of `side`."""
        return self.right_probability if side == "right" else 1 - self.right_probability

    def merged(self, other: Landmarks) -> Landmarks:
        """The mean of two looks at the same hand."""
        return replace(
            self,
            joints_px=(self.joints_px + other.joints_px) / 2,
            joints_relative_m=(self.joints_relative_m + other.joints_relative_m) / 2,
            presence=(self.presence + other.presence) / 2,
            right_probability=(self.right_probability + other.right_probability) / 2,
        )


class LandmarkNet:
    """Reads hands in regions of a picture, many regions in one call.

    Parameters
    ----------
    weights_dir : folder that holds the net
    threads, providers : see `nets.load_net`
    """

    def __init__(self, weights_dir: Path, threads: int = 2, providers: Sequence[str] | None = None) -> None:
        self._net = load_net(weights_dir / LANDMARK_NET_FILE, threads, providers)

    def read(
        self, source: CropSource, regions: Sequence[Region], mirrored: Sequence[bool] | None = None
    ) -> list[Landmarks]:
        """One answer a region, in the same order.

        `mirrored` regions are shown to the net as in a mirror and the answer is mirrored back: a second opinion whose
        errors are largely independent.
        """
        flags = mirrored if mirrored is not None else [False] * len(regions)
        answers: list[Landmarks] = []
        for start in range(0, len(regions), _MAX_BATCH):
            part = slice(start, start + _MAX_BATCH)
            answers += self._read_batch(source, regions[part], flags[part])
        return answers

    def _read_batch(self, source: CropSource, regions: Sequence[Region], mirrored: Sequence[bool]) -> list[Landmarks]:
        batch = np.stack(
            [
                source.crop(region, INPUT_SIZE, replicate=True, flip=flip)
                for region, flip in zip(regions, mirrored, strict=True)
            ]
        )
        points, presence, handedness, world = (
            np.asarray(output, dtype=np.float64) for output in self._net.run(_OUTPUTS, {"input": batch})
        )
        # The net counts from the corner of its input, we from the centre of the first pixel.
        crop_px = points.reshape(-1, 21, 3)[:, OPENPOSE_TO_MANO, :2] - 0.5
        relative = world.reshape(-1, 21, 3)[:, OPENPOSE_TO_MANO]
        answers: list[Landmarks] = []
        for index, (region, flip) in enumerate(zip(regions, mirrored, strict=True)):
            here, shape, right = crop_px[index], relative[index], float(handedness[index, 0])
            if flip:
                here, shape, right = here * [-1, 1] + [INPUT_SIZE - 1, 0], shape * [-1, 1, 1], 1 - right
            matrix = region.matrix(INPUT_SIZE)
            answers.append(
                Landmarks(
                    joints_px=here @ matrix[:, :2].T + matrix[:, 2],
                    joints_relative_m=rotate_to_picture(shape, region.angle_rad),
                    presence=float(presence[index, 0]),
                    right_probability=right,
                    region=region,
                )
            )
        return answers
