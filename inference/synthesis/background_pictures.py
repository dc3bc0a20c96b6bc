"""A user's own pictures behind the hands, instead of drawn backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..contract import ErrorCode, HandsError
from ..datasets.pictures import read_rgb
from ..media.picture_file import PICTURE_SUFFIXES
from .draws import Draws
from .skin import srgb_to_linear

_SHORT_SIDE_PX: Final = 384
_SHARE: Final = 0.5
_SMALLEST_PART: Final = 0.4


class BackgroundPictures:
    """Pictures that must show no hands: whatever hands they show would be taught to be none.

    Parameters
    ----------
    pictures : (H, W, 3) uint8 RGB each
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]]) -> None:
        self._pictures = [_small(picture) for picture in pictures]

    def __len__(self) -> int:
        return len(self._pictures)

    @classmethod
    def of_folder(cls, folder: Path) -> BackgroundPictures:
        """All pictures that lie in a folder, by name.

        Raises
        ------
        HandsError
            INPUT_MISSING, INPUT_EMPTY, INPUT_UNREADABLE
        """
        if not folder.is_dir():
            raise HandsError(ErrorCode.INPUT_MISSING, f"There is no folder '{folder}'.", "Check the path.")
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        if not paths:
            raise HandsError(ErrorCode.INPUT_EMPTY, f"'{folder}' holds no pictures.", "Choose another folder.")
        return cls([read_rgb(path) for path in paths])

    def behind(self, draws: Draws, background: Tensor) -> Tensor:
        """Backgrounds (B, 3, S, S), linear light, half of them replaced by parts of pictures.

        All else that is drawn of a sample stays as it would be without.
        """
        own = draws.of(torch.arange(draws.batch, device=draws.device)).branches(1)
        chosen, flipped = own.chance(_SHARE), own.chance(0.5)
        number, part, place = own.integers(len(self)), own.uniform(_SMALLEST_PART, 1.0), own.uniform(0, 1, (2,))
        result = background.clone()
        size = background.shape[-1]
        for sample in chosen.nonzero().squeeze(1).tolist():
            picture = self._pictures[int(number[sample])]
            height, width = picture.shape[1:]
            side = max(1, round(min(height, width) * float(part[sample])))
            right, down = (place[sample].cpu() * torch.tensor([width - side, height - side])).round().int().tolist()
            crop = picture[None, :, down : down + side, right : right + side].to(background.device).float() / 255
            crop = torch.nn.functional.interpolate(crop, (size, size), mode="bilinear", align_corners=False)
            result[sample] = srgb_to_linear(crop.flip(3) if flipped[sample] else crop)[0]
        return result


def _small(picture: NDArray[np.uint8]) -> Tensor:
    """(3, h, w) uint8, no larger than it needs to be behind hands."""
    import cv2

    factor = min(1.0, _SHORT_SIDE_PX / min(picture.shape[:2]))
    if factor < 1:
        size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
