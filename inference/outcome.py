"""What a reconstruction came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .contract import Take
from .hands.joints import SIDES
from .memory import peak_memory_mb


@dataclass(frozen=True)
class Outcome:
    """A take, and where it lies.

    Parameters
    ----------
    take : the reconstruction; not `complete` where the run was cancelled
    path : its file; None where a cancelled run left an existing complete take alone
    resumed_frames : how many frames came from an earlier run
    seconds : how long this run took
    """

    take: Take
    path: Path | None
    resumed_frames: int
    seconds: float

    def summary(self) -> dict[str, Any]:
        """What a person wants to know, for the result record."""
        take = self.take
        error, side = take.reprojection_px(), take.box_side_px()
        peak_mb = peak_memory_mb()
        hands: dict[str, Any] = {}
        for index, name in enumerate(SIDES):
            seen = take.present[index]
            hands[name] = {
                "frames": int(seen.sum()),
                "reprojection_px": round(float(np.mean(error[index, seen])), 2) if seen.any() else None,
                "reprojection_share": round(float(np.mean(error[index, seen] / side[index, seen].clip(1e-9))), 4)
                if seen.any()
                else None,
            }
        return {
            "complete": take.complete,
            "frames": len(take.frames),
            "readable": int(take.readable.sum()),
            "resumed_frames": self.resumed_frames,
            "hands": hands,
            "focal_px": round(take.focal_px, 2),
            "focal_source": take.focal_source,
            "warnings": len(take.warnings),
            "seconds": round(self.seconds, 2),
            "peak_memory_mb": None if peak_mb is None else round(peak_mb),
        }
