"""Put both stages' trained networks into ``weights/open_twohand.safetensors``, in half precision.

How to run, from the repository root, after both runs of docs/training-log.md::

    python -m tools.pack_open_weights runs/finder runs/pair weights/open_twohand.safetensors
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from inference.hands.open_hand import load_hand_models
from inference.networks.finder_net import FinderNet
from inference.networks.open_weights import OpenNetworks, read_open_weights, write_open_weights
from inference.networks.pair_net import PairNet
from inference.training.run_folder import SavedNetwork, load_network_file


def main() -> None:
    """Read both runs, write the file, read it back."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("finder", type=Path, metavar="RUN", help="folder of stage one's run")
    parser.add_argument("pair", type=Path, metavar="RUN", help="folder of stage two's run")
    parser.add_argument("out", type=Path, metavar="FILE")
    parser.add_argument("--weights", type=Path, default=Path("weights"), metavar="FOLDER", help="of the hand model")
    arguments = parser.parse_args()
    hands = load_hand_models(arguments.weights)
    models = (hands["right"], hands["left"])
    saved = {name: load_network_file(getattr(arguments, name) / "network.safetensors") for name in ("finder", "pair")}
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
    write_open_weights(arguments.out, OpenNetworks(finder, input_px, pair), models, card)
    read_open_weights(arguments.out, models)
    digest = hashlib.sha256(arguments.out.read_bytes()).hexdigest()
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB, sha256 {digest}")


def _origin(run: SavedNetwork) -> dict[str, str]:
    return {"configuration": run.identity.configuration.to_json(), "data": run.identity.data, "axes": run.identity.axes}


if __name__ == "__main__":
    main()
