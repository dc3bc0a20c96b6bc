"""The terms beyond the paper's: nothing where everything is right, and only what they are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.networks.heatmap_net import HeatmapOutput
from inference.networks.mesh_net import HandStage, MeshOutput
from inference.training.batch import TrainingBatch
from inference.training.configuration import ExtraLossWeights
from inference.training.extra_losses import MAP_SIGMA_PX, ExtraLosses, gaussian_maps
from inference.training.heatmap_losses import internet_losses
from inference.training.paper_losses import LossTargets
from tests.made_interhand import MODELS

ALL = ExtraLossWeights(1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
BATCH = 2


def truth() -> TrainingBatch:
    """Two samples of hands side by side, 80 cm away, seen by a camera that hardly narrows with distance."""
    rng = np.random.default_rng(0)
    points = np.zeros((BATCH, 2, 21, 3))
    vertices = np.zeros((BATCH, 2, 50, 3))
    for hand, x in enumerate((-70, 70)):
        points[:, hand] = rng.normal((x, 0, 800), (25, 40, 20), (BATCH, 21, 3))
        vertices[:, hand] = rng.normal((x, 0, 800), (25, 40, 20), (BATCH, 50, 3))
    ones = torch.ones(BATCH, 2)
    points_mm = torch.from_numpy(points).float()
    return TrainingBatch(
        picture=torch.zeros(BATCH, 3, 256, 256),
        targets=LossTargets(
            points_mm, torch.ones(BATCH, 2, 21), ones, torch.zeros(BATCH, 2, 10), ones, torch.ones(BATCH)
        ),
        vertices_mm=torch.from_numpy(vertices).float(),
        vertices_valid=ones,
        joints_px=128 + 0.5 * points_mm[..., :2],
        skipped=torch.tensor(0),
    )


def perfect(batch: TrainingBatch) -> tuple[HeatmapOutput, MeshOutput]:
    """What a faultless network says: hands of another size, each at its own origin."""
    targets = batch.targets
    palm = (targets.points_mm[:, :, 4] - targets.points_mm[:, :, 0]).norm(dim=-1)
    hands: list[list[HandStage]] = []
    for hand in range(2):
        centre = targets.points_mm[:, hand, 4:5]
        stage = HandStage(
            pose_rotvec=torch.zeros(BATCH, 48),
            betas=torch.zeros(BATCH, 10),
            points_mm=0.8 * (targets.points_mm[:, hand] - centre),
            vertices_mm=0.8 * (batch.vertices_mm[:, hand] - centre),
            rest_joints_mm=None,
            rotations=torch.eye(3).expand(BATCH, 16, 3, 3),
            pose_code=torch.zeros(BATCH, 48),
        )
        hands.append([stage, stage])
    shift = (targets.points_mm[:, 1, 4] - targets.points_mm[:, 0, 4]) / palm[:, 1:]
    trans = torch.cat([(palm[:, 1:] / palm[:, :1]).log(), shift], dim=1)
    maps = gaussian_maps(batch.joints_px.flatten(1, 2) / 4, 64, MAP_SIGMA_PX)
    maps = maps * targets.hand_present.repeat_interleave(21, dim=1)[..., None, None]
    depth = (targets.points_mm[..., 2] - targets.points_mm[..., 4:5, 2]) / palm[..., None]
    logits = 60 * targets.hand_present - 30
    output = HeatmapOutput(maps.unsqueeze(2), None, logits.sigmoid(), logits, depth.flatten(1))
    return output, MeshOutput(hands[0], hands[1], trans)


def terms(heatmaps: HeatmapOutput, mesh: MeshOutput, batch: TrainingBatch) -> dict[str, Tensor]:
    return ExtraLosses((MODELS["right"], MODELS["left"]), ALL, 256)(heatmaps, mesh, batch)


def with_points(mesh: MeshOutput, change: Callable[[Tensor], Tensor]) -> MeshOutput:
    """Every stage's right points, changed."""
    return mesh._replace(right=[stage._replace(points_mm=change(stage.points_mm)) for stage in mesh.right])


def test_the_truth_costs_nothing() -> None:
    batch = truth()
    losses = terms(*perfect(batch), batch)
    assert set(losses) == {"joints_px", "vertices", "heatmaps", "depth", "presence", "penetration"}
    for name, value in losses.items():
        assert float(value) < 1e-6, name


def test_every_error_is_seen_by_its_own_term() -> None:
    batch = truth()
    heatmaps, mesh = perfect(batch)

    def bend(points: Tensor) -> Tensor:
        moved = points.clone()
        moved[:, 7, 0] += 30
        return moved

    assert float(terms(heatmaps, with_points(mesh, bend), batch)["joints_px"]) > 1e-3
    moved = [stage._replace(vertices_mm=stage.vertices_mm + 5) for stage in mesh.left]  # type: ignore[operator]  # there
    assert float(terms(heatmaps, mesh._replace(left=moved), batch)["vertices"]) > 0.01
    shifted = heatmaps._replace(volumes=heatmaps.volumes.roll(2, dims=-1))
    assert float(terms(shifted, mesh, batch)["heatmaps"]) > 1e-3
    assert heatmaps.joint_depth is not None
    deeper = heatmaps._replace(joint_depth=heatmaps.joint_depth + 0.25)
    assert float(terms(deeper, mesh, batch)["depth"]) == pytest.approx(0.25, rel=1e-4)
    unsure = heatmaps._replace(presence_logits=torch.zeros(BATCH, 2))
    assert float(terms(unsure, mesh, batch)["presence"]) == pytest.approx(np.log(2), rel=1e-4)
    inside = mesh._replace(trans=torch.zeros(BATCH, 4))  # the left hand in the right one's middle
    assert float(terms(heatmaps, inside, batch)["penetration"]) > 1e-3


def test_hands_may_have_different_numbers_of_vertices() -> None:
    batch = truth()
    heatmaps, mesh = perfect(batch)
    fewer = [stage._replace(vertices_mm=stage.vertices_mm[:, :40]) for stage in mesh.left]  # type: ignore[index]  # there
    filled = batch.vertices_mm.clone()
    filled[:, 1, 40:] = 0
    smaller, other = mesh._replace(left=fewer), batch._replace(vertices_mm=filled)
    assert float(terms(heatmaps, smaller, other)["vertices"]) < 1e-6
    filled[:, 1, 39] += 30
    assert float(terms(heatmaps, smaller, other)["vertices"]) > 1e-3


def test_hands_that_touch_in_truth_may_touch() -> None:
    batch = truth()
    points = batch.targets.points_mm.clone()
    points[:, 1] += points[:, 0, 4:5] - points[:, 1, 4:5]
    batch = batch._replace(targets=batch.targets._replace(points_mm=points))
    heatmaps, mesh = perfect(batch)
    assert float(terms(heatmaps, mesh, batch)["penetration"]) < 1e-6
    apart = mesh._replace(trans=mesh.trans + torch.tensor([0.0, 30, 0, 0]))
    assert float(terms(heatmaps, apart, batch)["penetration"]) == 0


def test_hands_that_are_absent_do_not_matter_but_in_their_maps() -> None:
    batch = truth()
    present = torch.ones(BATCH, 2)
    present[0, 1] = 0
    targets = batch.targets._replace(
        hand_present=present, fit_valid=present, points_valid=present[..., None].expand(-1, -1, 21)
    )
    one_hand = batch._replace(targets=targets, vertices_valid=present)
    far = targets.points_mm.clone()
    far[0, 1] = 1e5
    vertices, joints = one_hand.vertices_mm.clone(), one_hand.joints_px.clone()
    vertices[0, 1], joints[0, 1] = -1e5, 77
    nonsense = one_hand._replace(targets=targets._replace(points_mm=far), vertices_mm=vertices, joints_px=joints)
    heatmaps, mesh = perfect(one_hand)
    for term, value in terms(heatmaps, mesh, nonsense).items():
        assert float(value) < 1e-6, term
    phantom = heatmaps.volumes.clone()
    phantom[0, 21:] += 0.5
    assert float(terms(heatmaps._replace(volumes=phantom), mesh, nonsense)["heatmaps"]) > 0.01


def unsure_of_first(batch: TrainingBatch) -> TrainingBatch:
    """Nobody is sure which hands the first sample shows; its left one is said to be absent."""
    valid = torch.ones(BATCH)
    valid[0] = 0
    present = torch.ones(BATCH, 2)
    present[0, 1] = 0
    points_valid = present[..., None].expand(-1, -1, 21)
    return batch._replace(
        targets=batch.targets._replace(
            hand_present=present, fit_valid=present, points_valid=points_valid, presence_valid=valid
        ),
        vertices_valid=present,
    )


def test_of_a_sample_of_unsure_kind_nothing_is_said_about_presence() -> None:
    batch = unsure_of_first(truth())
    heatmaps, mesh = perfect(batch)
    wrong = torch.full((BATCH, 2), -4.0)
    wrong[1] = 30
    phantom = heatmaps.volumes.clone()
    phantom[0, 21:] += 0.5  # a left hand that may well be there
    losses = terms(heatmaps._replace(presence_logits=wrong, volumes=phantom), mesh, batch)
    assert float(losses["presence"]) < 1e-6
    assert float(losses["heatmaps"]) < 1e-6
    unsure = terms(heatmaps._replace(presence_logits=torch.zeros(BATCH, 2)), mesh, batch)
    assert float(unsure["presence"]) == pytest.approx(np.log(2), rel=1e-4)  # the mean of those that are sure
    nobody = batch._replace(targets=batch.targets._replace(presence_valid=torch.zeros(BATCH)))
    assert float(terms(heatmaps._replace(presence_logits=wrong), mesh, nobody)["presence"]) == 0


def test_maps_that_do_not_count_do_not_thin_the_others_out() -> None:
    batch = truth()
    heatmaps, mesh = perfect(batch)
    off = heatmaps._replace(volumes=heatmaps.volumes + 0.1)
    everything = float(terms(off, mesh, batch)["heatmaps"])
    # The mean as it was before maps could be left out: the weight keeps its meaning.
    weights = 1 + 20 * heatmaps.volumes
    assert everything == pytest.approx(float((0.01 * weights).mean()), rel=1e-4)
    valid = torch.ones(BATCH, 2, 21)
    valid[:, 0, 1:] = 0  # most of one hand, not annotated
    partly = batch._replace(targets=batch.targets._replace(points_valid=valid))
    counted = (0.01 * weights)[valid.flatten(1) > 0]
    assert float(terms(off, mesh, partly)["heatmaps"]) == pytest.approx(float(counted.mean()), rel=1e-4)
    nothing = batch._replace(targets=batch.targets._replace(points_valid=torch.zeros(BATCH, 2, 21)))
    assert float(terms(off, mesh, nothing)["heatmaps"]) == 0


def test_gradients_are_finite_and_point_downhill() -> None:
    batch = truth()
    heatmaps, mesh = perfect(batch)
    generator = torch.Generator().manual_seed(0)
    noise = [8 * torch.randn(BATCH, 21, 3, generator=generator) for _ in range(4)]
    points = [(s.points_mm + n).requires_grad_() for s, n in zip((*mesh.right, *mesh.left), noise, strict=True)]
    trans = torch.zeros(BATCH, 4, requires_grad=True)

    def total(points: list[Tensor], trans: Tensor) -> Tensor:
        stages = [s._replace(points_mm=p) for s, p in zip((*mesh.right, *mesh.left), points, strict=True)]
        losses = terms(heatmaps, MeshOutput(stages[:2], stages[2:], trans), batch)
        return torch.stack(list(losses.values())).sum()

    before = total(points, trans)
    before.backward()
    gradients = [part.grad for part in (*points, trans)]
    assert all(part is not None and bool(torch.isfinite(part).all()) for part in gradients)
    with torch.no_grad():
        moved = [part - 1.0 * part.grad for part in points]  # type: ignore[operator]  # checked above
        after = total(moved, trans - 1e-4 * trans.grad)  # type: ignore[operator]  # checked above
    assert float(after) < float(before.detach())


def test_only_terms_with_a_weight_are_computed() -> None:
    batch = truth()
    extra = ExtraLosses((MODELS["right"], MODELS["left"]), replace(ExtraLossWeights(), depth=3.0), 256)
    heatmaps, mesh = perfect(batch)
    assert heatmaps.joint_depth is not None
    losses = extra(heatmaps._replace(joint_depth=heatmaps.joint_depth + 1), mesh, batch)
    assert set(losses) == {"depth"}
    assert float(losses["depth"]) == pytest.approx(3.0)
    with pytest.raises(ValueError, match=r"2\.5-D"):
        extra(heatmaps._replace(joint_depth=None), mesh, batch)


def internet_output(batch: TrainingBatch) -> HeatmapOutput:
    """Perfect volumes by the plain formula, voxel by voxel."""
    depth = batch.targets.points_mm[..., 2] - batch.targets.points_mm[..., :1, 2]
    place = torch.cat([batch.joints_px / 4, ((depth / 200 + 1) / 2 * 64)[..., None]], dim=-1).flatten(1, 2)
    z, y, x = torch.meshgrid(*(torch.arange(64.0),) * 3, indexing="ij")
    volumes = torch.zeros(BATCH, 42, 64, 64, 64)
    for sample in range(BATCH):
        for joint in range(42):
            px, py, pz = place[sample, joint]
            squared = (x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2
            volumes[sample, joint] = 255 * torch.exp(-squared / (2 * 2.5**2))
    wrist = batch.targets.points_mm[:, 1, 0, 2] - batch.targets.points_mm[:, 0, 0, 2]
    logits = 60 * batch.targets.hand_present - 30
    return HeatmapOutput(volumes, ((wrist / 200 + 1) / 2 * 64)[:, None], logits.sigmoid(), logits)


def test_internet_s_losses() -> None:
    batch = truth()
    output = internet_output(batch)
    assert output.root_depth_bin is not None
    for name, value in internet_losses(output, batch, 256).items():
        assert float(value) < 1e-4, name
    wrong = output._replace(
        volumes=output.volumes.clone(), root_depth_bin=output.root_depth_bin + 2, presence_logits=torch.zeros(BATCH, 2)
    )
    wrong.volumes[0, 5] = 0
    losses = internet_losses(wrong, batch, 256)
    assert float(losses["volumes"]) == pytest.approx(float(output.volumes[0, 5].square().sum() / 64**3 / 84), rel=1e-3)
    assert float(losses["root_depth"]) == pytest.approx(2, rel=1e-4)
    assert float(losses["presence"]) == pytest.approx(np.log(2), rel=1e-4)
    # Neither that joint nor wrists that are not annotated count.
    valid = torch.ones(BATCH, 2, 21)
    valid[0, 0, 5] = valid[:, 1, 0] = 0
    ignored = internet_losses(wrong, batch._replace(targets=batch.targets._replace(points_valid=valid)), 256)
    assert float(ignored["volumes"]) < 1e-4
    assert float(ignored["root_depth"]) == 0
    # As in InterNet, samples of unsure kind count in the number of samples alone.
    half = internet_losses(wrong, unsure_of_first(batch), 256)
    assert float(half["presence"]) == pytest.approx(np.log(2) / 2, rel=1e-4)
    with pytest.raises(ValueError, match="joint volumes"):
        internet_losses(wrong._replace(root_depth_bin=None), batch, 256)
