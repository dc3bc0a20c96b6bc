"""The loss terms: the authors' numbers, and what each of them looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.datasets import GroundTruth
from inference.datasets.validity import usable_points
from inference.hands.joints import MANO_TO_INTERHAND
from inference.networks.mesh_net import HandStage, MeshOutput
from inference.training.paper_losses import LossTargets, LossWeights, paper_losses

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "fixtures" / "loss" / "golden.npz"
NAMES = {
    "joints": "joint",
    "offsets": "offset",
    "bones": "bone",
    "shape": "shape",
    "consistency": "consis",
    "regulariser": "regularizer",
}


def output_of(points: Tensor, rest: Tensor, betas: Tensor, pose: Tensor, trans: Tensor) -> MeshOutput:
    """From (batch, stage, right then left, ...) arrays."""
    hands: list[list[HandStage]] = [[], []]
    for stage in range(points.shape[1]):
        for hand in range(2):
            code = pose[:, stage].unflatten(1, (2, 48))[:, hand]
            hands[hand].append(
                HandStage(
                    pose_rotvec=code,
                    betas=betas[:, stage].unflatten(1, (2, 10))[:, hand],
                    points_mm=points[:, stage].unflatten(1, (2, 21))[:, hand],
                    vertices_mm=None,
                    rest_joints_mm=rest[:, stage].unflatten(1, (2, 16))[:, hand],
                    rotations=torch.eye(3).expand(len(code), 16, 3, 3),
                    pose_code=code,
                )
            )
    return MeshOutput(hands[0], hands[1], trans)


def made(seed: int = 0) -> tuple[MeshOutput, LossTargets]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(*shape, generator=generator)

    points, rest = normal(3, 2, 42, 3, scale=50), normal(3, 2, 32, 3, scale=50)
    output = output_of(points, rest, normal(3, 2, 20), normal(3, 2, 96), normal(3, 4, scale=0.3))
    ones = torch.ones(3, 2)
    points_mm, betas = normal(3, 2, 21, 3, scale=50), normal(3, 2, 10)
    return output, LossTargets(points_mm, torch.ones(3, 2, 21), ones, betas, ones, torch.ones(3))


def terms(output: MeshOutput, targets: LossTargets, authors: bool = False) -> dict[str, Tensor]:
    return paper_losses(output, targets, LossWeights(), authors_regulariser=authors)


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the fixtures are not beside this copy of the project")
def test_every_term_is_the_authors() -> None:
    with np.load(GOLDEN) as file:
        golden: dict[str, Any] = {name: torch.from_numpy(file[name]) for name in file.files if file[name].ndim}
        expected = {name: float(file[f"loss_{theirs}"]) for name, theirs in NAMES.items()}
    output = output_of(golden["joints3d"], golden["T_pose"], golden["shape"], golden["pose"], golden["trans"])
    targets = LossTargets(
        points_mm=golden["joint_coord"].unflatten(1, (2, 21)),
        points_valid=golden["joint_valid"].unflatten(1, (2, 21)),
        hand_present=golden["hand_type"],
        betas=golden["shape_param"].unflatten(1, (2, 10)),
        fit_valid=golden["mano_valid"],
        presence_valid=torch.ones_like(golden["mano_valid"][:, 0]),
    )
    losses = terms(output, targets, authors=True)
    assert set(losses) == set(expected)
    for name, value in expected.items():
        assert float(losses[name]) == pytest.approx(value, rel=1e-5), name


def test_a_perfect_prediction_costs_nothing_but_the_regulariser() -> None:
    _, targets = made()
    rest = targets.points_mm[:, None, :, :16].flatten(2, 3).expand(-1, 2, -1, -1)
    palm = (targets.points_mm[:, :, 4] - targets.points_mm[:, :, 0]).norm(dim=-1)
    ratio = (palm[:, 1] / palm[:, 0]).log()[:, None]
    shift = (targets.points_mm[:, 1, 4] - targets.points_mm[:, 0, 4]) / palm[:, 1:]
    betas = torch.ones(3, 2, 10)
    perfect = output_of(
        targets.points_mm[:, None].flatten(2, 3).expand(-1, 2, -1, -1),
        rest,
        betas.flatten(1)[:, None].expand(-1, 2, -1),
        torch.zeros(3, 2, 96),
        torch.cat([ratio, shift], dim=1),
    )
    losses = terms(perfect, targets._replace(betas=betas))
    assert float(losses.pop("regulariser")) == pytest.approx(0.1 * 2 * 20)
    for name, value in losses.items():
        assert float(value) < 1e-6, name


@pytest.mark.parametrize("authors", [False, True])
def test_only_the_authors_regularise_the_left_hand_s_global_rotation(authors: bool) -> None:
    output, targets = made()
    turned = {
        hand: [
            stage._replace(pose_rotvec=torch.cat([stage.pose_rotvec[:, :3] + 1, stage.pose_rotvec[:, 3:]], 1))
            for stage in getattr(output, hand)
        ]
        for hand in ("right", "left")
    }
    before = terms(output, targets, authors)["regulariser"]
    right = terms(output._replace(right=turned["right"]), targets, authors)["regulariser"]
    left = terms(output._replace(left=turned["left"]), targets, authors)["regulariser"]
    assert float(right) == float(before)
    assert (float(left) != float(before)) == authors


def test_masks_decide_what_counts() -> None:
    output, targets = made()
    before = terms(output, targets)
    invalid = torch.ones(3, 2, 21)
    invalid[0, 0, 7] = 0
    far = targets.points_mm.clone()
    far[0, 0, 7] += 1000
    moved = terms(output, targets._replace(points_mm=far, points_valid=invalid))
    alone = terms(output, targets._replace(points_valid=invalid))
    for name in ("joints", "offsets", "bones"):
        assert float(moved[name]) == float(alone[name])
        assert float(alone[name]) < float(before[name])
    missing = torch.ones(3, 2)
    missing[1, 1] = 0
    one_hand = terms(output, targets._replace(hand_present=missing))
    assert float(one_hand["shape"]) < float(before["shape"])
    assert float(one_hand["consistency"]) < float(before["consistency"])
    no_fit = terms(output, targets._replace(fit_valid=missing))
    assert float(no_fit["shape"]) == float(one_hand["shape"])
    assert float(no_fit["consistency"]) == float(before["consistency"])


def test_gradients_are_finite_where_a_hand_is_missing() -> None:
    output, targets = made()
    leaves = [stage.points_mm.requires_grad_() for stage in (*output.right, *output.left)]
    trans = output.trans.clone().requires_grad_()
    points, valid, present = targets.points_mm.clone(), torch.ones(3, 2, 21), torch.ones(3, 2)
    points[0, 1], valid[0, 1], present[0, 1] = 0, 0, 0
    changed = targets._replace(points_mm=points, points_valid=valid, hand_present=present, fit_valid=present)
    torch.stack(list(terms(output._replace(trans=trans), changed).values())).sum().backward()
    for leaf in (*leaves, trans):
        assert leaf.grad is not None
        assert bool(torch.isfinite(leaf.grad).all())
    assert float(trans.grad.abs().sum()) > 0 if trans.grad is not None else False


def test_an_output_without_rest_joints_is_refused() -> None:
    output, targets = made()
    bare = [stage._replace(rest_joints_mm=None) for stage in output.right]
    with pytest.raises(ValueError, match="every_stage"):
        terms(output._replace(right=bare), targets)


def test_flags_are_read_as_they_are_meant_or_as_the_authors_do() -> None:
    rng = np.random.default_rng(0)
    stored = rng.random((50, 2, 21)) < 0.7  # InterHand2.6M's order
    flags = np.empty_like(stored)
    flags[..., MANO_TO_INTERHAND] = stored
    fit_valid = rng.random((50, 2)) < 0.8
    truth = GroundTruth(np.zeros((50, 2, 21, 3)), (np.zeros((50, 1, 3)), np.zeros((50, 1, 3))), fit_valid, flags)
    authors, mapped = usable_points(truth, "authors"), usable_points(truth, "mapped")
    assert np.array_equal(authors, stored & (stored[..., 0] & stored[..., 4] & fit_valid)[..., None])
    # InterHand2.6M's entries 20 and 11 are the wrist and the middle MCP joint.
    whole = stored[..., 20] & stored[..., 11] & fit_valid
    assert np.array_equal(mapped, flags & whole[..., None])
    assert not np.array_equal(authors, mapped)
