"""Random numbers by seed and index: the same in any batch, evenly spread, independent of each other."""

from __future__ import annotations

import numpy as np
import torch

from inference.synthesis.draws import Draws

MANY = torch.arange(20_000)


def test_a_sample_s_numbers_do_not_depend_on_its_batch() -> None:
    def run(indices: list[int]) -> list[torch.Tensor]:
        draws = Draws(11, torch.tensor(indices))
        return [
            draws.uniform(2, 5, (3,)), draws.normal(1, 2, (2, 2)), draws.integers(9), draws.choice((0.2, 0.8)),
            draws.rotation(), draws.pixel_noise(2, 5, 4), draws.chance(0.5, (7,)),
        ]  # fmt: skip

    for together, alone in zip(run([4, 90, 2]), run([90]), strict=True):
        torch.testing.assert_close(together[1:2], alone, rtol=0, atol=0)


def test_seeds_indices_and_places_give_other_numbers() -> None:
    first = Draws(1, MANY[:100])
    a, b = first.uniform(), first.uniform()
    c = Draws(2, MANY[:100]).uniform()
    values = torch.cat([a, b, c])
    assert len(values.unique()) == 300


def test_numbers_are_spread_as_they_say() -> None:
    draws = Draws(5, MANY)
    even = draws.uniform(-1, 3, (2,))
    assert even.min() >= -1 and even.max() < 3
    np.testing.assert_allclose(np.histogram(even[:, 0], 8, (-1, 3))[0] / len(MANY), 1 / 8, atol=0.01)
    normal = draws.normal(0.5, 2.0)
    assert abs(float(normal.mean()) - 0.5) < 0.05 and abs(float(normal.std()) - 2) < 0.05
    counts = draws.choice((1, 2, 1)).bincount() / len(MANY)
    np.testing.assert_allclose(counts, [0.25, 0.5, 0.25], atol=0.015)
    whole = draws.integers(torch.full((len(MANY),), 3)).bincount()
    np.testing.assert_allclose(whole / len(MANY), 1 / 3, atol=0.015)
    assert abs(float(torch.corrcoef(torch.stack([even[:, 0], even[:, 1], normal]))[0, 1])) < 0.03


def test_rotations_turn_and_reach_everywhere() -> None:
    matrices = Draws(0, MANY).rotation()
    identity = matrices @ matrices.transpose(1, 2)
    torch.testing.assert_close(identity, torch.eye(3).expand_as(identity), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(len(MANY)), atol=1e-5, rtol=0)
    assert float(matrices.mean(0).abs().max()) < 0.02


def test_pixel_noise_is_white() -> None:
    noise = Draws(3, torch.arange(2)).pixel_noise(3, 120, 130)
    assert abs(float(noise.mean())) < 0.01 and abs(float(noise.std()) - 1) < 0.01
    flat = noise[0, 0]
    pairs = [(flat[:, :-1], flat[:, 1:]), (flat[:-1], flat[1:]), (flat, noise[0, 1]), (flat, noise[1, 0])]
    for one, other in pairs:
        correlation = torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]
        assert abs(float(correlation)) < 0.03


def test_a_part_continues_and_leaves_the_whole_alone() -> None:
    draws = Draws(8, MANY[:6])
    draws.uniform()
    part = draws.of(torch.tensor([4, 1]))
    from_part = part.uniform(0, 1, (3,))
    torch.testing.assert_close(draws.uniform(0, 1, (3,))[[4, 1]], from_part, rtol=0, atol=0)
    draws.skip(4)
    again = Draws(8, MANY[:6])
    again.uniform(shape=(8,))
    torch.testing.assert_close(draws.uniform(), again.uniform(), rtol=0, atol=0)


def test_branches_are_sequences_of_their_own() -> None:
    draws = Draws(8, MANY[:3])
    first = draws.branches(4).uniform()
    second = draws.branches(4).uniform()
    assert len(torch.cat([first, second, draws.uniform(), Draws(8, MANY[:3]).uniform()]).unique()) == 8 * 3 + 6
    torch.testing.assert_close(Draws(8, MANY[1:2]).branches(4).uniform(), first[4:8], rtol=0, atol=0)


def test_frames_of_a_clip_differ_in_their_noise_alone() -> None:
    draws = Draws(2, torch.full((3,), 5), torch.arange(3))
    assert len(draws.uniform(shape=(4,)).unique(dim=0)) == 1
    assert len(draws.of(torch.tensor([0, 2])).pixel_noise(1, 2, 2).unique(dim=0)) == 2
    alone = Draws(2, torch.tensor([5]))
    alone.uniform(shape=(4,))
    torch.testing.assert_close(draws.pixel_noise(1, 2, 2)[:1], alone.pixel_noise(1, 2, 2), rtol=0, atol=0)
