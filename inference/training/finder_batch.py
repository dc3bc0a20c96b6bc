"""What a step of stage one's training is given."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class FinderBatch(NamedTuple):
    """B pictures and where their hands are; hand 0 is the right, 1 the left.

    Parameters
    ----------
    picture : (B, 3, S, S) RGB from 0 to 1
    joints_px : (B, 2, 21, 2) pixels of the picture
    facing : (B, 2) from -1 to 1, whether the palm or the back of a hand is seen: see `finder_stream.facing_of`
    seen : (B, 2) 1 where enough of a hand is visible for it to count, else 0
    skipped : () pictures that could not be read and were replaced by others
    """

    picture: Tensor
    joints_px: Tensor
    facing: Tensor
    seen: Tensor
    skipped: Tensor

    def to(self, device: torch.device) -> FinderBatch:
        """The same on a device, a pixel's channels together there (see `TrainingBatch.to`)."""
        moved = FinderBatch(*(part.to(device, non_blocking=True) for part in self))
        return moved._replace(picture=moved.picture.contiguous(memory_format=torch.channels_last))

    def named_tensors(self) -> dict[str, Tensor]:
        """Flat, for a file."""
        return self._asdict()
