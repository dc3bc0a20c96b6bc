"""How much each stage of a trained pair network adds: its answer after the first estimate and after every refinement.

How to run, from the repository root::

    python -m tools.measure_stages [weights/open_twohand.safetensors] --count 200
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.ablation.pair_source import PairSource
from inference.ablation.uncertainty import differences, errors_of_samples, standard_errors
from inference.detect.nets import OPEN_WEIGHTS_FILE
from inference.engines.engine import WEIGHTS_DIR
from inference.evaluation.drawn_set import DrawnSet
from inference.evaluation.evaluate import evaluate
from inference.evaluation.protocol import CORRECTED
from inference.networks.open_weights import read_open_weights
from inference.networks.pair_net import CROP_PX
from inference.synthesis.fixed_sets import ABLATION_SET

_METRICS = ("mpjpe_mm", "pa_mpjpe_mm")


def main(words: Sequence[str] | None = None) -> None:
    """Print a row a stage, with what it changes against the one before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=WEIGHTS_DIR / OPEN_WEIGHTS_FILE, help="a packed file")
    parser.add_argument("--count", type=int, default=ABLATION_SET.count, help="held-out drawn samples")
    arguments = parser.parse_args(words)
    drawn = DrawnSet.draw(ABLATION_SET, WEIGHTS_DIR, count=arguments.count, size_px=CROP_PX)
    network = read_open_weights(arguments.file, (drawn.models["right"], drawn.models["left"])).pair
    print(f"{drawn.name}: mean ± standard error (change by the last stage), mm")
    before = None
    for stages in range(network.configuration.cascade_stages + 1):
        found = evaluate(drawn, PairSource(network, drawn, stages), CORRECTED, report=_say_nothing)
        errors = errors_of_samples(found.table, CORRECTED)
        for name, rows in found.table.groups().items():
            texts = [f"after {stages} refinements  {name:<12}"]
            for metric in _METRICS:
                mean, error = getattr(found.scores.groups[name], metric), standard_errors(errors, rows)[metric]
                change, of_change = differences(errors, before or errors, rows)[metric]
                texts.append(f"{metric} {mean:6.2f} ± {error:.2f} ({change:+.2f} ± {of_change:.2f})")
            print("  ".join(texts))
        before = errors


def _say_nothing(_: Mapping[str, Any]) -> None:
    """Of the progress."""


if __name__ == "__main__":
    main()
