"""Two processes under torchrun, over gloo, on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.training.run_folder import RunFolder
from inference.training.trainer import Limits
from tests.inference.training.made_run import made_set, silent, small, trainer

ROOT = Path(__file__).resolve().parents[3]


def launch(folder: Path, name: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = Path(__file__).with_name("two_processes.py")
    done = subprocess.run(
        [sys.executable, *words, str(script), str(folder / "interhand"), str(folder), str(folder), name],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    made_set(folder)
    launch(folder, "run")
    return folder


def load(path: Path) -> Any:
    return torch.load(path, weights_only=True)


def test_both_processes_take_the_same_steps(results: Path) -> None:
    for moment in ("first", "last_run"):
        one, two = (load(results / f"{moment}{rank}.pt")["weights"] for rank in range(2))
        # Norms' statistics are each process's own until the next step, whose first act is to take the first one's.
        learned = [name for name in one if "running" not in name]
        assert all(torch.equal(one[name], two[name]) for name in learned)
    saved = RunFolder(results / "run").load()
    assert saved is not None
    assert (saved.step, saved.identity.processes) == (2, 2)
    last = load(results / "last_run0.pt")["weights"]
    assert all(torch.equal(saved.network[name], last[name]) for name in last)
    assert not any((results / "run").glob("*.part"))


def test_the_gradient_is_the_mean_over_both_processes_samples(results: Path, tmp_path: Path) -> None:
    """One process that accumulates two batches sees the same samples in the same parts: its first gradient is the
    same to rounding (which norms over a single sample enlarge), since each part is normalised by itself in both."""
    dataset = made_set(tmp_path)
    alone = trainer(small("steps=2", "batch=1", "accumulate=2"), dataset, tmp_path / "run")
    alone.run(Limits(steps=1), silent)
    theirs = load(results / "first0.pt")["gradients"]
    compared = 0
    for name, value in alone.network.named_parameters():
        if value.grad is None or name not in theirs:
            continue
        scale = float(value.grad.abs().max())
        if scale > 1e-6:
            assert float((theirs[name] - value.grad).abs().max()) < 0.01 * scale, name
            compared += 1
    assert compared > 100


def test_other_processes_go_on_to_the_bit(results: Path) -> None:
    launch(results, "cut")
    whole, cut = (RunFolder(results / name).load() for name in ("run", "cut"))
    assert whole is not None
    assert cut is not None
    assert (whole.step, cut.step) == (2, 2)
    assert all(torch.equal(whole.network[name], cut.network[name]) for name in whole.network)
    first = load(results / "first0.pt")["weights"]
    assert not all(torch.equal(first[name], cut.network[name]) for name in first), "the second step changed nothing"
    for rank in range(2):
        one, two = (load(results / f"last_{name}{rank}.pt")["weights"] for name in ("run", "cut"))
        assert all(torch.equal(one[name], two[name]) for name in one)
