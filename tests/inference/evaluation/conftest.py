"""A made-up data set for every test here."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.datasets import InterHandDataset
from tests.inference.evaluation.made_predictions import made_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> InterHandDataset:
    return made_dataset(tmp_path)
