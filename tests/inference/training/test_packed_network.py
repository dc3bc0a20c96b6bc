"""The shipped file of both stages as a beginning: each stage as it was trained, and nothing that is not that stage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.contract import ErrorCode, HandsError
from inference.detect.nets import OPEN_WEIGHTS_FILE
from inference.engines.engine import WEIGHTS_DIR
from inference.networks.finder_net import FinderNet
from inference.networks.open_weights import STAGES, Stage, read_open_weights, read_packed_file
from inference.networks.pair_net import PairNet
from inference.training.configuration import load_configuration
from inference.training.first_weights import take_stage
from inference.training.packed_network import load_packed_network, load_stage
from inference.training.run_folder import RunFolder, SavedRun
from inference.training.run_identity import hashes_of
from tests.stand_in_hand import small_hand
from tests.stand_in_pair_net import open_hands

SHIPPED = WEIGHTS_DIR / OPEN_WEIGHTS_FILE
OTHERS = hashes_of((small_hand("right"), small_hand("left")))


def made(stage: Stage) -> torch.nn.Module:
    torch.manual_seed(4)
    return (
        FinderNet() if stage == "finder" else PairNet(load_configuration("pair").network_configuration(), open_hands())
    )


@pytest.mark.parametrize("stage", STAGES)
def test_the_shipped_file_is_a_beginning_for_both_stages(stage: Stage) -> None:
    network = made(stage)
    take_stage(network, SHIPPED, stage, hashes_of(open_hands()))
    shipped: torch.nn.Module = getattr(read_open_weights(SHIPPED, open_hands()), stage)
    for name, value in network.state_dict().items():
        assert value.dtype == shipped.state_dict()[name].dtype, name
        assert torch.equal(value, shipped.state_dict()[name]), name


@pytest.mark.parametrize("stage", STAGES)
def test_it_says_what_each_stage_was_trained_on(stage: Stage) -> None:
    identity = load_packed_network(SHIPPED, stage).identity
    assert identity.configuration.network == stage
    assert identity.data.startswith("synthesis, seed")
    assert identity.axes == ("camera" if stage == "finder" else "crop ray")
    assert identity.model_sha256 == hashes_of(open_hands())


def test_a_run_is_read_by_its_folder_or_its_file(tmp_path: Path) -> None:
    identity = load_packed_network(SHIPPED, "finder").identity
    state = made("finder").state_dict()
    RunFolder(tmp_path).save(SavedRun(identity, 1, state, state, {}))
    for path in (tmp_path, tmp_path / "network.safetensors"):
        saved = load_stage(path, "finder", hashes_of(open_hands()))
        assert saved.identity == identity
        assert all(torch.equal(value, state[name]) for name, value in saved.weights.items())
    with pytest.raises(HandsError, match="is no pair") as caught:
        load_stage(tmp_path, "pair", hashes_of(open_hands()))
    assert caught.value.code is ErrorCode.USAGE
    RunFolder(tmp_path / "other").save(SavedRun(replace(identity, model_sha256=OTHERS), 1, state, state, {}))
    for path in (tmp_path / "other", SHIPPED):
        with pytest.raises(HandsError, match="trained with other hand models") as caught:
            load_stage(path, "finder", OTHERS if path == SHIPPED else hashes_of(open_hands()))
        assert caught.value.code is ErrorCode.USAGE


def test_a_file_that_is_not_there_or_holds_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandsError, match=r"nowhere\.safetensors") as caught:
        load_stage(tmp_path / "nowhere.safetensors", "pair", OTHERS)
    assert caught.value.code is ErrorCode.MODEL_MISSING
    metadata = read_packed_file(SHIPPED).metadata
    origin = json.loads(metadata["pair"])
    path = tmp_path / "broken.safetensors"
    for changed in (
        {"pair": "no JSON"},
        {"pair": json.dumps({**origin, "axes": "none"})},
        {"hand_models_sha256": "[1]"},
    ):
        save_file(load_file(SHIPPED), path, {**metadata, **changed})
        with pytest.raises(HandsError, match=r"broken\.safetensors' cannot be used") as caught:
            load_stage(path, "pair", OTHERS)
        assert caught.value.code is ErrorCode.MODEL_DAMAGED
