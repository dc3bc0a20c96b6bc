"""Drawn batches: what the network is told fits what it sees, and training on them starts and goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.__main__ import main
from inference.camera import Camera
from inference.engines.engine import WEIGHTS_DIR
from inference.fit.placement import turn_to_ray
from inference.synthesis.sample import Generator, Settings
from inference.training.configuration import load_configuration
from inference.training.run_folder import RunFolder, load_network_file
from inference.training.start import make_synthetic_trainer
from inference.training.synthetic_stream import SyntheticStream, batch_of
from inference.training.trainer import Limits
from tests.inference.training.made_run import ALONE, silent

PICTURE_PX = 64


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator.from_weights(WEIGHTS_DIR, Settings(size_px=PICTURE_PX))


def test_directions_are_those_of_a_crop_in_the_pictures_middle(generator: Generator) -> None:
    """What the engine does to an answer (`turn_to_ray`) must give the samples' true directions back."""
    samples = generator.make(5, torch.arange(6))
    batch = batch_of(samples)
    for row in range(6):
        camera = Camera(
            float(samples.focal_px[row]),
            (float(samples.principal_px[row, 0]), float(samples.principal_px[row, 1])),
            (PICTURE_PX, PICTURE_PX),
            "given",
        )
        turn = turn_to_ray(camera, ((PICTURE_PX - 1) / 2, (PICTURE_PX - 1) / 2))
        back = batch.targets.points_mm[row].double().numpy() @ turn.T
        np.testing.assert_allclose(back, 1000 * samples.joints_m[row].double().numpy(), atol=0.02)
    np.testing.assert_allclose(batch.picture.numpy() * 255, samples.picture.numpy(), atol=1e-3)


def test_a_hand_that_cannot_be_seen_counts_as_absent(generator: Generator) -> None:
    samples = generator.make(5, torch.arange(24))
    batch = batch_of(samples)
    seen = (samples.visible.sum(-1) >= 3) & samples.present
    assert torch.equal(batch.targets.hand_present, seen.float())
    assert torch.equal(batch.targets.points_valid.amax(-1), seen.float())
    assert (samples.present & ~seen).any()
    assert seen.any()


def test_a_batch_is_known_by_its_number_whoever_draws_it() -> None:
    streams = [
        SyntheticStream(
            WEIGHTS_DIR,
            Settings(size_px=PICTURE_PX),
            batch=2,
            seed=3,
            samples=10,
            device=torch.device("cpu"),
            workers=workers,
        )
        for workers in (0, 1)
    ]
    here, there = streams[0].batches(1, 2), streams[1].batches(3, 2)
    next(here)
    one, two = next(here), next(there)
    for name, tensor in one.named_tensors().items():
        torch.testing.assert_close(tensor, two.named_tensors()[name], msg=name)


def test_a_run_cut_in_two_gives_the_weights_of_one(tmp_path: Path) -> None:
    changes = ("batch=2", "steps=2", f"picture_px={PICTURE_PX}", "warmup_steps=0", "ema=0.9")
    configuration = load_configuration("open", changes)
    stops = {"whole": (0,), "cut": (1, 0)}
    for name, steps in stops.items():
        for step in steps:  # a trainer each, as in a process each
            made = make_synthetic_trainer(configuration, WEIGHTS_DIR, tmp_path / name, ALONE, start="random")
            made.run(Limits(steps=step), silent)
    whole, cut = (RunFolder(tmp_path / name).load() for name in stops)
    assert whole is not None
    assert cut is not None
    assert (whole.step, cut.step) == (2, 2)
    for part in ("network", "averaged"):
        ours, theirs = getattr(whole, part), getattr(cut, part)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours), part


def test_training_draws_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["train", "--data", "synthesis", "--config", "open", "--out", str(tmp_path / "run")]
    options += ["--first-weights", "random"]
    for change in ("batch=2", "steps=2", f"picture_px={PICTURE_PX}", "warmup_steps=0"):
        options += ["--set", change]
    assert main([*options, "--stop-after", "1"]) == 0
    assert main(options) == 0
    assert "finished at step 2 of 2" in capsys.readouterr().out
    trained = load_network_file(tmp_path / "run" / "network.safetensors")
    weights = trained.weights
    assert trained.identity.configuration.picture_px == PICTURE_PX
    assert trained.identity.axes == "crop ray"
    assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())
