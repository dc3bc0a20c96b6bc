"""Samples with regions: the same by number, mirrored as a mirror would, and honest about what a region shows."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from torch import Tensor

from inference.networks.hand_regions import regions_of
from inference.training.batch import TrainingBatch
from inference.training.pair_batch import PairStream, mirrored_where, with_regions
from tests.inference.training.made_pair_batch import MadeStream, made_pair_batch, seen_px

MANY = 3000


def assert_same(ours: TrainingBatch, theirs: TrainingBatch, exact: bool = True) -> None:
    others = theirs.named_tensors()
    for name, tensor in ours.named_tensors().items():
        if exact:
            assert torch.equal(tensor, others[name]), name
        else:
            torch.testing.assert_close(tensor, others[name], msg=name)


@pytest.mark.parametrize("step", [1, 2])
def test_a_batch_is_known_by_its_number(step: int) -> None:
    """Begun in the middle of what is mixed, behind it, and by the second of two processes."""
    rank = step - 1
    stream = MadeStream()
    row = list(islice(PairStream(stream, 2, 7).batches(rank, step), 19))
    assert stream.drawn == [rank + step * number for number in range(12)]
    for begin in (1, 5, 8, 17):
        again = next(PairStream(MadeStream(), 2, 7).batches(rank + step * begin, step))
        assert torch.equal(again.regions, row[begin].regions)
        assert_same(again.sample, row[begin].sample)
    assert not torch.equal(row[0].regions, next(PairStream(MadeStream(), 2, 8).batches(rank, step)).regions)


def test_every_sample_is_looked_at_as_often_as_the_others_and_in_other_ways() -> None:
    looks = 3
    batches = list(islice(PairStream(MadeStream(), looks, 1).batches(0, 1), 4 * looks))
    # Whatever is mirrored, the two sets of betas of a sample stay.
    names = [round(float(betas.sum()), 4) for batch in batches for betas in batch.sample.targets.betas]
    known = [round(float(betas.sum()), 4) for number in range(4) for betas in made_pair_batch(number).targets.betas]
    assert sorted(names) == sorted(known * looks)
    regions = torch.cat([batch.regions.flatten(0, 1)[:, 0] for batch in batches])
    assert len(regions.unique()) == len(regions)
    pictures = {float(picture[0, 0, 0]) for batch in batches for picture in batch.sample.picture}
    assert len(pictures) > len(known)  # some are mirrored


def test_two_mirrors_show_what_there_is() -> None:
    batch = made_pair_batch(3, 4, torch.tensor([[1, 1], [1, 0], [0, 1], [1, 1]]))
    flip = torch.tensor([True, True, False, True])
    once = mirrored_where(flip, batch)
    assert_same(mirrored_where(flip, once), batch, exact=False)
    assert_same(mirrored_where(torch.zeros(4, dtype=torch.bool), batch), batch)
    assert once.targets.hand_present.tolist() == [[1, 1], [0, 1], [0, 1], [1, 1]]


def test_in_the_mirror_hands_lie_where_they_are_seen() -> None:
    batch = made_pair_batch(4, 3)
    once = mirrored_where(torch.ones(3, dtype=torch.bool), batch)
    torch.testing.assert_close(seen_px(once.targets.points_mm), once.joints_px)
    torch.testing.assert_close(
        once.vertices_mm - once.targets.points_mm[:, :, :3],
        torch.tensor([-5.0, 5.0, 5.0]).expand(3, 2, 3, 3),
        atol=1e-3,
        rtol=0,
    )
    assert torch.equal(once.picture, batch.picture.flip(3))
    assert torch.equal(once.targets.betas, batch.targets.betas.flip(1))
    right = regions_of(batch.joints_px)[:, 0]
    left = regions_of(once.joints_px)[:, 1]
    torch.testing.assert_close(left[:, 0], 31 - right[:, 0])
    torch.testing.assert_close(left[:, 1:3], right[:, 1:3])


def off_by(regions: Tensor, true: Tensor) -> Tensor:
    """(B, 2) distance of centres in shares of the true side."""
    return (regions[..., :2] - true[..., :2]).norm(dim=-1) / true[..., 2]


def test_what_a_region_does_not_show_is_not_asked_for() -> None:
    present = torch.ones(MANY, 2)
    present[: MANY // 4, 1] = 0
    present[MANY // 4 : MANY // 2, 0] = 0
    batch = made_pair_batch(5, MANY, present)
    pair = with_regions(batch, torch.Generator().manual_seed(1))
    true = regions_of(batch.joints_px)
    targets, known = pair.sample.targets, pair.regions[..., 4] > 0
    there = targets.hand_present > 0
    # Who counts is there, was found, and lies in its region.
    assert (present[there] > 0).all()
    assert known[there].all()
    assert off_by(pair.regions, true)[there].max() < 1.0
    assert off_by(pair.regions, true)[there].median() < 0.15
    growth = (pair.regions[..., 2] / true[..., 2].clamp_min(12)).log()[there]
    assert growth.std() == pytest.approx(0.18, abs=0.05)
    # Who does not, counts nowhere.
    for part in (targets.points_valid.amax(-1), targets.fit_valid, pair.sample.vertices_valid):
        assert torch.equal(part > 0, there)
    lost = (present > 0) & ~there & known
    assert 0.02 < lost.float().mean() < 0.08
    nearer_other = off_by(pair.regions, true.flip(1)) < off_by(pair.regions, true)
    assert nearer_other[lost].float().mean() > 0.95
    # Hands that are there are nearly always found; of those that are not, something is often believed.
    both = present > 0
    assert known[both].float().mean() == pytest.approx(0.96, abs=0.015)
    assert known[~both].float().mean() == pytest.approx(0.7, abs=0.05)
    assert not there[~both].any()


def test_of_hands_in_one_place_none_is_in_the_other_s_region() -> None:
    batch = made_pair_batch(6, MANY)
    batch = batch._replace(joints_px=batch.joints_px[:, :1].expand(-1, 2, -1, -1).contiguous())
    pair = with_regions(batch, torch.Generator().manual_seed(2))
    assert torch.equal(pair.sample.targets.hand_present, pair.regions[..., 4])


def test_nothing_else_of_a_sample_changes() -> None:
    batch = made_pair_batch(7)
    pair = with_regions(batch, torch.Generator().manual_seed(3))
    for name in ("picture", "vertices_mm", "joints_px"):
        assert torch.equal(getattr(pair.sample, name), getattr(batch, name))
    assert torch.equal(pair.sample.targets.points_mm, batch.targets.points_mm)
    assert torch.equal(pair.to(torch.device("cpu")).named_tensors()["regions"], pair.regions)
    assert pair.regions.isfinite().all()
    assert int(pair.skipped) == 0
