"""A run goes on with its own samples alone, however alike others may look."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.contract import HandsError
from inference.datasets import InterHandDataset, SampleFilter, open_interhand
from inference.engines.engine import WEIGHTS_DIR
from inference.synthesis.arrangement import ArrangementShares
from inference.synthesis.sample import Settings
from inference.training import start
from inference.training.start import make_synthetic_trainer, samples_of
from inference.training.trainer import Limits
from tests.inference.training.made_run import ALONE, run, silent, small
from tests.made_interhand import MODELS, write_interhand


def of_subject(folder: Path, subject: int) -> InterHandDataset:
    """Six samples; those of the two people have other ids and nothing else that tells them apart."""
    wanted = SampleFilter(subjects=frozenset([subject]))
    return open_interhand(folder, "train", MODELS, wanted=wanted, report=silent, index_base=folder / "index")


class Reordered:
    """A data set whose samples are asked for in another order."""

    def __init__(self, dataset: InterHandDataset, order: list[int]) -> None:
        self.name, self._dataset, self._order = dataset.name, dataset, np.array(order)

    def __len__(self) -> int:
        return len(self._order)

    def ids(self, samples: NDArray[np.int64]) -> list[str]:
        return self._dataset.ids(self._order[samples])


def test_as_many_other_samples_of_the_same_name_do_not_go_on(tmp_path: Path) -> None:
    write_interhand(tmp_path, split="train")
    first, second = (of_subject(tmp_path, subject) for subject in (0, 1))
    assert (first.name, len(first)) == (second.name, len(second))
    run(small(), first, tmp_path / "run", Limits(steps=1))
    with pytest.raises(HandsError, match="other data"):
        run(small(), second, tmp_path / "run")
    assert run(small(), of_subject(tmp_path, 0), tmp_path / "run", Limits(steps=2)).step == 2


def test_the_order_counts_and_the_way_of_counting_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_interhand(tmp_path, split="train")
    dataset = of_subject(tmp_path, 0)
    orders: list[Any] = [Reordered(dataset, order) for order in ([0, 1, 2], [0, 2, 1], [0, 1])]
    texts = [samples_of(one) for one in orders]
    assert len(set(texts)) == 3
    monkeypatch.setattr(start, "_IDS_AT_ONCE", 2)
    assert [samples_of(one) for one in orders] == texts


def test_drawn_pictures_of_another_kind_do_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = small("picture_px=64")

    def make() -> None:
        made = make_synthetic_trainer(configuration, WEIGHTS_DIR, tmp_path, ALONE, start="random")
        made.run(Limits(steps=1), silent)

    make()
    make()  # goes on
    other = ArrangementShares(contact=0, near=0, apart=0, single=1, none=0)
    monkeypatch.setattr(start, "Settings", lambda **given: replace(Settings(**given), shares=other))
    with pytest.raises(HandsError, match="other data"):
        make()
