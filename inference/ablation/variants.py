"""The networks that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..contract import ErrorCode, HandsError
from ..training.configuration import TrainingConfiguration


@dataclass(frozen=True)
class Variant:
    """A network with some of the paper's parts; `folder` is its run's name."""

    name: str
    folder: str
    use_attention: bool
    cascade_stages: int

    def of(self, configuration: TrainingConfiguration) -> TrainingConfiguration:
        """The configuration of its run."""
        return replace(
            configuration,
            name=f"{configuration.name} {self.folder}",
            use_attention=self.use_attention,
            cascade_stages=self.cascade_stages,
        )


VARIANTS: Final = (
    Variant("baseline", "baseline", False, 0),
    Variant("+ attention", "attention", True, 0),
    Variant("+ 1 cascade stage", "stages1", True, 1),
    Variant("+ 2 cascade stages", "stages2", True, 2),
    Variant("+ 3 cascade stages", "stages3", True, 3),
)


def chosen_variants(folders: Sequence[str] | None) -> list[Variant]:
    """Those with these folders, in the order of `VARIANTS`; None for all.

    Raises
    ------
    HandsError
        USAGE where there is no such variant
    """
    known = [variant.folder for variant in VARIANTS]
    for folder in folders or ():
        if folder not in known:
            raise HandsError(ErrorCode.USAGE, f"There is no variant '{folder}'.", f"Give some of {', '.join(known)}.")
    return [variant for variant in VARIANTS if folders is None or variant.folder in folders]
