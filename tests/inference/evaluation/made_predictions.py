"""Predictions for a made-up data set: the truth, moved as each test wants it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inference.datasets import InterHandDataset, SampleFilter, open_interhand
from inference.datasets.dataset import HandDataset
from inference.evaluation.alignment import palm_length
from inference.hands.joints import MIDDLE_MCP
from tests.made_interhand import MODELS, write_interhand


def silent(record: Mapping[str, Any]) -> None:
    pass


def made_dataset(folder: Path, *, pictures: bool = False) -> InterHandDataset:
    """Twelve samples of two takes and two cameras."""
    root = write_interhand(folder / "set", pictures=pictures)
    return open_interhand(root, "test", MODELS, wanted=SampleFilter(), report=silent, index_base=folder / "index")


def perfect_arrays(dataset: HandDataset) -> dict[str, Any]:
    """What a method without any error writes: each hand at its own origin, of another size."""
    samples = np.arange(len(dataset))
    truth = dataset.truth(samples)
    size = np.array([1.3, 0.8])[None, :, None, None]
    palms = palm_length(truth.points_mm)
    roots = truth.points_mm[:, :, MIDDLE_MCP]
    trans = np.column_stack([np.log(palms[:, 1] / palms[:, 0]), (roots[:, 1] - roots[:, 0]) / palms[:, 1:]])
    points = truth.points_mm - roots[:, :, None]
    vertices = [truth.vertices_mm[hand] - roots[:, hand, None] for hand in range(2)]
    return {
        "ids": np.array(dataset.ids(samples)),
        "joints": (points * size).reshape(-1, 42, 3).astype(np.float32),
        "vertices": np.concatenate([vertices[0] * 1.3, vertices[1] * 0.8], axis=1).astype(np.float32),
        "trans": trans,
    }
