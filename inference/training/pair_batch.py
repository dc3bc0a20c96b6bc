"""Batches for the pair network: samples, and the regions in which somebody has found their hands, more or less well."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..fit.placement import AnswerAxes
from ..networks.hand_regions import regions_of
from .batch import BatchStream, TrainingBatch
from .looks import looks_at
from .paper_losses import LossTargets

_SHIFT: Final = 0.06
"""Of a region's side: standard deviation of what a finder is off by."""
_LOG_SCALE: Final = 0.12
_TURN_RAD: Final = math.radians(12)
_COARSE: Final = 2.5
"""So many times worse is a finder's first look, now and then."""
_COARSE_CHANCE: Final = 0.2
_UNKNOWN_CHANCE: Final = 0.04
_WRONG_CHANCE: Final = 0.06
"""That a hand's region is the other hand's: the network has to say so."""
_NEGATIVE_CHANCE: Final = 0.7
"""That somebody believes to have found a hand that is not there."""
_LEAST_SIDE_PX: Final = 12.0
_LEAST_APART: Final = 0.3
"""Of a region's side: hands nearer than that and turned alike have the same region; none of the two is wrong."""
_LEAST_TURN_RAD: Final = math.radians(40)
_FLIP_CHANCE: Final = 0.5
_PER_SAMPLE: Final = ("picture", "vertices_mm", "vertices_valid", "joints_px")


class PairBatch(NamedTuple):
    """B samples with regions.

    Parameters
    ----------
    sample : its targets count a hand as absent where its region shows something else
    regions : (B, 2, 5) see `networks.hand_regions`
    """

    sample: TrainingBatch
    regions: Tensor

    @property
    def skipped(self) -> Tensor:
        """See `StepBatch`."""
        return self.sample.skipped

    def to(self, device: torch.device) -> PairBatch:
        """See `StepBatch.to`."""
        return PairBatch(self.sample.to(device), self.regions.to(device, non_blocking=True))

    def named_tensors(self) -> dict[str, Tensor]:
        """See `StepBatch.named_tensors`."""
        return {**self.sample.named_tensors(), "regions": self.regions}


class PairStream:
    """Puts regions to the samples of another stream; the same ones to a batch's number, always.

    Parameters
    ----------
    samples_of : the other stream
    looks : how often each of its samples is used, every time in other regions, mirrored or not
    seed : of the regions
    """

    def __init__(self, samples_of: BatchStream[TrainingBatch], looks: int, seed: int) -> None:
        self._stream, self._looks, self._seed = samples_of, looks, seed

    @property
    def samples(self) -> int:
        """See `BatchStream.samples`."""
        return self._stream.samples

    @property
    def axes(self) -> AnswerAxes:
        """See `BatchStream.axes`."""
        return self._stream.axes

    def batches(self, first: int, step: int) -> Iterator[PairBatch]:
        """See `BatchStream.batches`."""
        row = looks_at(self._stream.batches, _joined, first=first, step=step, looks=self._looks, seed=self._seed)
        for pool, rows, chance in row:
            chosen = rows.to(pool.picture.device)
            flip = torch.rand(len(rows), generator=chance) < _FLIP_CHANCE
            yield with_regions(mirrored_where(flip.to(chosen.device), _rows(pool, chosen)), chance)


def _joined(batches: list[TrainingBatch]) -> TrainingBatch:
    targets = LossTargets(*(torch.cat(parts) for parts in zip(*(batch.targets for batch in batches), strict=True)))
    whole = {name: torch.cat([getattr(batch, name) for batch in batches]) for name in _PER_SAMPLE}
    skipped = torch.stack([batch.skipped for batch in batches]).sum()
    return TrainingBatch(**whole, targets=targets, skipped=skipped)


def _rows(batch: TrainingBatch, rows: Tensor) -> TrainingBatch:
    targets = LossTargets(*(part[rows] for part in batch.targets))
    return batch._replace(**{name: getattr(batch, name)[rows] for name in _PER_SAMPLE}, targets=targets)


def mirrored_where(flip: Tensor, batch: TrainingBatch) -> TrainingBatch:
    """The samples (B,) that are chosen as in a mirror: what was a right hand is a left one."""

    def swapped(part: Tensor, mirrored: Tensor) -> Tensor:
        return torch.where(flip.reshape(-1, *(1,) * (part.dim() - 1)), mirrored.flip(1), part)

    picture, joints, targets = batch.picture, batch.joints_px, batch.targets
    space = joints.new_tensor([-1.0, 1.0, 1.0])
    across = joints * space[:2] + joints.new_tensor([picture.shape[-1] - 1.0, 0.0])
    return batch._replace(
        picture=torch.where(flip[:, None, None, None], picture.flip(-1), picture),
        targets=targets._replace(
            points_mm=swapped(targets.points_mm, targets.points_mm * space),
            points_valid=swapped(targets.points_valid, targets.points_valid),
            hand_present=swapped(targets.hand_present, targets.hand_present),
            betas=swapped(targets.betas, targets.betas),
            fit_valid=swapped(targets.fit_valid, targets.fit_valid),
        ),
        vertices_mm=swapped(batch.vertices_mm, batch.vertices_mm * space),
        vertices_valid=swapped(batch.vertices_valid, batch.vertices_valid),
        joints_px=swapped(joints, across),
    )


def true_regions(joints_px: Tensor) -> Tensor:
    """The regions (..., 5), on the CPU, that hands (..., 21, 2) ask for, none of them too small to be cut."""
    true = regions_of(joints_px.float().cpu())
    true[..., 2].clamp_(min=_LEAST_SIDE_PX)
    return true


def moved(regions: Tensor, chance: torch.Generator) -> Tensor:
    """Regions (..., 5) beside the given ones by as much as a finder is off."""
    shape, beside = regions.shape[:-1], regions.clone()

    def normal() -> Tensor:
        return torch.randn(shape, generator=chance)

    worse = torch.where(torch.rand(shape, generator=chance) < _COARSE_CHANCE, _COARSE, 1.0)
    beside[..., 0] += worse * _SHIFT * normal() * beside[..., 2]
    beside[..., 1] += worse * _SHIFT * normal() * beside[..., 2]
    beside[..., 2] *= (worse * _LOG_SCALE * normal()).exp()
    beside[..., 3] += worse * _TURN_RAD * normal()
    return beside


def with_regions(batch: TrainingBatch, chance: torch.Generator) -> PairBatch:
    """Draw regions as a finder gives them: beside the truth, of the other hand, of nothing, or not at all."""
    device = batch.picture.device
    present = batch.targets.hand_present.bool().cpu()
    true = true_regions(batch.joints_px)
    shape = present.shape

    def uniform() -> Tensor:
        return torch.rand(shape, generator=chance)

    size = batch.picture.shape[-1]
    anywhere = torch.stack(
        [
            size * uniform(),
            size * uniform(),
            size * (0.3 + 0.7 * uniform()),
            math.pi * (2 * uniform() - 1),
            torch.ones(shape),
        ],
        dim=-1,
    )
    other, other_present = true.flip(1), present.flip(1)
    apart = (true[..., :2] - other[..., :2]).norm(dim=-1) / torch.minimum(true[..., 2], other[..., 2])
    turned = (true[..., 3] - other[..., 3] + math.pi).remainder(2 * math.pi) - math.pi
    distinct = (apart > _LEAST_APART) | (turned.abs() > _LEAST_TURN_RAD)
    wrong = present & other_present & distinct & (uniform() < _WRONG_CHANCE)
    takes_other = wrong | (~present & other_present & (uniform() < 0.6))
    region = torch.where((~present & ~takes_other)[..., None], anywhere, true)
    region = torch.where(takes_other[..., None], other, region)
    region = moved(region, chance)
    known = torch.where(present, uniform() >= _UNKNOWN_CHANCE, uniform() < _NEGATIVE_CHANCE)
    region[..., 4] = known.float()
    counts = (present & known & ~wrong).to(device, torch.float32)
    targets = batch.targets
    sample = batch._replace(
        targets=targets._replace(
            points_valid=targets.points_valid * counts[..., None],
            hand_present=targets.hand_present * counts,
            fit_valid=targets.fit_valid * counts,
        ),
        vertices_valid=batch.vertices_valid * counts,
    )
    return PairBatch(sample, region.to(device))
