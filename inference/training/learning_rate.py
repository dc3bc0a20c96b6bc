"""The learning rate of every step."""

from __future__ import annotations

import math
from typing import Final

from .configuration import TrainingConfiguration

_COSINE_END: Final = 0.01
_DROP: Final = 10.0


def learning_rate(configuration: TrainingConfiguration, step: int, total_steps: int, steps_an_epoch: float) -> float:
    """Of step number `step` (the first is 0), by the configuration's schedule."""
    rate = configuration.learning_rate
    if step < configuration.warmup_steps:
        return rate * (step + 1) / configuration.warmup_steps
    if configuration.schedule == "cosine":
        rest = max(1, total_steps - configuration.warmup_steps)
        done = min(1.0, (step - configuration.warmup_steps) / rest)
        return rate * (_COSINE_END + (1 - _COSINE_END) * 0.5 * (1 + math.cos(math.pi * done)))
    drops = sum(step >= epoch * steps_an_epoch for epoch in configuration.rate_epochs)
    return rate / _DROP**drops
