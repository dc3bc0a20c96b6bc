"""Networks that several tests share: a small one with lively weights."""

from __future__ import annotations

import pytest
import torch

from inference.benchmark.network_weights import fill_with_seeded_weights
from inference.networks.configuration import COMPACT
from inference.networks.intershape import InterShape
from tests.stand_in_hand import small_hand


@pytest.fixture
def compact_network() -> InterShape:
    """The compact configuration on hands of forty vertices, in evaluation mode."""
    network = InterShape(COMPACT, (small_hand("right"), small_hand("left"))).eval()
    fill_with_seeded_weights(network, 3)
    return network


@pytest.fixture
def pictures() -> torch.Tensor:
    """Three smooth pictures (3, 3, 256, 256)."""
    coarse = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    return torch.nn.functional.interpolate(coarse, size=256, mode="bilinear")
