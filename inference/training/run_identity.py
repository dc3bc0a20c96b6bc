"""What a run is, apart from how far it came: all of it must be the same for the run to go on, and some of it must be
known for its network to be used."""

from __future__ import annotations

from dataclasses import dataclass

from ..fit.placement import AnswerAxes
from ..hands.model import HandModel
from .configuration import TrainingConfiguration

ModelHashes = tuple[str, str]
"""`HandModel.sha256` of the right and of the left hand, as in a take."""


def hashes_of(models: tuple[HandModel, HandModel]) -> ModelHashes:
    """Of the right and the left hand model."""
    right, left = models
    return right.sha256, left.sha256


@dataclass(frozen=True)
class RunIdentity:
    """A run.

    Parameters
    ----------
    configuration : all settings
    data : what the samples are, in words
    axes : of the targets, and so of what the network answers
    model_sha256 : the hand models that the network poses and that the targets were made with
    processes : how many share the samples among them
    """

    configuration: TrainingConfiguration
    data: str
    axes: AnswerAxes
    model_sha256: ModelHashes
    processes: int = 1

    def difference(self, other: RunIdentity) -> str | None:
        """In what `other` is not this run, to be put after "a run"; None where it is."""
        differences = {
            "with another configuration": other.configuration != self.configuration,
            "with other data": other.data != self.data,
            "with other hand models": other.model_sha256 != self.model_sha256,
            f"on directions in other axes ({other.axes}, not {self.axes})": other.axes != self.axes,
            f"of {other.processes} processes, not {self.processes},": other.processes != self.processes,
        }
        return next((words for words, found in differences.items() if found), None)
