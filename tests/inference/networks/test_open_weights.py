"""The file with both stages' weights: what is written is read, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from inference.contract import ErrorCode, HandsError
from inference.networks.finder_net import FinderNet
from inference.networks.open_weights import OpenNetworks, read_open_weights, write_open_weights
from tests.stand_in_hand import small_hand
from tests.stand_in_pair_net import coloured_pictures, open_hands, stand_in_pair_net, two_regions


@pytest.fixture(scope="module")
def networks() -> OpenNetworks:
    torch.manual_seed(3)
    return OpenNetworks(FinderNet().eval(), 160, stand_in_pair_net(5, cascade_stages=1, use_attention=False))


@pytest.fixture(scope="module")
def file(networks: OpenNetworks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "open.safetensors"
    write_open_weights(path, networks, open_hands(), {"licence": "Apache-2.0"})
    return path


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as content:
        return content.metadata()


def test_what_was_written_is_read_in_half_precision(networks: OpenNetworks, file: Path) -> None:
    read = read_open_weights(file, open_hands())
    assert read.finder_input_px == 160
    assert read.pair.configuration == networks.pair.configuration  # the ablations' switches too
    assert not read.pair.training
    assert not read.finder.training
    for ours, theirs in ((read.pair, networks.pair), (read.finder, networks.finder)):
        others = theirs.state_dict()
        assert ours.state_dict().keys() == others.keys()
        for name, value in ours.state_dict().items():
            assert value.dtype == others[name].dtype, name
            torch.testing.assert_close(value, others[name], atol=1e-6, rtol=1e-3, msg=name)
    with torch.inference_mode():
        ours, theirs = (net(coloured_pictures(1), two_regions()[:1])[1] for net in (read.pair, networks.pair))
    torch.testing.assert_close(ours.mesh.left[-1].points_mm, theirs.mesh.left[-1].points_mm, atol=3, rtol=0)
    stored = load_file(file)
    assert {value.dtype for value in stored.values() if value.is_floating_point()} == {torch.float16}
    assert metadata_of(file)["licence"] == "Apache-2.0"


def test_weights_of_other_hands_are_refused(file: Path) -> None:
    with pytest.raises(HandsError, match="belongs to other hand models") as caught:
        read_open_weights(file, (open_hands()[0], small_hand("left")))
    assert caught.value.code is ErrorCode.MODEL_DAMAGED


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandsError, match=r"nowhere\.safetensors' is missing") as caught:
        read_open_weights(tmp_path / "nowhere.safetensors", open_hands())
    assert caught.value.code is ErrorCode.MODEL_MISSING


@pytest.mark.parametrize("fault", ["cut", "text", "no metadata", "a tensor less", "a tensor of another shape"])
def test_a_damaged_file_is_refused(file: Path, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "broken.safetensors"
    content, metadata = load_file(file), metadata_of(file)
    name = "pair.trans_branch.final_layer.weight"
    if fault == "cut":
        path.write_bytes(file.read_bytes()[:-100])
    elif fault == "text":
        path.write_bytes(b"no weights")
    elif fault == "no metadata":
        save_file(content, path)
    elif fault == "a tensor less":
        del content[name]
        save_file(content, path, metadata)
    else:
        content[name] = content[name][:2].contiguous()
        save_file(content, path, metadata)
    with pytest.raises(HandsError, match="cannot be used") as caught:
        read_open_weights(path, open_hands())
    assert caught.value.code is ErrorCode.MODEL_DAMAGED
    assert "weights" in caught.value.hint


@pytest.mark.parametrize("value", [1e6, float("nan")])
def test_a_weight_that_half_precision_cannot_hold_is_not_shipped(tmp_path: Path, value: float) -> None:
    pair = stand_in_pair_net(6, cascade_stages=0)
    with torch.no_grad():
        pair.joint_certainty.weight[0, 0] = value
    with pytest.raises(ValueError, match=r"pair\.joint_certainty\.weight"):
        write_open_weights(tmp_path / "open.safetensors", OpenNetworks(FinderNet(), 160, pair), open_hands(), {})
