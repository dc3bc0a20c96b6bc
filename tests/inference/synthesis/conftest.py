"""One generator and one batch of samples for all tests of this folder: making them takes seconds."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from inference.engines.engine import WEIGHTS_DIR as WEIGHTS  # noqa: E402 - torch first, or the tests are skipped
from inference.hands.open_hand import load_hand_models  # noqa: E402
from inference.synthesis.hand_surface import HandSurface  # noqa: E402
from inference.synthesis.interactions import InteractionLibrary, load_interactions  # noqa: E402
from inference.synthesis.sample import Generator, Samples, Settings  # noqa: E402


@pytest.fixture(scope="session")
def library() -> InteractionLibrary:
    return load_interactions(WEIGHTS)


@pytest.fixture(scope="session")
def surface() -> HandSurface:
    return HandSurface(load_hand_models(WEIGHTS)["right"])


@pytest.fixture(scope="session")
def generator(library: InteractionLibrary) -> Generator:
    return Generator(load_hand_models(WEIGHTS)["right"], library, Settings(size_px=128))


@pytest.fixture(scope="session")
def set_seed() -> int:
    return 5


@pytest.fixture(scope="session")
def samples(generator: Generator, set_seed: int) -> Samples:
    return generator.make(set_seed, torch.arange(48))
