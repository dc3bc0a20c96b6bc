"""``ablate --data synthesis``: variants on drawn pictures, tested on the same held-out scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.__main__ import main
from inference.ablation.drawn_bench import DrawnBench
from inference.ablation.pair_source import PairSource
from inference.ablation.uncertainty import differences, errors_of_samples, standard_errors
from inference.datasets import PictureReader
from inference.datasets.dataset import INTERACTING
from inference.detect.nets import OPEN_WEIGHTS_FILE
from inference.engines.engine import WEIGHTS_DIR
from inference.evaluation.drawn_set import DrawnSet
from inference.evaluation.errors import ErrorTable
from inference.evaluation.evaluate import evaluate
from inference.evaluation.protocol import AUTHORS, CORRECTED
from inference.networks.open_weights import read_open_weights
from inference.synthesis.fixed_sets import ABLATION_SET
from inference.training.configuration import load_configuration
from inference.training.pair_batch import true_regions
from inference.training.run_folder import load_network_file
from tests.inference.training.made_run import ALONE, silent
from tests.perfect_answer import perfect_answer
from tests.stand_in_pair_net import open_hands, stand_in_pair_net

COUNT = 6
SHIPPED = WEIGHTS_DIR / OPEN_WEIGHTS_FILE
FEW = ["--set", "batch=1", "--set", "picture_px=64", "--set", "warmup_steps=0", "--threads", "1", "--steps", "1"]


def ablate(config: str, out: Path, *words: str) -> dict[str, Any]:
    """What is kept as JSON."""
    line = ["ablate", "--config", config, "--data", "synthesis", "--out", str(out), "--test-count", str(COUNT), *FEW]
    assert main([*line, *words]) == 0
    return json.loads((out / "ablation.json").read_text())


@pytest.fixture(scope="module")
def drawn() -> DrawnSet:
    return DrawnSet.draw(ABLATION_SET, WEIGHTS_DIR, count=24, size_px=64)


def test_the_pair_network_is_ablated_on_held_out_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx", reason="onnx, which reads the first weights, is not installed")
    words = ["--first-weights", str(SHIPPED), "--set", "learning_rate=1e-12", "--variants", "baseline,stages1"]
    content = ablate("pair", tmp_path, *words)
    printed = capsys.readouterr().out
    assert printed.startswith("Protocol 'corrected' on the first 6 of the drawn set 'ablation', after 1 steps each")
    assert [item["folder"] for item in content["variants"]] == ["baseline", "stages1"]
    sizes = [item["parameters"] for item in content["variants"]]
    assert sizes[0] < sizes[1]
    assert not (tmp_path / "attention").exists()
    for item in content["variants"]:
        scores = item["scores"]["groups"]["all"]
        for name in ("mpjpe_mm", "mpvpe_mm", "pa_mpjpe_mm", "mrrpe_mm"):
            assert scores[name] > 0
            assert item["standard_errors"]["all"][name] > 0
        assert f"{scores['mpjpe_mm']:.2f} ± {item['standard_errors']['all']['mpjpe_mm']:.2f}" in printed
    # Every variant begins with the trained backbone and with new parts of its own.
    shipped = read_open_weights(SHIPPED, open_hands()).pair.state_dict()
    weights = load_network_file(tmp_path / "stages1" / "network.safetensors").weights
    for name, value in weights.items():
        is_old = torch.allclose(value, shipped[name], atol=1e-6)
        if name.startswith("backbone."):
            assert is_old, name
        elif name.startswith(("first.", "stages.")) and name.endswith("weight"):
            assert not is_old, name
    # Again: nothing is trained anew, the numbers stay.
    again = ablate("pair", tmp_path, *words)
    assert again == content
    assert capsys.readouterr().out == printed


def test_the_one_crop_network_is_tested_on_the_same_scenes(tmp_path: Path) -> None:
    content = ablate("open", tmp_path, "--first-weights", "random", "--variants", "stages3")
    (item,) = content["variants"]
    assert item["scores"]["dataset"] == "the first 6 of the drawn set 'ablation'"
    assert item["scores"]["groups"]["all"]["samples"] == item["scores"]["expected_samples"] > 3
    assert item["scores"]["groups"]["interacting"]["mrrpe_mm"] is not None


def test_both_networks_see_the_same_hands_at_their_own_sizes(drawn: DrawnSet) -> None:
    larger = DrawnSet.draw(ABLATION_SET, WEIGHTS_DIR, count=24, size_px=96)
    assert larger.ids(np.arange(len(larger))) == drawn.ids(np.arange(len(drawn)))
    rows = np.arange(len(drawn))
    np.testing.assert_allclose(larger.truth(rows).points_mm, drawn.truth(rows).points_mm, atol=0.01)
    assert set(drawn.kinds) >= {INTERACTING}
    # Two hands that are seen interact: no sample shows hands apart.
    assert set(drawn.samples.kind.tolist()) <= {0, 1, 3}


def test_squares_lie_beside_the_true_ones_and_are_always_the_same(drawn: DrawnSet) -> None:
    network = stand_in_pair_net(2, cascade_stages=0)
    first, second = PairSource(network, drawn), PairSource(network, drawn)
    assert torch.equal(first.regions, second.regions)
    np.testing.assert_array_equal(first.regions[..., 4].numpy() > 0, drawn.annotated)
    true = true_regions(drawn.samples.joints_px)
    annotated = torch.from_numpy(drawn.annotated)
    apart = (first.regions - true)[..., :2].norm(dim=-1)[annotated] / true[..., 2][annotated]
    assert 0.04 < float(apart.median()) < 0.2
    assert float((first.regions[..., 2] / true[..., 2]).log()[annotated].abs().median()) > 0.03
    ours, theirs = (evaluate(drawn, source, CORRECTED, report=silent).scores for source in (first, second))
    assert ours.groups["all"].mpjpe_mm == theirs.groups["all"].mpjpe_mm


def test_every_stage_can_be_asked(drawn: DrawnSet) -> None:
    network = stand_in_pair_net(2, cascade_stages=1)
    first, last, whole = (
        evaluate(drawn, PairSource(network, drawn, stages), CORRECTED, report=silent).scores.groups["all"]
        for stages in (0, 1, None)
    )
    assert first.mpvpe_mm is None  # meshes are posed at the end alone
    assert first.mpjpe_mm != last.mpjpe_mm
    assert last == whole


def test_a_perfect_answer_has_no_error(drawn: DrawnSet, monkeypatch: pytest.MonkeyPatch) -> None:
    network = stand_in_pair_net(2, cascade_stages=0)
    monkeypatch.setattr(network, "predict", lambda picture, _: perfect_answer(drawn.samples, picture))
    groups = evaluate(drawn, PairSource(network, drawn), CORRECTED, report=silent).scores.groups
    assert {"all", "interacting", "single"} == set(groups)
    for value in (groups["all"].mpjpe_mm, groups["all"].mpvpe_mm, groups["interacting"].mrrpe_mm):
        assert value == pytest.approx(0, abs=0.02)


def test_a_drawn_set_says_what_is_true(drawn: DrawnSet) -> None:
    rows = np.arange(len(drawn))
    truth = drawn.truth(rows)
    for sample in rows:
        seen = drawn.intrinsics(sample).project(truth.points_mm[sample])
        np.testing.assert_allclose(seen, drawn.samples.joints_px[sample].numpy(), atol=0.01)
        assert PictureReader(drawn)(sample) is not None
        np.testing.assert_array_equal(drawn.find(drawn.ids(rows))[sample], sample)
    assert drawn.find(["nobody/0/0"]).tolist() == [-1]
    parameters = drawn.parameters(rows)
    assert parameters.pose_rotvec.shape == (len(drawn), 2, 48)
    assert (parameters.pose_rotvec[~drawn.annotated] == 0).all()


@pytest.mark.parametrize("protocol", [CORRECTED, AUTHORS])
def test_uncertainty_is_that_of_samples(drawn: DrawnSet, protocol: Any) -> None:
    table = ErrorTable(drawn, protocol)
    chance = np.random.default_rng(3)
    base = chance.gamma(4, 5, len(drawn))
    table.point[:] = base[:, None, None]
    errors = errors_of_samples(table, protocol)
    rows = np.arange(len(drawn)) % 2 == 0
    np.testing.assert_allclose(errors["mpjpe_mm"], base, rtol=1e-5)
    expected = base[rows].std(ddof=1) / np.sqrt(rows.sum())
    assert standard_errors(errors, rows)["mpjpe_mm"] == pytest.approx(expected)
    assert standard_errors(errors, rows)["mpvpe_mm"] is None
    # A hard sample is hard for both: what is left is what they differ in.
    better = {**errors, "mpjpe_mm": errors["mpjpe_mm"] - 2}
    mean, of_mean = differences(better, errors, rows)["mpjpe_mm"]
    assert mean == pytest.approx(-2)
    assert of_mean == pytest.approx(0, abs=1e-6)


def test_the_bench_names_its_scenes() -> None:
    bench = DrawnBench(load_configuration("open", ["picture_px=64"]), WEIGHTS_DIR, ALONE, count=2)
    assert (bench.training_name, bench.test_name) == ("synthesis", "the first 2 of the drawn set 'ablation'")
