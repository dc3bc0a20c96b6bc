"""The pair network: one set of weights for both hands, the picture's axes, hands that are not there, switches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inference.hands.torch_layer import HandLayer
from inference.networks.hand_regions import cut_crops
from inference.networks.intershape import Prediction
from inference.networks.landmark_backbone import CROP_PX
from inference.networks.mesh_branches import TRANSFORM_SIZE
from inference.networks.pair_net import PairNet, PairOutput
from tests.stand_in_pair_net import coloured_pictures, open_hands, stand_in_pair_net, two_regions

MIRROR = torch.tensor([-1.0, 1.0, 1.0])
PICTURE_PX = 64


@pytest.fixture(scope="module")
def network() -> PairNet:
    return stand_in_pair_net()


@pytest.fixture(scope="module")
def answer(network: PairNet) -> tuple[PairOutput, Prediction]:
    with torch.inference_mode():
        return network(coloured_pictures(), two_regions())


def in_a_mirror(regions: Tensor) -> Tensor:
    """Regions of the mirrored picture, whose right hand is the left one of the picture."""
    x, y, side, angle, known = regions.flip(1).unbind(-1)
    return torch.stack([PICTURE_PX - 1 - x, y, side, -angle, known], dim=-1)


def test_a_mirrored_picture_has_the_mirrored_hands() -> None:
    network = stand_in_pair_net(1)
    with torch.no_grad():
        for stage in network.stages:  # the relation is told from the right hand's side, whatever the picture
            first = stage.get_submodule("branch.base_layer.0")
            assert isinstance(first, torch.nn.Linear)
            first.weight[:, -TRANSFORM_SIZE:] = 0
        output, there = network(coloured_pictures(), two_regions())
        mirrored, back = network(coloured_pictures().flip(-1), in_a_mirror(two_regions()))
    for ours, theirs in zip(output.points_px, mirrored.points_px, strict=True):
        torch.testing.assert_close(theirs.flip(1), ours, atol=0.02, rtol=0)
    torch.testing.assert_close(mirrored.presence_logits.flip(1), output.presence_logits, atol=1e-3, rtol=0)
    torch.testing.assert_close(mirrored.joint_logits.flip(1), output.joint_logits, atol=1e-3, rtol=0)
    for ours, theirs in zip(there.mesh.right + there.mesh.left, back.mesh.left + back.mesh.right, strict=True):
        torch.testing.assert_close(theirs.points_mm * MIRROR, ours.points_mm, atol=0.05, rtol=0)
        torch.testing.assert_close(theirs.betas, ours.betas, atol=1e-3, rtol=0)
    peaks, others = there.heatmaps.peaks_xyc, back.heatmaps.peaks_xyc.unflatten(1, (2, 21)).flip(1).flatten(1, 2)
    torch.testing.assert_close(PICTURE_PX - 1 - others[..., 0], peaks[..., 0], atol=0.01, rtol=0)
    torch.testing.assert_close(others[..., 1:], peaks[..., 1:], atol=0.01, rtol=0)
    assert not torch.allclose(there.mesh.right[-1].betas, there.mesh.left[-1].betas, atol=0.01)


def test_rotations_and_shape_of_each_hand_give_its_points(answer: tuple[PairOutput, Prediction]) -> None:
    """In the picture's axes, by the hand model of that side."""
    mesh = answer[1].mesh
    for model, stages in zip(open_hands(), (mesh.right, mesh.left), strict=True):
        layer = HandLayer(model)
        for number, stage in enumerate(stages):
            wrist_m = stage.points_mm[:, 0] / 1000  # about the model's own origin: nobody asks where that lies
            posed = layer(stage.rotations, stage.betas, wrist_m)
            torch.testing.assert_close(stage.points_mm, 1000 * posed.points_m, atol=0.02, rtol=0)
            if number == len(stages) - 1:
                assert stage.vertices_mm is not None
                torch.testing.assert_close(stage.vertices_mm, 1000 * posed.vertices_m, atol=0.02, rtol=0)
            else:
                assert stage.vertices_mm is None
            rotvec = stage.pose_rotvec.unflatten(1, (16, 3))
            torch.testing.assert_close(layer.rotations_from_rotvec(rotvec, "mean"), stage.rotations, atol=1e-4, rtol=0)
            assert stage.rest_joints_mm is not None
            torch.testing.assert_close(stage.rest_joints_mm, 1000 * layer.rest_joints(stage.betas), atol=0.01, rtol=0)
            assert (stage.pose_rotvec.abs().amax(dim=1) > 0.05).all()


def test_a_turned_crop_turns_the_hand_in_the_picture() -> None:
    """The same crop, said to be cut a quarter turn further: the network reads its turn, so without what it reads."""
    network = stand_in_pair_net(2, cascade_stages=0)
    with torch.no_grad():
        first = network.first.get_submodule("branch.base_layer.0")
        assert isinstance(first, torch.nn.Linear)
        first.weight.zero_()
        crops = torch.rand(1, 2, 3, 224, 224, generator=torch.Generator().manual_seed(3))
        regions = two_regions()[:1]
        turned = regions + torch.tensor([0.0, 0.0, 0.0, torch.pi / 2, 0.0])
        before, after = (network.read(crops, where)[1].mesh for where in (regions, turned))
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # clockwise where y points down
    for ours, theirs in ((before.right[0], after.right[0]), (before.left[0], after.left[0])):
        torch.testing.assert_close(theirs.points_mm, ours.points_mm @ quarter.T, atol=0.02, rtol=0)
        torch.testing.assert_close(theirs.rotations[:, 0], quarter @ ours.rotations[:, 0], atol=1e-4, rtol=0)
        torch.testing.assert_close(theirs.rotations[:, 1:], ours.rotations[:, 1:])


@pytest.mark.parametrize("unknown", [0, 1])
def test_a_hand_that_nobody_found_is_not_there_and_changes_nothing(network: PairNet, unknown: int) -> None:
    regions = two_regions()
    regions[:, unknown, 4] = 0
    crops = torch.rand(2, 2, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    elsewhere, black = regions.clone(), crops.clone()
    elsewhere[:, unknown, :4] = torch.tensor([3.0, 60.0, 200.0, 2.0])
    black[:, unknown] = 0
    with torch.inference_mode():
        output, seen = network.read(crops, regions)
        others, without = network.read(black, elsewhere)
    known = 1 - unknown
    for ours, theirs in zip(output.points_px, others.points_px, strict=True):
        torch.testing.assert_close(theirs[:, known], ours[:, known], atol=1e-3, rtol=0)
        assert not torch.allclose(theirs[:, unknown], ours[:, unknown], atol=0.1)
    for ours, theirs in zip(
        (seen.mesh.right, seen.mesh.left)[known], (without.mesh.right, without.mesh.left)[known], strict=True
    ):
        torch.testing.assert_close(theirs.points_mm, ours.points_mm, atol=1e-2, rtol=0)
        torch.testing.assert_close(theirs.betas, ours.betas, atol=1e-4, rtol=0)
    assert (seen.hand_presence[:, unknown] == 0).all()
    assert (seen.hand_presence[:, known] > 0).all()
    confidence = seen.heatmaps.peaks_xyc[..., 2].unflatten(1, (2, 21))
    assert (confidence[:, unknown] == 0).all()
    assert (confidence[:, known] > 0).all()


def test_hands_that_are_found_do_tell_each_other(network: PairNet) -> None:
    crops = torch.rand(1, 2, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    changed = crops.clone()
    changed[:, 1] = 0
    with torch.inference_mode():
        ours, theirs = (network.read(part, two_regions()[:1])[1].mesh.right[-1] for part in (crops, changed))
    assert (ours.points_mm - theirs.points_mm).abs().max() > 0.1


@pytest.mark.parametrize("stages", [0, 1, 2, 3])
@pytest.mark.parametrize("attention", [True, False])
def test_the_paper_s_parts_can_be_switched_off(stages: int, attention: bool) -> None:
    network = stand_in_pair_net(3, cascade_stages=stages, use_attention=attention)
    output, prediction = network(coloured_pictures(1), two_regions()[:1])
    assert len(prediction.mesh.right) == len(prediction.mesh.left) == 1 + stages
    assert len(output.points_px) == 2 + stages  # the backbone's, too
    assert prediction.mesh.trans.shape == (1, 4)
    for stage in (*prediction.mesh.right, *prediction.mesh.left):
        assert torch.isfinite(stage.points_mm).all()
    assert prediction.mesh.right[-1].vertices_mm is not None
    quick = network.predict(coloured_pictures(1), two_regions()[:1])
    torch.testing.assert_close(quick.mesh.left[-1].points_mm, prediction.mesh.left[-1].points_mm, atol=1e-3, rtol=0)
    assert quick.mesh.left[-1].rest_joints_mm is None


def test_attention_looks_somewhere(network: PairNet) -> None:
    without = stand_in_pair_net(0, use_attention=False)
    without.load_state_dict(network.state_dict())
    with torch.inference_mode():
        ours, theirs = (one(coloured_pictures(), two_regions())[1] for one in (network, without))
    assert not torch.allclose(ours.mesh.right[0].points_mm, theirs.mesh.right[0].points_mm, atol=0.1)


def test_gradients_reach_all_that_learns() -> None:
    network = stand_in_pair_net(4, frozen_blocks=7).train()
    with torch.no_grad():  # the lower of two logits is what counts: each of them once
        crops = cut_crops(coloured_pictures(), two_regions(), CROP_PX).flatten(0, 1)
        said = network.backbone(crops)[1]
        network.backbone.handedness.bias += (said.presence_logit - said.right_logit).median()
    output, prediction = network(coloured_pictures(), two_regions())
    mesh = prediction.mesh
    total = output.presence_logits.sum() + output.joint_logits.sum() + mesh.trans.sum()
    for points in output.points_px:
        total = total + points.square().mean()
    for stage in (*mesh.right, *mesh.left):
        total = total + stage.points_mm.square().mean() + stage.betas.square().mean()
    total.backward()
    frozen = ("backbone.stem", "backbone.first_", *(f"backbone.blocks.{number}." for number in range(7)))
    for name, value in network.named_parameters():
        if name.startswith(frozen):
            assert value.grad is None, name
        else:
            assert value.grad is not None, name
            assert torch.isfinite(value.grad).all(), name
            assert value.grad.abs().max() > 0, name


def test_in_half_precision_rotations_stay_rotations(network: PairNet) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        output, prediction = network(coloured_pictures(), two_regions())
    for stage in (*prediction.mesh.right, *prediction.mesh.left):
        whole = stage.rotations[:, 0]
        identity = torch.eye(3).expand(2, 3, 3)
        torch.testing.assert_close(whole @ whole.transpose(1, 2), identity, atol=1e-4, rtol=0)
    assert output.points_px[-1].dtype == prediction.mesh.right[-1].points_mm.dtype == torch.float32


def test_the_state_holds_no_hand_model(network: PairNet) -> None:
    assert not any(name.startswith("hand.") for name in network.state_dict())
