"""The benchmark of training measures pictures that can be learned from; this machine's speed stays out of the tests."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.__main__ import main
from inference.benchmark import drawing, training
from inference.benchmark.made_pictures import SIZE_PX, made_pictures
from inference.training.dataset_stream import DatasetStream


def test_made_pictures_show_both_hands_whole(tmp_path: Path) -> None:
    dataset = made_pictures(tmp_path, 3)
    assert len(dataset) == 3
    assert dataset.picture(0).shape == (SIZE_PX[1], SIZE_PX[0], 3)
    (batch,) = islice(DatasetStream(dataset, batch=3, augmentation=None, seed=0).batches(0, 1), 1)
    assert float(batch.targets.points_valid.min()) == 1
    assert np.all((batch.joints_px.numpy() > 0) & (batch.joints_px.numpy() < 256))


def test_the_loader_and_the_networks_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "_LOADER_BATCHES", 1)
    monkeypatch.setattr(training, "_PICTURES", 4)
    monkeypatch.setattr(training, "_CONFIGURATIONS", ("compact",))
    monkeypatch.setattr(drawing, "_SIZES_PX", (64,))
    monkeypatch.setattr(drawing, "_CPU_BATCH", 2)
    measured = training._measure_case

    def small_ones(case: training._Case, *others: object) -> object:
        return [] if case.name == "paper" else measured(case._replace(batch=2, steps=1, workers=0), *others)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(training, "_measure_case", small_ones)
    assert main(["benchmark", "--training", "--repeats", "1", "--json"]) == 0
    printed = capsys.readouterr()
    found = {item["name"]: item for item in json.loads(printed.out)["measurements"]}
    rows = {"draw 64 px, CPU, 1 thread", "draw 64 px, CPU, 2 threads"}
    assert {name for name in found if name.startswith("draw") and "CPU" in name} == rows
    assert all(found[name]["median"] > 0 and found[name]["unit"] == "pictures/s" for name in rows)
    if not torch.cuda.is_available():
        assert "the rows of drawing on one are left out" in printed.err
    assert found["loader alone, compact, 2 processes"]["median"] > 0
    for kind in ("compact", "pair", "finder"):
        names = [name for name in found if name.startswith(f"train {kind}, CPU")]
        assert len(names) == 2
        assert all(found[name]["median"] > 0 for name in names), kind
