"""Where a variant is trained and tested."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..evaluation.evaluate import Evaluation
from ..training.configuration import TrainingConfiguration
from ..training.trainer import Trainer

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Tested:
    """A trained network's evaluation, and how many parameters it has."""

    evaluation: Evaluation
    parameters: int


class Bench(Protocol):
    """What is trained on and what is tested on.

    Attributes
    ----------
    training_name, test_name : for reports
    """

    @property
    def training_name(self) -> str: ...

    @property
    def test_name(self) -> str: ...

    def trainer(self, configuration: TrainingConfiguration, out: Path) -> Trainer[Any, Any]:
        """A trainer of a run in the folder `out`, or of what is left of it."""
        ...

    def test(self, network: Path, report: Report, cancelled: threading.Event | None) -> Tested:
        """Evaluate a run's ``network.safetensors``."""
        ...
