"""Wheels with something in them, served on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.runtime.wheel_server import WheelServer, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[WheelServer]:
    """A server of the folder ``served`` in the test's own."""
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as server:
        yield server


@pytest.fixture
def noise() -> bytes:
    """Bytes that no zip file makes smaller."""
    return np.random.default_rng(7).bytes(20_000)
