"""The whole network: parts that can be switched off, gradients, what the compact configuration adds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from inference.hands.torch_layer import HandLayer
from inference.networks.configuration import COMPACT, PAPER, GlobalRotation, NetworkConfiguration
from inference.networks.intershape import InterShape, Prediction
from inference.networks.mesh_branches import joint_numbers
from inference.networks.pose_code import pose_code_size, read_pose_code
from tests.stand_in_hand import small_hand

CONFIGURATIONS = {"paper": PAPER, "compact": COMPACT}
MODELS = (small_hand("right"), small_hand("left"))
VERTICES = 40


def tensors_of(value: object) -> list[Tensor]:
    """All tensors in nested tuples and lists."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in tensors_of(part)]
    return []


def switched(name: str, stages: int, attention: bool) -> NetworkConfiguration:
    return replace(CONFIGURATIONS[name], cascade_stages=stages, use_attention=attention)


@pytest.mark.parametrize("attention", [True, False], ids=["attention", "no attention"])
@pytest.mark.parametrize("stages", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ["paper", "compact"])
def test_parts_can_be_switched_off(name: str, stages: int, attention: bool) -> None:
    with torch.device("meta"):  # shapes alone: the paper's network is large
        network = InterShape(switched(name, stages, attention), MODELS).eval()
        heatmaps, prediction = network(torch.zeros(2, 3, 256, 256))
        last = network.predict(torch.zeros(2, 3, 256, 256))
    cascaded = {key.split("_list.")[1].split(".")[0] for key in network.state_dict() if "cascaded" in key}
    assert cascaded == {str(stage) for stage in range(stages)}
    assert heatmaps.volumes.shape == (2, 42, 64 if name == "paper" else 1, 64, 64)
    assert prediction.hand_presence.shape == heatmaps.presence_logits.shape == (2, 2)
    assert prediction.mesh.trans.shape == (2, 4)
    for hand, short in ((prediction.mesh.right, last.mesh.right), (prediction.mesh.left, last.mesh.left)):
        assert len(hand) == len(short) == stages + 1
        for stage in hand:
            assert (stage.pose_rotvec.shape, stage.betas.shape) == ((2, 48), (2, 10))
            assert (stage.points_mm.shape, stage.rotations.shape) == ((2, 21, 3), (2, 16, 3, 3))
            assert stage.vertices_mm is not None and stage.vertices_mm.shape == (2, VERTICES, 3)
            assert stage.rest_joints_mm is not None and stage.rest_joints_mm.shape == (2, 16, 3)
        assert [stage.vertices_mm is not None for stage in short] == [False] * stages + [True]


def test_only_sensible_configurations_can_be_made() -> None:
    for broken in ({"cascade_stages": 4}, {"cascade_stages": -1}, {"heatmap_depth": 1}):
        with pytest.raises(ValueError, match=r"refinement stages|depth of 1"):
            replace(PAPER, **broken)


@pytest.mark.parametrize("name", ["paper", "compact"])
def test_attention_changes_the_answer(name: str, pictures: Tensor) -> None:
    """The switch is not only a name: same weights, other features."""
    answers: list[Tensor] = []
    for attention in (True, False):
        torch.manual_seed(0)
        network = InterShape(switched(name, 0, attention), MODELS).eval()
        answers.append(network.predict(pictures[:1]).mesh.right[-1].pose_code)
    assert not torch.equal(*answers)


def used_in_a_loss(network: InterShape, pictures: Tensor) -> list[Tensor]:
    heatmaps, prediction = network(pictures)
    # Presence and its logits are one thing; maps, depth, and every stage are supervised by themselves.
    return [*tensors_of(heatmaps), *tensors_of(prediction.mesh)]


@pytest.mark.parametrize("name", ["paper", "compact"])
def test_gradients_reach_every_parameter(name: str, pictures: Tensor) -> None:
    from inference.benchmark.network_weights import fill_with_seeded_weights

    network = InterShape(CONFIGURATIONS[name], MODELS)
    fill_with_seeded_weights(network, 3)
    generator = torch.Generator().manual_seed(1)
    # Two pictures: batch norm in training mode needs more than one value a channel.
    loss = torch.zeros(())
    for tensor in used_in_a_loss(network, pictures[:2]):
        loss = loss + (tensor * torch.randn(tensor.shape, generator=generator)).mean()
    loss.backward()
    silent = [
        key for key, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert not silent
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_projected_joints_carry_no_gradient_into_the_heat_maps(compact_network: InterShape, pictures: Tensor) -> None:
    """Where the joints are is learned from the heat maps' own loss; depth and places that the branches read are cut."""
    peaks = torch.rand(1, 42, 3, requires_grad=True)
    depth = torch.rand(1, 42, requires_grad=True)
    numbers = joint_numbers(peaks, depth, 64)
    assert numbers.shape == (1, 168) and not numbers.requires_grad
    corner = joint_numbers(torch.tensor([[[0.0, 63.0, 0.5]]]), None, 64)
    assert corner[0].tolist() == pytest.approx([-1 + 1 / 64, 1 - 1 / 64, 0.5, 0.0])
    heatmaps, prediction = compact_network(pictures[:1])
    depth_of_maps = heatmaps.joint_depth
    assert depth_of_maps is not None
    gradient = torch.autograd.grad(prediction.mesh.right[-1].points_mm.sum(), depth_of_maps, allow_unused=True)
    assert gradient == (None,)


def test_a_stage_corrects_the_one_before(compact_network: InterShape, pictures: Tensor) -> None:
    for name, parameter in compact_network.named_parameters():
        if "cascaded" in name and ("pose_reg" in name or "shape_reg" in name):
            parameter.data.zero_()
    stages = compact_network.predict(pictures[:1], every_stage=True).mesh.left
    for stage in stages[1:]:
        torch.testing.assert_close(stage.points_mm, stages[0].points_mm)


@pytest.mark.parametrize("kind", ["rotvec", "columns"])
def test_gradients_of_the_pose_code(kind: GlobalRotation) -> None:
    layer = HandLayer(small_hand("right"), torch.float64)
    generator = torch.Generator().manual_seed(0)
    code = 0.3 * torch.randn(2, pose_code_size(kind), generator=generator, dtype=torch.float64)

    def points(code: Tensor) -> tuple[Tensor, Tensor]:
        rotations, rotvec = read_pose_code(code, layer, kind)
        zero = torch.zeros(2, 10, dtype=code.dtype)
        return layer.points(rotations, zero, layer.rest_joints(zero)[:, 0]), rotvec

    assert torch.autograd.gradcheck(points, (code.requires_grad_(),))


def test_a_code_of_zeros_is_the_mean_pose_unturned() -> None:
    layer = HandLayer(small_hand("right"))
    kinds: tuple[GlobalRotation, ...] = ("rotvec", "columns")
    for kind in kinds:
        rotations, rotvec = read_pose_code(torch.zeros(1, pose_code_size(kind)), layer, kind)
        torch.testing.assert_close(rotations[0, 0], torch.eye(3))
        torch.testing.assert_close(rotations, layer.rotations_from_rotvec(torch.zeros(1, 16, 3), "mean"))
        assert rotvec.abs().max() == 0


def test_the_pose_that_is_returned_is_the_pose_that_was_used(compact_network: InterShape, pictures: Tensor) -> None:
    prediction: Prediction = compact_network.predict(pictures)
    layer = compact_network.mesh_reg.left_hand
    stage = prediction.mesh.left[-1]
    again = layer.rotations_from_rotvec(stage.pose_rotvec.unflatten(1, (16, 3)), "mean")
    torch.testing.assert_close(again, stage.rotations, rtol=0, atol=1e-5)


def test_geometry_stays_in_single_precision(compact_network: InterShape, pictures: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        stage = compact_network.predict(pictures[:1]).mesh.right[-1]
    assert {tensor.dtype for tensor in tensors_of(stage)} == {torch.float32}
    bones = (stage.points_mm[0, 1] - stage.points_mm[0, 0]).norm()
    rest = compact_network.mesh_reg.right_hand.rest_joints(stage.betas)[0] * 1000
    torch.testing.assert_close(bones, (rest[1] - rest[0]).norm(), rtol=1e-5, atol=1e-3)
