"""The landmark net in torch says what the shipped file says, learns where it may, and refuses other files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.contract import ErrorCode, HandsError
from inference.detect.nets import LANDMARK_NET_FILE, load_net
from inference.engines.engine import WEIGHTS_DIR
from inference.hands.joints import OPENPOSE_TO_MANO
from inference.networks.landmark_backbone import (
    CROP_PX,
    FEATURE_CHANNELS,
    LandmarkBackbone,
    load_landmark_weights,
)

NET = WEIGHTS_DIR / LANDMARK_NET_FILE


@pytest.fixture(scope="module")
def backbone() -> LandmarkBackbone:
    pytest.importorskip("onnx", reason="onnx is not installed")
    backbone = LandmarkBackbone().eval()
    load_landmark_weights(backbone, NET)
    return backbone


@pytest.fixture(scope="module")
def crops() -> torch.Tensor:
    """(2, 3, 224, 224), smooth, one half of them dark."""
    coarse = torch.rand(2, 3, 14, 14, generator=torch.Generator().manual_seed(4))
    smooth = torch.nn.functional.interpolate(coarse, size=CROP_PX, mode="bicubic", align_corners=False).clamp(0, 1)
    return smooth * torch.tensor([1.0, 0.4])[:, None, None, None]


def test_it_says_what_the_shipped_net_says(backbone: LandmarkBackbone, crops: torch.Tensor) -> None:
    outputs = load_net(NET, 1, ["CPUExecutionProvider"]).run(
        ("landmarks", "presence", "handedness"), {"input": crops.permute(0, 2, 3, 1).contiguous().numpy()}
    )
    points, presence, right = (np.asarray(output) for output in outputs)
    with torch.inference_mode():
        features, answer = backbone(crops)
    expected = points.reshape(-1, 21, 3)[:, OPENPOSE_TO_MANO] - [0.5, 0.5, 0.0]
    np.testing.assert_allclose(answer.points_px.numpy(), expected, atol=0.02)
    np.testing.assert_allclose(answer.presence_logit.sigmoid().numpy(), presence[:, 0], atol=1e-4)
    np.testing.assert_allclose(answer.right_logit.sigmoid().numpy(), right[:, 0], atol=1e-4)
    assert tuple(feature.shape[1] for feature in features) == FEATURE_CHANNELS
    assert [CROP_PX // feature.shape[-1] for feature in features] == [8, 16, 32]


def test_half_precision_rounds_no_point(backbone: LandmarkBackbone, crops: torch.Tensor) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        points = backbone(crops)[1].points_px
    assert points.dtype == torch.float32
    assert (points - points.to(torch.bfloat16).float()).abs().max() > 0.01


def test_frozen_blocks_have_no_gradients(crops: torch.Tensor) -> None:
    frozen = LandmarkBackbone(frozen_blocks=3)
    features, answer = frozen(crops[:1])
    (sum(feature.sum() for feature in features) + answer.points_px.sum()).backward()
    still = ("stem.", "first_", "blocks.0.", "blocks.1.", "blocks.2.")
    used = {name: value for name, value in frozen.named_parameters() if not name.startswith(("handed", "presence"))}
    for name, value in used.items():
        assert (value.grad is None) == name.startswith(still), name
        assert value.requires_grad != name.startswith(still), name
    assert all(value.requires_grad for value in LandmarkBackbone().parameters())


def test_a_file_that_is_missing_or_another_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    backbone = LandmarkBackbone()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(NET.read_bytes()[:100_000])
    for path, code, sentence in (
        (tmp_path / "nothing.onnx", ErrorCode.MODEL_MISSING, "is missing"),
        (cut, ErrorCode.MODEL_DAMAGED, "does not hold the hand landmark net"),
        (WEIGHTS_DIR / "palm_detection.onnx", ErrorCode.MODEL_DAMAGED, "does not hold the hand landmark net"),
    ):
        with pytest.raises(HandsError, match=sentence) as caught:
            load_landmark_weights(backbone, path)
        assert caught.value.code is code
        assert path.name in str(caught.value)


def test_without_onnx_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(HandsError, match="'onnx'") as caught:
        load_landmark_weights(LandmarkBackbone(), NET)
    assert caught.value.code is ErrorCode.RUNTIME_MISSING
    assert "pip install onnx" in caught.value.hint
