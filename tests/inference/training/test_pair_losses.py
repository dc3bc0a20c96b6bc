"""The pair network's own loss terms: nothing where all is right, more the more is wrong, nothing of what is absent."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inference.networks.hand_regions import to_crop
from inference.networks.landmark_backbone import CROP_PX
from inference.networks.mesh_net import MeshOutput
from inference.networks.pair_net import PairOutput
from inference.synthesis.truth import hand_relation
from inference.training.batch import TrainingBatch
from inference.training.configuration import PairLossWeights
from inference.training.pair_losses import pair_losses
from tests.inference.training.made_pair_batch import PX_A_MM, made_pair_batch

REGIONS = torch.tensor([[[12.0, 14.0, 20.0, 0.6, 1.0], [20.0, 16.0, 26.0, -2.0, 1.0]]]).expand(2, -1, -1)
PLAIN = PairLossWeights(1.0, 1.0, 1.0, 1.0)


def true_points(batch: TrainingBatch, regions: Tensor = REGIONS) -> Tensor:
    """(B, 2, 21, 3) what a faultless network answers: pixels of the crops in all three axes."""
    scale = PX_A_MM * CROP_PX / regions[..., 2, None]
    depth = (batch.targets.points_mm[..., 2] - batch.targets.points_mm[..., :1, 2]) * scale
    return torch.cat([to_crop(batch.joints_px, regions, CROP_PX), depth.unsqueeze(-1)], dim=-1)


def terms(batch: TrainingBatch, points: Tensor, sure: float = 20.0, trans: Tensor | None = None) -> dict[str, Tensor]:
    trans = hand_relation(batch.targets.points_mm) if trans is None else trans
    present = 2 * batch.targets.hand_present - 1
    output = PairOutput([points, points], sure * present, sure * present[..., None].expand(-1, -1, 21), REGIONS)
    return pair_losses(output, MeshOutput([], [], trans), batch, PLAIN)


def test_a_perfect_answer_costs_nothing() -> None:
    batch = made_pair_batch(1)
    assert all(float(term.detach()) == pytest.approx(0, abs=1e-5) for term in terms(batch, true_points(batch)).values())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_farther_off_the_dearer(axis: int) -> None:
    batch = made_pair_batch(2)
    costs = []
    for by in (0.0, 4.0, 9.0):
        moved = true_points(batch)
        moved[..., axis] += by
        costs.append({name: float(term) for name, term in terms(batch, moved).items()})
    share = (1.0, 1.0, 0.3)[axis]
    # Two stages, all joints alike.
    for by, cost in zip((0.0, 4.0, 9.0), costs, strict=True):
        assert cost["points"] == pytest.approx(2 * share * by / CROP_PX, abs=1e-5)
    sure = [cost["certainty"] for cost in costs]
    assert sure[0] < sure[1] < sure[2] if axis < 2 else sure[0] == pytest.approx(sure[2], abs=1e-5)


def test_a_certainty_is_right_when_it_says_the_error() -> None:
    batch = made_pair_batch(3)
    moved = true_points(batch)
    moved[..., 0] += 0.03 * CROP_PX
    right = torch.logit(torch.exp(torch.tensor(-1.0)))
    costs = [float(terms(batch, moved, float(logit))["certainty"]) for logit in (right - 1, right, right + 1)]
    assert costs[1] < min(costs[0], costs[2])


def test_a_wrong_relation_costs_more_between_hands_that_are_near() -> None:
    batch = made_pair_batch(4)
    true = hand_relation(batch.targets.points_mm)
    wrong = true + torch.tensor([0.0, 1.0, 0.0, 0.0])
    apart = true[:, 1:].norm(dim=1)
    cost = terms(batch, true_points(batch), trans=wrong)["relation"]
    assert float(cost) == pytest.approx(float((1 / (1 + apart)).mean()), rel=1e-4)


def test_hands_that_are_not_there_cost_nothing_but_saying_so() -> None:
    present = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    batch = made_pair_batch(5, present=present)
    # Such a hand's joints may be anywhere, behind the camera too.
    batch.joints_px[0, 1] = float("inf")
    points = true_points(batch)
    points[0, 1] = 1e4
    points.requires_grad_()
    said = terms(batch, points)
    assert all(float(term.detach()) == pytest.approx(0, abs=1e-5) for term in said.values())
    torch.stack(list(said.values())).sum().backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    assert (points.grad[0, 1] == 0).all()
    wrong = terms(batch, points.detach(), trans=hand_relation(batch.targets.points_mm) + torch.tensor([[9.0], [0.0]]))
    assert float(wrong["relation"]) == pytest.approx(0, abs=1e-5)
    believed = PairOutput([points.detach()], torch.full((2, 2), 5.0), torch.full((2, 2, 21), 5.0), REGIONS)
    dearer = pair_losses(believed, MeshOutput([], [], hand_relation(batch.targets.points_mm)), batch, PLAIN)
    assert float(dearer["presence"]) > 1
    assert float(dearer["certainty"]) > 1


def test_a_region_that_is_not_known_is_not_asked_about() -> None:
    batch = made_pair_batch(6, present=torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    unknown = REGIONS.clone()
    unknown[:, 1, 4] = 0
    logits = torch.tensor([[20.0, 7.0], [20.0, 7.0]])
    output = PairOutput([true_points(batch)], logits, logits[..., None].expand(-1, -1, 21), unknown)
    said = pair_losses(output, MeshOutput([], [], torch.zeros(2, 4)), batch, PLAIN)
    assert all(float(term.detach()) == pytest.approx(0, abs=1e-5) for term in said.values())


def test_nothing_at_all_is_no_error() -> None:
    batch = made_pair_batch(7, present=torch.zeros(2, 2))
    parts = [torch.randn(shape).requires_grad_() for shape in ((2, 2, 21, 3), (2, 2), (2, 2, 21), (2, 4))]
    nobody = REGIONS * torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0])
    output = PairOutput([parts[0]], parts[1], parts[2], nobody)
    said = pair_losses(output, MeshOutput([], [], parts[3]), batch, PLAIN)
    assert [float(term.detach()) for term in said.values()] == [0, 0, 0, 0]
    torch.stack(list(said.values())).sum().backward()
    for part in parts:
        assert part.grad is not None
        assert (part.grad == 0).all()


def test_weights_multiply_their_terms() -> None:
    batch = made_pair_batch(8)
    output = PairOutput([true_points(batch) + 3], torch.zeros(2, 2), torch.zeros(2, 2, 21), REGIONS)
    mesh = MeshOutput([], [], torch.ones(2, 4))
    plain = pair_losses(output, mesh, batch, PLAIN)
    heavy = pair_losses(output, mesh, batch, PairLossWeights(2.0, 3.0, 5.0, 7.0))
    factors = {name: float(heavy[name] / plain[name]) for name in plain}
    assert factors == pytest.approx({"points": 2, "certainty": 3, "presence": 5, "relation": 7})
