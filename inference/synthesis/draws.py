"""Random numbers that depend on seed and index alone: not on the batch, not on the order, not on the device.

Every number is a hash of (seed, index, place), so that a batch draws for all its samples at once, a sample comes out
the same in any batch, and nothing has to be copied to the GPU.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

_GOLDEN: Final = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed number
_FIRST: Final = -4658895280553007687  # 0xBF58476D1CE4E5B9
_SECOND: Final = -7723592293110705685  # 0x94D049BB133111EB
_PIXEL_FIRST: Final = 0x7FEB352D
_PIXEL_SECOND: Final = -2073254261  # 0x846CA68B
_MANTISSA_BITS: Final = 24


class Draws:
    """Numbers for a batch of samples; each call takes the next places of every sample's own sequence.

    Parameters
    ----------
    seed : of the whole set
    indices : (B,) int64 samples
    frames : (B,) int64 where samples are pictures of a clip: only the noise of their pixels differs between frames
    """

    def __init__(self, seed: int, indices: Tensor, frames: Tensor | None = None) -> None:
        self.batch = len(indices)
        self.device = indices.device
        self._frames = torch.zeros_like(indices) if frames is None else frames
        start = torch.full_like(indices, seed) * _GOLDEN
        self._state = _mix(_mix(start + 1) ^ (indices * _FIRST))
        self._place = 0

    def of(self, chosen: Tensor) -> Draws:
        """The sequences of the samples at places `chosen` (N,), where they stand; those of this object do not move."""
        part = copy.copy(self)
        part.batch, part._state, part._frames = len(chosen), self._state[chosen], self._frames[chosen]
        return part

    def branches(self, count: int) -> Draws:
        """`count` new sequences from each sample's, (B * count); this object goes on behind them."""
        part = copy.copy(self)
        number = torch.arange(1, count + 1, device=self.device) * _SECOND
        place = torch.tensor(self._place, device=self.device) * _GOLDEN
        part._state = _mix(_mix(self._state[:, None] + place) ^ number).flatten()
        part._frames = self._frames.repeat_interleave(count)
        part.batch, part._place = self.batch * count, 0
        self._place += 1
        return part

    def skip(self, places: int) -> None:
        """Leave places to a part that `of` made, so that nothing else takes the same numbers."""
        self._place += places

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: Sequence[int] = ()) -> Tensor:
        """(B, *shape) float32 in [low, high)."""
        count = math.prod(shape)
        places = torch.arange(self._place, self._place + count, device=self.device) * _GOLDEN
        self._place += count
        bits = _mix(self._state[:, None] + places)
        share = _shift(bits, 64 - _MANTISSA_BITS).to(torch.float32) * 2.0**-_MANTISSA_BITS
        return (low + (high - low) * share).reshape(self.batch, *shape)

    def normal(self, mean: float = 0.0, deviation: float = 1.0, shape: Sequence[int] = ()) -> Tensor:
        """(B, *shape) float32, normally distributed, at most 4.5 deviations from the mean."""
        share = self.uniform(0.0, 1.0, shape).clamp(3.4e-6, 1 - 3.4e-6)
        return mean + deviation * math.sqrt(2) * torch.erfinv(2 * share - 1)

    def chance(self, probability: float, shape: Sequence[int] = ()) -> Tensor:
        """(B, *shape) bool, true with `probability`."""
        return self.uniform(0.0, 1.0, shape) < probability

    def integers(self, high: int | Tensor, shape: Sequence[int] = ()) -> Tensor:
        """(B, *shape) int64 from 0 to `high` - 1; `high` may differ between samples (broadcast)."""
        drawn = (self.uniform(0.0, 1.0, shape) * high).to(torch.int64)
        limit = high if isinstance(high, Tensor) else torch.tensor(high, device=self.device)
        return torch.minimum(drawn, limit - 1)

    def choice(self, shares: Sequence[float]) -> Tensor:
        """(B,) int64 index, each with its share."""
        steps = torch.tensor(shares, dtype=torch.float32, device=self.device).cumsum(0)
        return torch.searchsorted(steps / steps[-1], self.uniform()).clamp(max=len(shares) - 1)

    def direction(self) -> Tensor:
        """(B, 3) unit vectors, all directions alike."""
        return torch.nn.functional.normalize(self.normal(shape=(3,)), dim=-1)

    def rotation(self) -> Tensor:
        """(B, 3, 3) rotations, all alike."""
        w, x, y, z = torch.nn.functional.normalize(self.normal(shape=(4,)), dim=-1).unbind(-1)
        rows = [
            torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
            torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
            torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
        ]
        return torch.stack(rows, -2)

    def pixel_noise(self, channels: int, height: int, width: int) -> Tensor:
        """(B, C, H, W) float32 noise with mean 0 and deviation 1, nearly normal (the sum of four even ones)."""
        place = torch.tensor(self._place, device=self.device) * _GOLDEN
        start = (_mix(self._state + place + self._frames * _FIRST) & 0x7FFFFFFF).to(torch.int32)
        self._place += 1
        places = torch.arange(channels * height * width, device=self.device, dtype=torch.int32)
        bits = start[:, None] + places * 0x2545F491
        bits = (bits ^ ((bits >> 16) & 0xFFFF)) * _PIXEL_FIRST
        bits = (bits ^ ((bits >> 15) & 0x1FFFF)) * _PIXEL_SECOND
        bits = bits ^ ((bits >> 16) & 0xFFFF)
        pairs = (bits & 0x00FF00FF) + ((bits >> 8) & 0x00FF00FF)
        total = ((pairs & 0xFFFF) + ((pairs >> 16) & 0xFFFF)).to(torch.float32)
        scale = math.sqrt(3.0) / 255.0  # four bytes: variance 4 * 255^2 / 12
        return ((total - 510.0) * scale).reshape(self.batch, channels, height, width)


def _shift(bits: Tensor, count: int) -> Tensor:
    """Shift right, zeros from the left."""
    return (bits >> count) & ((1 << (64 - count)) - 1)


def _mix(bits: Tensor) -> Tensor:
    """splitmix64's output function (Steele, Lea, Flood 2014), on signed numbers that wrap round."""
    bits = (bits ^ _shift(bits, 30)) * _FIRST
    bits = (bits ^ _shift(bits, 27)) * _SECOND
    return bits ^ _shift(bits, 31)
