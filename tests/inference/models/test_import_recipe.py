"""A user's download at its full size: half a gigabyte in, the same numbers out, nothing left behind."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.hands.joints import SIDES
from inference.models import ModelFolder

torch = pytest.importorskip("torch", reason="the paper's network needs torch")

from tests.stand_in_checkpoint import hand_buffers, write_checkpoint  # noqa: E402 - after torch is known to be there
from tests.stand_in_hand import SEEDS, mano_like  # noqa: E402 - as above

ROOT = Path(__file__).resolve().parents[3]
RECIPE = ROOT.parent / "shared" / "fixtures" / "network" / "recipe.py"


@pytest.fixture(scope="module")
def recipe() -> Any:
    if not RECIPE.is_file():
        pytest.skip("the network's fixtures are not beside this copy of the project")
    spec = importlib.util.spec_from_file_location("recipe", RECIPE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def weights(recipe: Any) -> dict[str, Any]:
    return {name: torch.from_numpy(np.asarray(array)) for name, array in recipe.weights(1).items()}


@pytest.fixture(scope="module")
def snapshot(recipe: Any, weights: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    buffers: dict[str, Any] = {}
    for side in SIDES:
        buffers |= hand_buffers(side, recipe.mano_arrays(SEEDS[side], side == "right"))
    path = tmp_path_factory.mktemp("downloads ü") / "snapshot_99.pth.tar"
    yield write_checkpoint(path, {**weights, **buffers})
    path.unlink()  # half a gigabyte, which pytest would keep


def start(snapshot: Path, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "inference", "models", "import", str(snapshot), "--accept-licence", "--records"]
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "TWOHAND_MODELS": str(folder)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def test_every_number_of_the_recipe_arrives(snapshot: Path, weights: dict[str, Any], tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "models")
    worker = start(snapshot, folder.path)
    last = worker.communicate(timeout=200)[0].splitlines()[-1]
    assert worker.returncode == 0
    assert '"record": "result"' in last
    found = folder.paper_weights()
    assert set(found) == set(weights)
    assert all(torch.equal(found[name], tensor) for name, tensor in weights.items())
    for model in folder.hand_models():
        assert np.allclose(model.v_template, mano_like(model.side).v_template, rtol=0, atol=1e-8)
    del found
    folder.remove("intershape")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for a child alone on Windows")
def test_ctrl_c_in_the_middle_of_writing_leaves_nothing(snapshot: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    worker = start(snapshot, folder)
    deadline_s = time.monotonic() + 200
    while not list(folder.glob(".twohand-*")):
        assert worker.poll() is None, "the import ended before it began to write"
        assert time.monotonic() < deadline_s
        time.sleep(0.005)
    worker.send_signal(signal.SIGINT)
    last = worker.communicate(timeout=100)[0].splitlines()[-1]
    assert worker.returncode == 130
    assert '"code": "cancelled"' in last
    assert list(folder.iterdir()) == []
