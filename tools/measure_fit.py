"""Measure fit and smoothing against known truth: every table and curve of ``docs/fit.md`` but those on landmarks.

How to run, from the repository root (about a quarter of an hour; ``--only`` for a part)::

    OPENBLAS_NUM_THREADS=1 python -m tools.measure_fit --out docs
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tools.fit_measurements.single_pictures import measure_hidden, measure_noise, measure_tilt
from tools.fit_measurements.smoothing_curves import measure_smoothing
from tools.fit_measurements.temporal import measure_temporal
from tools.fit_measurements.touching import measure_touching

PARTS: Final[dict[str, Callable[[Path], None]]] = {
    "noise": measure_noise,
    "hidden": measure_hidden,
    "tilt": measure_tilt,
    "touching": measure_touching,
    "temporal": measure_temporal,
    "smoothing": measure_smoothing,
}


def main() -> None:
    """Measure the parts asked for; tables go to stdout, curves into files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the curves")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be given several times")
    arguments = parser.parse_args()
    for name in arguments.only or PARTS:
        print(f"\n# {name}", flush=True)
        PARTS[name](arguments.out)


if __name__ == "__main__":
    main()
