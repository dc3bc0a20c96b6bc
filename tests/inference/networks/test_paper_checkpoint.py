"""The authors' checkpoint: every tensor is checked, the hands in it are rebuilt, what wants to run is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the paper's network needs torch")

from inference.hands.joints import SIDES  # noqa: E402 - after torch is known to be there
from inference.hands.mano_file import mano_model, with_left_shapedirs_fixed  # noqa: E402 - as above
from inference.hands.model import HandModelError  # noqa: E402 - as above
from inference.networks import checkpoint  # noqa: E402 - as above
from inference.networks.checkpoint import (  # noqa: E402 - as above
    CheckpointError,
    ForeignCodeError,
    OtherNetworkError,
    TruncatedCheckpointError,
    paper_tensors,
    read_paper_checkpoint,
)
from tests.stand_in_checkpoint import network_tensors, write_checkpoint  # noqa: E402 - as above
from tests.stand_in_hand import mano_like  # noqa: E402 - as above

TENSOR_LIST = Path(__file__).resolve().parents[4] / "shared" / "reference" / "checkpoint_tensors.tsv"
A_WEIGHT = "mesh_reg.base_net.conv1.weight"


@pytest.fixture
def tensors() -> dict[str, Any]:
    return network_tensors()


def test_the_stand_in_has_the_names_shapes_and_types_of_the_authors(tensors: dict[str, Any]) -> None:
    if not TENSOR_LIST.is_file():
        pytest.skip("the list of the authors' tensors is not beside this copy of the project")
    rows = [line.split("\t") for line in TENSOR_LIST.read_text().splitlines()]
    listed = {name: (shape, dtype) for name, shape, dtype in rows}
    assert {name: (str(tuple(tensor.shape)), str(tensor.dtype)) for name, tensor in tensors.items()} == listed
    assert len(listed) == 602


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize("entries", [{}, {"optimizer": {"state": {0: {"exp_avg": torch.ones(5)}}, "param_groups": []}}])
def test_it_is_read_with_and_without_the_optimiser(tmp_path: Path, zipped: bool, entries: dict[str, Any]) -> None:
    tensors = network_tensors()
    found = read_paper_checkpoint(write_checkpoint(tmp_path / "a", tensors, zipped=zipped, **entries))
    assert found.epoch == 99
    assert set(found.weights) == set(paper_tensors())
    for name, weight in found.weights.items():  # each repeats one number
        assert weight.shape == tensors[name].shape
        assert weight.as_strided((1,), (1,)) == tensors[name].as_strided((1,), (1,))
    for side in SIDES:
        model, expected = mano_model(side, **found.hand_arrays[side]), mano_like(side)
        for name in ("v_template", "shapedirs", "posedirs", "lbs_weights", "joint_template", "joint_shapedirs"):
            assert np.allclose(getattr(model, name), getattr(expected, name), atol=1e-7), name
        assert np.array_equal(model.polygons, expected.polygons)
        assert np.allclose(model.pose_mean_rotvec, expected.pose_mean_rotvec, atol=1e-7)


def test_the_network_alone_is_read_too(tmp_path: Path, tensors: dict[str, Any]) -> None:
    torch.save(tensors, tmp_path / "a")
    assert read_paper_checkpoint(tmp_path / "a").epoch == -1


def test_hands_that_are_right_already_stay_as_they_are(tmp_path: Path) -> None:
    found = read_paper_checkpoint(write_checkpoint(tmp_path / "a"))
    right, left = (mano_model(side, **found.hand_arrays[side]) for side in SIDES)
    assert with_left_shapedirs_fixed(left, right) is left


def refused(path: Path, tensors: dict[str, Any], kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind) as caught:
        read_paper_checkpoint(write_checkpoint(path, tensors))
    assert sentence in str(caught.value)


def test_each_tensor_is_checked(tmp_path: Path, tensors: dict[str, Any]) -> None:
    path, weight = tmp_path / "a", tensors[A_WEIGHT]
    lacking = {name: tensor for name, tensor in tensors.items() if name != A_WEIGHT}
    refused(path, lacking, OtherNetworkError, f"1 of its tensors are missing (first: {A_WEIGHT})")
    refused(path, {**tensors, "mesh_reg.more": weight}, OtherNetworkError, "unknown (first: mesh_reg.more)")
    refused(path, {**tensors, A_WEIGHT: weight[:-1]}, OtherNetworkError, "has shape (63, 3, 7, 7), expected (64, 3")
    refused(path, {**tensors, A_WEIGHT: weight.double()}, CheckpointError, "expected torch.float32")
    refused(path, {**tensors, A_WEIGHT: weight.to_sparse()}, CheckpointError, "expected torch.float32")
    broken = weight.clone()
    broken[3, 1, 2, 2] = float("nan")
    refused(path, {**tensors, A_WEIGHT: broken}, CheckpointError, f"{A_WEIGHT} holds values that are not finite")


def test_the_hands_are_checked(tmp_path: Path, tensors: dict[str, Any]) -> None:
    path, prefix = tmp_path / "a", "mesh_reg.mano_layer.l."
    lacking = {name: tensor for name, tensor in tensors.items() if name != f"{prefix}shapedirs"}
    refused(path, lacking, CheckpointError, f"it lacks the hand model's {prefix}shapedirs")
    for name, value, sentence in (
        ("posedirs", torch.zeros(4, 4), "posedirs have shape (4, 4)"),
        ("faces_tensor", tensors[f"{prefix}faces_tensor"] + 500, "vertices that do not exist"),
        (
            "v_template",
            tensors[f"{prefix}v_template"] * torch.tensor([-1.0, 1, 1]),
            "right hand where the left one is expected",
        ),
        ("lbs_weights", tensors[f"{prefix}lbs_weights"] * float("inf"), "not finite"),
    ):
        refused(path, {**tensors, f"{prefix}{name}": value}, HandModelError, sentence)


def test_what_numpy_has_no_arrays_for_is_told(tmp_path: Path, tensors: dict[str, Any]) -> None:
    name = "mesh_reg.mano_layer.r.v_template"
    value = tensors[name]
    for other in (value.bfloat16(), value.to_sparse(), value.to("meta")):
        refused(tmp_path / "a", {**tensors, name: other}, CheckpointError, f"{name} is no plain array")


def test_parameters_are_as_good_as_tensors(tmp_path: Path, tensors: dict[str, Any]) -> None:
    names = (A_WEIGHT, "mesh_reg.mano_layer.r.v_template")
    path = write_checkpoint(tmp_path / "a", {**tensors, **{name: torch.nn.Parameter(tensors[name]) for name in names}})
    found = read_paper_checkpoint(path)
    assert not found.weights[A_WEIGHT].requires_grad
    assert np.array_equal(found.hand_arrays["right"]["v_template"], tensors[names[1]].numpy())


def test_names_in_a_sentence_are_short_and_harmless(tmp_path: Path, tensors: dict[str, Any]) -> None:
    refused(
        tmp_path / "a",
        {**tensors, "\x1b[2J\n" + 5000 * "A": tensors[A_WEIGHT]},
        OtherNetworkError,
        f"unknown (first: \\x1b[2J\\n{95 * 'A'})",
    )


@pytest.mark.parametrize("content", [{"network": 3}, {"network": {}}, [1], {"network": {"a": 1}}, {"x": "y"}])
def test_what_holds_no_tensors_is_another_file(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "a")
    with pytest.raises(OtherNetworkError):
        read_paper_checkpoint(tmp_path / "a")


def test_the_first_release_is_told_from_the_second(tmp_path: Path) -> None:
    torch.save({"encoder.conv1.weight": torch.zeros(3), "right.fc.bias": torch.zeros(2)}, tmp_path / "model.pts")
    with pytest.raises(OtherNetworkError, match=r"flat dictionary of 2 tensors .* first release's model\.pts"):
        read_paper_checkpoint(tmp_path / "model.pts")


class Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.mark}'",)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_named_and_never_run(tmp_path: Path, tensors: dict[str, Any], zipped: bool) -> None:
    mark = tmp_path / "ran"
    path = write_checkpoint(tmp_path / "a", tensors, zipped=zipped, more=Runs(mark))
    with pytest.raises(ForeignCodeError, match=r"asks for '(posix|nt)\.system'"):
        read_paper_checkpoint(path)
    assert not mark.exists()


def test_a_torch_that_reads_unsafely_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_checkpoint(tmp_path / "a")
    monkeypatch.setattr(checkpoint.torch, "__version__", "2.5.1+cpu")
    with pytest.raises(CheckpointError, match=r"torch 2\.6 or newer"):
        read_paper_checkpoint(path)


def test_an_old_file_that_is_cut_off_says_how_much_is_missing_at_least(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a", zipped=False)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) - 1_000_000, 60):
        path.write_bytes(whole[:length])
        with pytest.raises(TruncatedCheckpointError) as caught:
            read_paper_checkpoint(path)
        assert 1 <= caught.value.missing_bytes <= len(whole) - length
