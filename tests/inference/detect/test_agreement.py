"""The converted nets against the originals: stored outputs of LiteRT, and LiteRT itself where the wheel can be had."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from inference.detect.nets import load_net
from tools.convert_landmarks.golden import golden_input, run_original
from tools.convert_landmarks.originals import NETS as ORIGINALS
from tools.convert_landmarks.originals import ROOT, read_nets

GOLDEN = Path(__file__).parent / "data" / "litert_golden.npz"
WHEEL_VARIABLE = "TWOHAND_MEDIAPIPE_WHEEL"
NETS = {
    "palm_detection": ("boxes", "logits"),
    "hand_landmark": ("landmarks", "presence", "handedness", "world_landmarks"),
}
# Input pixels; logits; input pixels; probabilities; metres.
TOLERANCES = {
    "palm_detection": (1e-3, 2e-4),
    "hand_landmark": (5e-4, 1e-5, 2e-5, 2e-6),
}


def converted_outputs(net: str, inputs: np.ndarray) -> list[np.ndarray]:
    session = load_net(ROOT / "weights" / f"{net}.onnx", 1, ["CPUExecutionProvider"])
    return [np.asarray(output) for output in session.run(NETS[net], {"input": inputs})]


@pytest.mark.parametrize("net", NETS)
def test_stored_outputs_of_the_original_are_met(net):
    with np.load(GOLDEN) as golden:
        picture = golden[f"{net}/picture"]
        originals = [golden[f"{net}/{number}"] for number in range(len(NETS[net]))]
    inputs = [golden_input(seed, len(picture)) for seed in range(len(originals[0]) - 1)]
    inputs.append(picture.astype(np.float32) / np.float32(255))
    outputs = converted_outputs(net, np.stack(inputs))
    for output, original, tolerance in zip(outputs, originals, TOLERANCES[net], strict=True):
        thinned = output[:, ::8] if output.ndim == 3 else output
        assert np.abs(thinned - original.reshape(thinned.shape)).max() < tolerance


def test_the_stored_picture_shows_a_hand():
    with np.load(GOLDEN) as golden:
        assert golden["hand_landmark/1"][-1] > 0.9
        assert np.all(golden["hand_landmark/1"][:-1] < 0.5)


@pytest.mark.parametrize("net", NETS)
def test_the_original_under_litert_is_met(net):
    wheel = os.environ.get(WHEEL_VARIABLE)
    if not wheel or not Path(wheel).is_file():
        pytest.skip(f"{WHEEL_VARIABLE} names no mediapipe 0.10.21 wheel")
    pytest.importorskip("ai_edge_litert")
    original = next(item for item in ORIGINALS if item.file_name == f"{net}.onnx")
    inputs = np.stack([golden_input(seed, original.input_size) for seed in range(6)])
    expected = run_original(read_nets(Path(wheel))[original], inputs)
    for output, other, tolerance in zip(converted_outputs(net, inputs), expected, TOLERANCES[net], strict=True):
        assert np.abs(output - other.reshape(output.shape)).max() < tolerance
