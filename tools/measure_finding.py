"""Measure how well hands are found in held-out pictures: by the landmark nets, or by the open two-hand network.

The same pictures for both: half whole pictures, half crops. From the repository root::

    python -m tools.measure_finding landmarks --count 200
    python -m tools.measure_finding open --count 200
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.detect.crops import CropSource
from inference.detect.finder import HandFinder
from inference.detect.landmark_net import LandmarkNet
from inference.detect.region import Region
from inference.engines.open_finder import OpenFinder
from inference.engines.open_proposer import OpenProposer
from inference.engines.pair_reader import PairReader
from inference.evaluation.finding import Locate, measure_finding
from inference.hands.joints import Side
from inference.synthesis.picture_set import SetPlan, batches
from inference.synthesis.sample import Generator, Settings

WEIGHTS: Final = Path(__file__).resolve().parents[1] / "weights"
_BATCH: Final = 20


def landmarks(weights_dir: Path, threads: int) -> Locate:
    """The palm detector and the landmark net, with all of their search."""
    finder = HandFinder(weights_dir, threads)

    def locate(rgb: NDArray[np.uint8]) -> dict[Side, Region]:
        readings = finder.find_readings(CropSource(rgb))
        return {side: reading.landmarks.next_region for side, reading in readings.items()}

    return locate


def open_network(weights_dir: Path, threads: int) -> Locate:
    """Stage one's palms, their sides told by stage two and the landmark net."""
    reader, landmark_net = PairReader(weights_dir, threads), LandmarkNet(weights_dir, threads)
    proposer = OpenProposer(OpenFinder(weights_dir, threads), reader, landmark_net)

    def locate(rgb: NDArray[np.uint8]) -> dict[Side, Region]:
        return proposer.propose(CropSource(rgb))

    return locate


KINDS: Final = {"landmarks": landmarks, "open": open_network}


def main(words: Sequence[str] | None = None) -> None:
    """Draw the pictures, look, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("finder", choices=list(KINDS), help="who looks")
    parser.add_argument("--count", type=int, default=200, metavar="N", help="pictures; default 200")
    parser.add_argument("--seed", type=int, default=-11, metavar="N", help="held-out set, below 0; default -11")
    parser.add_argument("--size", type=int, default=256, metavar="PX", help="side of a picture; default 256")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of a net; default 1")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, metavar="FOLDER", help="of the model files")
    arguments = parser.parse_args(words)
    settings = Settings(size_px=arguments.size, framing="mixed", use="test")
    generator = Generator.from_weights(WEIGHTS, settings)
    locate = KINDS[arguments.finder](arguments.weights, arguments.threads)
    plan = SetPlan(arguments.seed, arguments.count, batch=_BATCH)
    found = measure_finding(locate, batches(generator, plan))
    columns = list(vars(next(iter(found.values()))))
    print(" | ".join(["pictures of", *columns]))
    for name, row in found.items():
        print(" | ".join([name, *(f"{value:.3g}" for value in vars(row).values())]))


if __name__ == "__main__":
    main()
