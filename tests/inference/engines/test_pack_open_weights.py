"""From two runs to the engine: what the tool packs, the program loads, and it says what the networks said."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.contract import ErrorCode, HandsError
from inference.detect.crops import CropSource
from inference.detect.nets import (
    LANDMARK_NET_FILE,
    OPEN_FINDER_FILE,
    OPEN_PAIR_FILE,
    OPEN_WEIGHTS_FILE,
    expected_sha256,
)
from inference.detect.region import Region
from inference.engines.engine import WEIGHTS_DIR, EngineOptions, create_engine
from inference.engines.open_finder import OpenFinder
from inference.engines.pair_reader import PairReader
from inference.hands.joints import SIDES, Side
from inference.hands.rotations import quat_wxyz_to_matrix
from inference.networks.finder_net import FinderNet
from inference.networks.open_weights import read_open_weights, read_packed_file
from inference.training.configuration import TrainingConfiguration, load_configuration
from inference.training.run_folder import RunFolder, SavedRun
from inference.training.run_identity import RunIdentity, hashes_of
from tests.stand_in_hand import small_hand
from tests.stand_in_pair_net import open_hands, stand_in_pair_net

pytest.importorskip("onnx", reason="onnx, which writes the graphs, is not installed")

SQUARES: dict[Side, Region] = {"right": Region((90.0, 120.0), 110.0, 0.5), "left": Region((210.0, 100.0), 160.0, -1.2)}


def save_run(folder: Path, configuration: TrainingConfiguration, network: torch.nn.Module) -> Path:
    """As the trainer leaves a run."""
    identity = RunIdentity(configuration, "made", "crop ray", hashes_of(open_hands()))
    state = network.state_dict()
    RunFolder(folder).save(SavedRun(identity, 1, state, state, {}))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(1)
    pair = load_configuration("pair", ["cascade_stages=1"])
    return {
        "finder": save_run(folder / "finder", load_configuration("finder", ["picture_px=96"]), FinderNet()),
        "pair": save_run(folder / "pair", pair, stand_in_pair_net(8, cascade_stages=1)),
    }


@pytest.fixture(scope="module")
def packed(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights as it is shipped."""
    from tools.pack_open_weights import main
    from tools.record_sha256 import record_sha256

    folder = tmp_path_factory.mktemp("packed")
    for name in ("open_hand.npz", LANDMARK_NET_FILE):
        shutil.copy(WEIGHTS_DIR / name, folder)
    record_sha256(folder / LANDMARK_NET_FILE)
    main([str(runs["finder"]), str(runs["pair"]), str(folder), "--weights", str(WEIGHTS_DIR)])
    return folder


@pytest.fixture(scope="module")
def source() -> CropSource:
    coarse = torch.rand(1, 3, 8, 10, generator=torch.Generator().manual_seed(9))
    smooth = torch.nn.functional.interpolate(coarse, size=(240, 300), mode="bilinear")[0].permute(1, 2, 0)
    return CropSource((255 * smooth).numpy().astype(np.uint8))


@pytest.mark.parametrize("sides", [SIDES, ("left",)])
def test_the_reader_says_what_the_network_says(packed: Path, source: CropSource, sides: tuple[Side, ...]) -> None:
    squares: dict[Side, Region] = {side: SQUARES[side] for side in sides}
    said = PairReader(packed, 1, ["CPUExecutionProvider"]).read(source, squares)
    network = read_open_weights(packed / OPEN_WEIGHTS_FILE, open_hands()).pair
    crops, numbers = torch.zeros(1, 2, 3, 224, 224), torch.tensor([[[0.0, 0.0, 224.0, 0.0, 0.0]] * 2])
    for side, square in squares.items():
        index = SIDES.index(side)
        crop = source.crop(square, 224, replicate=True, flip=side == "left")
        crops[0, index] = torch.from_numpy(crop).permute(2, 0, 1)
        numbers[0, index] = torch.tensor([*square.center_px, square.side_px, square.angle_rad, 1.0])
    with torch.inference_mode():
        prediction = network.read(crops, numbers)[1]
    peaks = prediction.heatmaps.peaks_xyc[0].reshape(2, 21, 3).numpy()
    np.testing.assert_allclose(said.answer.trans, prediction.mesh.trans[0].numpy(), atol=1e-3)
    assert set(said.hands) == set(sides)
    for index, (side, stages) in enumerate(zip(SIDES, (prediction.mesh.right, prediction.mesh.left), strict=True)):
        np.testing.assert_allclose(said.answer.presence[index], prediction.hand_presence[0, index], atol=1e-4)
        if side not in squares:
            assert said.answer.presence[index] == 0
            assert (said.answer.confidence[index] == 0).all()
            continue
        hand, stage = said.hands[side], stages[-1]
        assert hand.side == side
        np.testing.assert_allclose(hand.joints_px, peaks[index, :, :2], atol=0.02)
        np.testing.assert_allclose(hand.joints_confidence, peaks[index, :, 2], atol=1e-4)
        points_m = stage.points_mm[0].numpy() / 1000
        np.testing.assert_allclose(hand.joints_relative_m, points_m - points_m.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(said.answer.peaks_px[index], hand.joints_px)
        turns = quat_wxyz_to_matrix(said.answer.quat_wxyz[index])
        np.testing.assert_allclose(turns, stage.rotations[0].numpy(), atol=1e-3)
        np.testing.assert_allclose(said.answer.betas[index], stage.betas[0].numpy(), atol=1e-3)


def test_the_engine_loads_what_was_packed(packed: Path) -> None:
    engine = create_engine("twohand", EngineOptions(weights_dir=packed, threads=1))
    assert engine.name == "twohand"
    # The tool wrote the hashes by which the files were checked.
    assert engine.settings.items() <= expected_sha256(packed).items()
    assert set(engine.settings) == {OPEN_WEIGHTS_FILE, OPEN_PAIR_FILE, OPEN_FINDER_FILE, LANDMARK_NET_FILE}
    assert engine.models["left"].sha256 == open_hands()[1].sha256
    # No weight is shipped twice.
    weights, *graphs = (
        (packed / name).stat().st_size for name in (OPEN_WEIGHTS_FILE, OPEN_PAIR_FILE, OPEN_FINDER_FILE)
    )
    assert max(graphs) < weights / 4


def test_untrained_stage_one_proposes_usable_squares_or_nothing(packed: Path, source: CropSource) -> None:
    palms = OpenFinder(packed, 1, ["CPUExecutionProvider"]).find(source)
    assert all(region.usable for palm in palms for region in palm.regions.values())


@pytest.mark.parametrize("name", [OPEN_WEIGHTS_FILE, OPEN_PAIR_FILE, OPEN_FINDER_FILE, LANDMARK_NET_FILE])
def test_a_file_that_is_missing_or_damaged_is_named(packed: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(packed, folder)
    (folder / name).unlink()
    with pytest.raises(HandsError, match=name) as caught:
        create_engine("twohand", EngineOptions(weights_dir=folder, threads=1))
    assert caught.value.code is ErrorCode.MODEL_MISSING
    (folder / name).write_bytes(b"nothing")
    with pytest.raises(HandsError, match=name) as caught:
        create_engine("twohand", EngineOptions(weights_dir=folder, threads=1))
    assert caught.value.code is ErrorCode.MODEL_DAMAGED


def test_a_stage_of_a_packed_file_stays_as_it_is(runs: dict[str, Path], packed: Path, tmp_path: Path) -> None:
    from tools.pack_open_weights import main

    torch.manual_seed(2)
    newer = save_run(tmp_path / "newer", load_configuration("finder", ["picture_px=128"]), FinderNet())
    main([str(newer), str(packed / OPEN_WEIGHTS_FILE), str(tmp_path), "--weights", str(WEIGHTS_DIR)])
    before, after = (read_packed_file(folder / OPEN_WEIGHTS_FILE) for folder in (packed, tmp_path))
    assert before.tensors.keys() == after.tensors.keys()
    same = {name for name, value in before.tensors.items() if torch.equal(value, after.tensors[name])}
    assert {name for name in before.tensors if name.startswith("pair.")} <= same
    assert not same >= {name for name in before.tensors if name.startswith("finder.")}
    assert after.metadata["pair"] == before.metadata["pair"]
    assert json.loads(after.metadata["finder"])["data"] == "made"
    assert after.metadata["finder_input_px"] == "128"


def test_runs_in_the_wrong_order_or_on_other_hands_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    from tools.pack_open_weights import main

    with pytest.raises(SystemExit, match="of the kind 'pair'"):
        main([str(runs["pair"]), str(runs["finder"]), str(tmp_path), "--weights", str(WEIGHTS_DIR)])
    run = RunFolder(runs["finder"]).load()
    assert run is not None
    other = replace(run.identity, model_sha256=(small_hand("right").sha256, small_hand("left").sha256))
    RunFolder(tmp_path / "other").save(replace(run, identity=other))
    with pytest.raises(SystemExit, match="other hand models"):
        main([str(tmp_path / "other"), str(runs["pair"]), str(tmp_path), "--weights", str(WEIGHTS_DIR)])
    assert not (tmp_path / OPEN_WEIGHTS_FILE).exists()
