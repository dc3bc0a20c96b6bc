"""The palm detector in torch: it computes what the shipped net computes, and learns only where it is to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.contract import ErrorCode, HandsError
from inference.detect.nets import PALM_NET_FILE
from inference.engines.engine import WEIGHTS_DIR
from inference.networks.palm_backbone import PalmBackbone, load_palm_weights

onnx = pytest.importorskip("onnx", reason="reading the shipped net's weights needs the package onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def backbone() -> PalmBackbone:
    backbone = PalmBackbone()
    load_palm_weights(backbone, WEIGHTS_DIR / PALM_NET_FILE)
    return backbone.eval()


def original_answers(picture: Tensor) -> list[Any]:
    """The shipped net's features at an eighth and a sixteenth: what its four answering convolutions read."""
    model = onnx.load(str(WEIGHTS_DIR / PALM_NET_FILE))
    answers = {node.input[0] for node in model.graph.node if node.op_type == "Transpose"}
    read = [node.input[0] for node in model.graph.node if node.op_type == "Conv" and node.output[0] in answers]
    names = [read[-1], read[0]]
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(names, {"input": picture.permute(0, 2, 3, 1).contiguous().numpy()})


def test_it_sees_what_the_shipped_net_sees(backbone: PalmBackbone) -> None:
    picture = torch.rand(2, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = backbone(picture)
    for own, theirs in zip(features, original_answers(picture), strict=True):
        np.testing.assert_allclose(own.numpy(), theirs, atol=1e-3)


def test_frozen_stages_see_the_same_and_learn_nothing(backbone: PalmBackbone) -> None:
    picture = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    frozen = PalmBackbone()
    frozen.load_state_dict(backbone.state_dict())
    frozen.freeze(2)
    features = frozen(picture)
    with torch.inference_mode():
        expected = backbone(picture)
    for own, other in zip(features, expected, strict=True):
        torch.testing.assert_close(own.detach(), other, atol=1e-4, rtol=1e-4)
    torch.stack([part.square().mean() for part in features]).sum().backward()
    learning = {name for name, parameter in frozen.named_parameters() if parameter.grad is not None}
    first = tuple(f"stages.{stage}." for stage in (0, 1))
    for name, _ in frozen.named_parameters():
        assert (name in learning) != name.startswith(("stem", *first))


def test_other_files_are_refused(backbone: PalmBackbone, tmp_path: Path) -> None:
    with pytest.raises(HandsError, match="missing") as error:
        load_palm_weights(backbone, tmp_path / "none.onnx")
    assert error.value.code is ErrorCode.MODEL_MISSING
    with pytest.raises(HandsError, match="palm detector") as error:
        load_palm_weights(backbone, WEIGHTS_DIR / "hand_landmark.onnx")
    assert error.value.code is ErrorCode.MODEL_DAMAGED
