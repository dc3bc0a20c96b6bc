"""Put both stages' trained networks into ``open_twohand.safetensors``, in half precision; graphs and hashes beside it.

How to run, from the repository root, after both runs of docs/training-log.md::

    python -m tools.pack_open_weights runs/finder runs/pair weights

A stage that was not trained anew comes from a file that was packed before::

    python -m tools.pack_open_weights weights/open_twohand.safetensors runs/pair weights
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from inference.contract import HandsError
from inference.detect.nets import OPEN_FINDER_FILE, OPEN_PAIR_FILE, OPEN_WEIGHTS_FILE
from inference.hands.open_hand import load_hand_models
from inference.networks.finder_net import FinderNet
from inference.networks.open_weights import STAGES, OpenNetworks, read_open_weights, write_open_weights
from inference.networks.pair_net import PairNet
from inference.training.packed_network import load_stage
from inference.training.run_folder import SavedNetwork
from inference.training.run_identity import hashes_of

from .open_network_graphs import write_finder_graph, write_pair_graph
from .record_sha256 import record_sha256


def main(words: Sequence[str] | None = None) -> None:
    """Read both stages, write the file, read it back."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("finder", type=Path, metavar="RUN|FILE", help="stage one: a run's folder or a packed file")
    parser.add_argument("pair", type=Path, metavar="RUN|FILE", help="stage two: the same")
    parser.add_argument("out", type=Path, metavar="FOLDER", help="where the three files go")
    parser.add_argument("--weights", type=Path, default=Path("weights"), metavar="FOLDER", help="of the hand model")
    arguments = parser.parse_args(words)
    hands = load_hand_models(arguments.weights)
    models = (hands["right"], hands["left"])
    try:
        saved = {stage: load_stage(getattr(arguments, stage), stage, hashes_of(models)) for stage in STAGES}
    except HandsError as error:
        raise SystemExit(f"{error.message} {error.hint}") from error
    finder = FinderNet()
    finder.load_state_dict(saved["finder"].weights)
    pair = PairNet(saved["pair"].identity.configuration.network_configuration(), models)
    pair.load_state_dict(saved["pair"].weights)
    input_px = saved["finder"].identity.configuration.picture_px
    card = {
        "name": "open two-hand network",
        "licence": "Apache-2.0",
        "card": "weights/README.md; docs/training-log.md",
        **{name: json.dumps(_origin(run)) for name, run in saved.items()},
    }
    files = [arguments.out / name for name in (OPEN_WEIGHTS_FILE, OPEN_FINDER_FILE, OPEN_PAIR_FILE)]
    write_open_weights(files[0], OpenNetworks(finder, input_px, pair), models, card)
    # In the precision that is shipped.
    shipped = read_open_weights(files[0], models)
    write_finder_graph(shipped.finder, input_px, files[0], files[1])
    write_pair_graph(shipped.pair, files[0], files[2])
    for path in files:
        print(f"{record_sha256(path)}  {path.name}  {path.stat().st_size / 1e6:.1f} MB")


def _origin(run: SavedNetwork) -> dict[str, str]:
    return {"configuration": run.identity.configuration.to_json(), "data": run.identity.data, "axes": run.identity.axes}


if __name__ == "__main__":
    main()
