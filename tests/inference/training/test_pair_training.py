"""Training the pair network on drawn pictures: it begins as the landmark net, and goes on as if never cut."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.__main__ import main
from inference.contract import ErrorCode, HandsError
from inference.detect.nets import LANDMARK_NET_FILE
from inference.engines.engine import WEIGHTS_DIR
from inference.networks.landmark_backbone import LandmarkBackbone, load_landmark_weights
from inference.training.configuration import TrainingConfiguration, load_configuration
from inference.training.run_folder import RunFolder, SavedRun
from inference.training.start_pair import pair_trainer_on
from inference.training.trainer import Limits
from tests.inference.training.made_pair_batch import MadeStream
from tests.inference.training.made_run import ALONE, silent
from tests.stand_in_pair_net import open_hands

pytest.importorskip("onnx", reason="onnx, which reads the first weights, is not installed")

FEW = ("batch=1", "steps=2", "cascade_stages=1", "warmup_steps=0", "ema=0.9", "picture_px=64")


def small(*changes: str) -> TrainingConfiguration:
    return load_configuration("pair", [*FEW, *changes])


def made_stream() -> MadeStream:
    return MadeStream(1, vertices=len(open_hands()[0].v_template))


def saved(folder: Path) -> SavedRun:
    run = RunFolder(folder).load()
    assert run is not None
    return run


def run_made(configuration: TrainingConfiguration, folder: Path, steps: int = 0, first: Path | None = None) -> SavedRun:
    """On made-up batches: what is drawn does not matter."""
    trainer = pair_trainer_on(
        configuration,
        made_stream(),
        "made",
        open_hands(),
        RunFolder(folder),
        world=ALONE,
        weights_dir=WEIGHTS_DIR,
        first_weights=first,
    )
    trainer.run(Limits(steps=steps), silent)
    return saved(folder)


def test_training_on_drawn_pictures_begins_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--config", "pair", "--data", "synthesis", "--threads", "1", "--workers", "0"]
    for change in FEW:
        words += ["--set", change]
    words += ["--out", str(tmp_path / "run")]
    assert main([*words, "--stop-after", "1"]) == 0
    assert saved(tmp_path / "run").step == 1
    assert main(words) == 0
    assert "finished at step 2 of 2" in capsys.readouterr().out
    assert saved(tmp_path / "run").step == 2
    assert main([*words, "--set", "seed=3"]) == ErrorCode.USAGE.exit_code
    assert "another configuration" in capsys.readouterr().err


def test_a_run_cut_in_the_middle_of_what_is_mixed_gives_the_weights_of_one(tmp_path: Path) -> None:
    configuration = small("steps=3")
    whole = run_made(configuration, tmp_path / "whole")
    for steps in (1, 0):
        cut = run_made(configuration, tmp_path / "cut", steps)
    assert whole.step == cut.step == 3
    for part in ("network", "averaged"):
        tensors, others = getattr(cut, part), getattr(whole, part)
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensors[name], others[name]) for name in tensors), part


@pytest.fixture(scope="module")
def landmark_net() -> LandmarkBackbone:
    backbone = LandmarkBackbone()
    load_landmark_weights(backbone, WEIGHTS_DIR / LANDMARK_NET_FILE)
    return backbone


def moved(run: SavedRun, before: LandmarkBackbone) -> set[str]:
    """The backbone's tensors that are no longer the landmark net's."""
    state = before.state_dict()
    return {name for name, value in state.items() if not torch.equal(run.network[f"backbone.{name}"], value)}


def test_the_backbone_learns_at_its_own_rate(tmp_path: Path, landmark_net: LandmarkBackbone) -> None:
    still = run_made(small("backbone_rate=0.0", "steps=1"), tmp_path / "still")
    assert moved(still, landmark_net) == set()
    slow = run_made(small("backbone_rate=0.25", "steps=1"), tmp_path / "slow")
    frozen = ("stem.", "first_", *(f"blocks.{number}." for number in range(7)))
    free = {name for name in landmark_net.state_dict() if not name.startswith(frozen)}
    assert moved(slow, landmark_net) <= free
    assert len(moved(slow, landmark_net)) > 0.9 * len(free)
    # One step of AdamW is as long as the rate, and a quarter of it in the backbone.
    groups = slow.optimiser["param_groups"]
    assert [group["share"] for group in groups] == [1.0, 0.25]
    assert groups[1]["lr"] == pytest.approx(0.25 * groups[0]["lr"])
    assert sum(len(group["params"]) for group in groups) == len(slow.network) - len(landmark_net.state_dict()) + len(
        free
    )


def test_half_precision_trains_too(tmp_path: Path) -> None:
    run = run_made(small("precision=bf16", "steps=1"), tmp_path / "run")
    assert all(torch.isfinite(value).all() for value in run.network.values())


def test_another_run_s_weights_may_come_first(tmp_path: Path) -> None:
    first = run_made(small("steps=1"), tmp_path / "first")
    rates = ("learning_rate=1e-12", "weight_decay=0.0", "steps=1", "ema=0.0")
    second = run_made(small(*rates), tmp_path / "second", first=tmp_path / "first" / "network.safetensors")
    for name, value in first.averaged.items():
        torch.testing.assert_close(second.network[name], value, atol=1e-9, rtol=0)


def test_without_the_landmark_net_no_run_begins(tmp_path: Path) -> None:
    with pytest.raises(HandsError, match=r"hand_landmark\.onnx") as caught:
        pair_trainer_on(
            small(), made_stream(), "made", open_hands(), RunFolder(tmp_path / "run"), world=ALONE, weights_dir=tmp_path
        )
    assert caught.value.code is ErrorCode.MODEL_MISSING


def test_what_the_board_shows_of_a_batch(tmp_path: Path) -> None:
    configuration = small("steps=1")
    trainer = pair_trainer_on(
        configuration, made_stream(), "made", open_hands(), RunFolder(tmp_path), world=ALONE, weights_dir=WEIGHTS_DIR
    )
    result = trainer.run(Limits(), silent)
    assert result.finished
    assert result.last_loss > 0
    text = (tmp_path / "log.jsonl").read_text()
    for term in ("points", "certainty", "presence", "relation", "joints_px", "vertices", "penetration"):
        assert f'"loss/{term}"' in text
