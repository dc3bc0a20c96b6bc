"""The paper's network with made-up weights in a model folder, built once: 141 million numbers take their time."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.models.folder import FORMAT_VERSION, MANO_NAMES, PAPER_NAME, ModelFolder
from inference.models.importing import Acceptance, import_files, licences_of, recognise_files
from inference.models.tensor_file import write_tensor_file
from tests.stand_in_hand import write_mano_pickle

FIXTURES = Path(__file__).resolve().parents[4] / "shared" / "fixtures"
RECIPE = FIXTURES / "network" / "recipe.py"


@pytest.fixture(scope="session")
def paper_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model folder with MANO's stand-ins, imported, and the recipe's weights as an import leaves them."""
    if not RECIPE.is_file():
        pytest.skip("the network's fixtures are not beside this copy of the project")
    spec = importlib.util.spec_from_file_location("recipe", RECIPE)
    assert spec is not None and spec.loader is not None
    recipe: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    path = tmp_path_factory.mktemp("models")
    downloads = tmp_path_factory.mktemp("downloads")
    files = recognise_files([write_mano_pickle(downloads, side) for side in MANO_NAMES])
    import_files(files, ModelFolder(path), [Acceptance.now(licence, "test") for licence in licences_of(files)])
    weights = {name.removeprefix("module."): np.asarray(value) for name, value in recipe.weights(1).items()}
    metadata = {"name": PAPER_NAME, "format_version": FORMAT_VERSION, "origin_sha256": "made up"}
    single = {name: value.astype(np.float32) if value.dtype == np.float64 else value for name, value in weights.items()}
    write_tensor_file(path / f"{PAPER_NAME}.safetensors", single, metadata)
    yield path
    shutil.rmtree(path)  # half a gigabyte, which pytest would keep


@pytest.fixture(scope="session")
def paper_network(paper_folder: Path) -> Any:
    """The network out of that folder (`NetworkReader`)."""
    pytest.importorskip("torch", reason="torch is not installed")
    from inference.engines.load_intershape import load_paper_network

    return load_paper_network(ModelFolder(paper_folder), threads=2)


@pytest.fixture
def loaded_network(paper_network: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Commands find the network loaded already."""
    monkeypatch.setattr("inference.engines.load_intershape.load_paper_network", lambda *_: paper_network)
    return paper_network
