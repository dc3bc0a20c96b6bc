"""A prepared network: same answers, its own memory, the original untouched."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from inference.networks import prepare
from inference.networks.convolution import Activation, ConvolutionUnit
from inference.networks.fused_convolution import FusedConvolution, onednn_is_there
from inference.networks.intershape import InterShape
from inference.networks.prepare import prepare_for_inference


def assert_same(one: InterShape, other: InterShape, pictures: Tensor, tolerance_mm: float = 1e-3) -> None:
    expected, found = one.predict(pictures), other.predict(pictures)
    for ours, theirs in (
        (found.mesh.right[-1], expected.mesh.right[-1]),
        (found.mesh.left[-1], expected.mesh.left[-1]),
    ):
        torch.testing.assert_close(ours.points_mm, theirs.points_mm, rtol=0, atol=tolerance_mm)
        assert ours.vertices_mm is not None and theirs.vertices_mm is not None
        torch.testing.assert_close(ours.vertices_mm, theirs.vertices_mm, rtol=0, atol=tolerance_mm)
    torch.testing.assert_close(found.hand_presence, expected.hand_presence, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.heatmaps.peaks_xyc, expected.heatmaps.peaks_xyc, rtol=0, atol=1e-3)


@pytest.mark.parametrize("with_onednn", [True, False], ids=["packed", "plain"])
def test_the_answers_stay(
    compact_network: InterShape, pictures: Tensor, with_onednn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_onednn and not onednn_is_there():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(prepare, "onednn_is_there", lambda: with_onednn)
    prepared = prepare_for_inference(compact_network)
    assert not [module for module in prepared.modules() if isinstance(module, ConvolutionUnit | nn.BatchNorm2d)]
    fused = [module for module in prepared.modules() if isinstance(module, FusedConvolution)]
    assert len(fused) > 60
    assert all((module.weight.numel() == 0) == with_onednn for module in fused)
    # More pictures than it was laid out for, one, and one that is not channels-last.
    assert_same(compact_network, prepared, pictures)
    assert_same(compact_network, prepared, pictures[:1].contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize("with_onednn", [True, False], ids=["packed", "plain"])
def test_the_original_is_neither_changed_nor_shared(
    compact_network: InterShape, pictures: Tensor, with_onednn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_onednn and not onednn_is_there():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(prepare, "onednn_is_there", lambda: with_onednn)
    before = copy.deepcopy(compact_network.state_dict())
    prepared = prepare_for_inference(compact_network)
    assert all(torch.equal(value, before[name]) for name, value in compact_network.state_dict().items())
    assert all(parameter.requires_grad for parameter in compact_network.parameters())
    expected = prepared.predict(pictures[:1]).mesh.right[-1].points_mm
    with torch.no_grad():
        for parameter in compact_network.parameters():  # training goes on
            parameter.add_(0.3)
    torch.testing.assert_close(prepared.predict(pictures[:1]).mesh.right[-1].points_mm, expected, rtol=0, atol=0)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
@pytest.mark.parametrize(("kernel", "stride", "groups"), [(1, 1, 1), (3, 1, 8), (3, 2, 8), (5, 2, 1)])
def test_a_fused_unit_is_the_unit(activation: Activation, kernel: int, stride: int, groups: int) -> None:
    unit = ConvolutionUnit(8, 8, kernel, stride, groups=groups, activation=activation).eval()
    unit.norm.running_mean = torch.linspace(-1, 1, 8)
    unit.norm.running_var = torch.linspace(0.01, 2, 8)
    features = 3 * torch.randn(2, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    fused = FusedConvolution(unit.conv, unit.norm, unit.activation, unit.uneven_padding)
    with torch.inference_mode():
        expected = unit(features)
        assert expected.shape == (2, 8, 16 // stride, 16 // stride)
        torch.testing.assert_close(fused(features), expected, rtol=0, atol=1e-4)
        if onednn_is_there():
            fused.pack(features.shape)
            torch.testing.assert_close(fused(features), expected, rtol=0, atol=1e-4)


def test_a_fused_transposed_convolution_and_a_sum() -> None:
    features = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    deconvolution, norm = nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False).eval(), nn.BatchNorm2d(4).eval()
    convolution = nn.Conv2d(8, 8, 3, padding=1)
    raised, added = FusedConvolution(deconvolution, norm, "relu"), FusedConvolution(convolution, None, "relu")
    with torch.inference_mode():
        for pack in (False, True):
            if pack and not onednn_is_there():
                continue
            if pack:
                raised.pack(features.shape)
                added.pack(features.shape)
            torch.testing.assert_close(raised(features), torch.relu(norm(deconvolution(features))), rtol=0, atol=1e-4)
            expected = torch.relu(convolution(features) + features)
            torch.testing.assert_close(added(features, features), expected, rtol=0, atol=1e-4)
