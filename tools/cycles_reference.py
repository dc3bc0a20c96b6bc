"""Render drawn samples through Cycles: the same hands, arms, camera, lamps, background and film; other light on skin.

Needs bpy. A slow reference to hold the drawn training pictures against, docs/synthesis.md, "Against Cycles"::

    python -m tools.cycles_reference --out /tmp/cycles --count 240
    python -m tools.cycles_reference --out /tmp/cycles --count 240 --finding
    python -m inference evaluate --data /tmp/cycles --engine landmarks --protocol corrected --allow-missing

``drawn`` and ``cycles`` in the folder are the same samples in InterHand2.6M's layout, ``layers`` what Cycles rendered,
``sheets`` pairs of both to look at. Layers that lie there already are kept: an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.evaluation.finding import measure_finding
from inference.hands.open_hand import load_hand_models
from inference.synthesis.interactions import load_interactions
from inference.synthesis.interhand_set import write_interhand
from inference.synthesis.picture_set import SetPlan, batches
from inference.synthesis.rasterizer import Fragments
from inference.synthesis.sample import BRIGHTEST, Generator, Look, Settings
from inference.synthesis.scene import Scene
from inference.synthesis.sheet import pictures_bgr, write_sheet

from .cycles_scene.description import describe
from .measure_finding import landmarks

if TYPE_CHECKING:
    from .cycles_scene.studio import Studio

WEIGHTS: Final = Path(__file__).resolve().parents[1] / "weights"
_BATCH: Final = 8
_PAIRS_A_ROW: Final = 5
_PAIRS_A_SHEET: Final = 40


class CyclesGenerator(Generator):
    """Makes the samples of a `Generator` with hands that a path tracer renders, or rendered before.

    Parameters
    ----------
    settings : what the pictures are like
    layers : folder of what was rendered, one file a sample
    studio : renders what is not there
    """

    def __init__(self, settings: Settings, layers: Path, studio: Studio) -> None:
        super().__init__(load_hand_models(WEIGHTS)["right"], load_interactions(WEIGHTS), settings)
        self._layers, self._studio = layers, studio

    def layer(self, scene: Scene, seen: Fragments, look: Look, large: int) -> Tensor:
        """See `Generator.layer`."""
        layers = [self._one(scene, seen, look, large, number) for number in range(len(scene.indices))]
        result = torch.from_numpy(np.stack(layers)).float().permute(0, 3, 1, 2)
        return torch.cat([result[:, :3].clamp(0, BRIGHTEST), result[:, 3:].clamp(0, 1)], 1)

    def _one(self, scene: Scene, seen: Fragments, look: Look, large: int, number: int) -> NDArray[np.float16]:
        path = self._layers / f"{int(scene.indices[number]):07d}.npz"
        if not path.exists():
            size = self.settings.size_px
            started_s = time.perf_counter()
            sample = describe(scene, seen, look, self.mesh, number=number, large=large, size_px=size)
            with _quiet():
                layer = self._studio.render(sample) if sample.parts else np.zeros((size, size, 4))
            part = path.with_suffix(".part.npz")
            np.savez_compressed(part, layer=layer.astype(np.float16))
            part.replace(path)
            print(f"{path.stem}: {time.perf_counter() - started_s:.1f} s", file=sys.stderr, flush=True)
        with np.load(path, allow_pickle=False) as stored:
            return stored["layer"]


def main(words: Sequence[str] | None = None) -> None:
    """Render what is missing, write both sets and the sheets, measure if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=24, metavar="N", help="samples; default 24")
    parser.add_argument("--seed", type=int, default=-21, metavar="N", help="held-out set, below 0; default -21")
    parser.add_argument("--size", type=int, default=256, metavar="PX", help="side of a picture; default 256")
    parser.add_argument("--framing", choices=("crop", "picture", "mixed"), default="crop")
    parser.add_argument("--samples", type=int, default=8, metavar="N", help="paths a pixel; default 8")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="CPU threads; default 2")
    parser.add_argument(
        "--skin",
        choices=("addon", "drawn"),
        default="addon",
        help="the add-on's skin; or the drawn colours, so that light alone differs (give it another --out)",
    )
    parser.add_argument("--finding", action="store_true", help="count the hands that the landmark nets find in both")
    arguments = parser.parse_args(words)
    settings = Settings(size_px=arguments.size, framing=arguments.framing, use="test")
    models = load_hand_models(WEIGHTS)
    layers = arguments.out / "layers"
    layers.mkdir(parents=True, exist_ok=True)
    from .cycles_scene.studio import Studio

    with _quiet():
        studio = Studio(models["right"], arguments.size, arguments.samples, arguments.threads, arguments.skin)
    generators = {
        "cycles": CyclesGenerator(settings, layers, studio),
        "drawn": Generator.from_weights(WEIGHTS, settings),
    }
    for name, generator in generators.items():
        plan = SetPlan(arguments.seed, arguments.count, batch=_BATCH, name=name)
        write_interhand(arguments.out / name, generator, models, plan, split="test")
    _write_sheets(arguments.out / "sheets", generators, SetPlan(arguments.seed, arguments.count, batch=_BATCH))
    if arguments.finding:
        for name, generator in generators.items():
            plan = SetPlan(arguments.seed, arguments.count, batch=_BATCH)
            for kind, row in measure_finding(landmarks(WEIGHTS, 1), batches(generator, plan)).items():
                print(" | ".join([name, kind, *(f"{key} {value:.3g}" for key, value in vars(row).items())]), flush=True)
    # bpy 4.5 may hang while the interpreter ends; everything is written by now.
    sys.stdout.flush()
    os._exit(0)


def _write_sheets(folder: Path, generators: dict[str, Generator], plan: SetPlan) -> None:
    """Pairs side by side, the drawn picture on the left."""
    pairs = (
        picture
        for both in zip(batches(generators["drawn"], plan), batches(generators["cycles"], plan), strict=True)
        for pair in zip(*(pictures_bgr(samples, truth=False) for samples in both), strict=True)
        for picture in pair
    )
    number = 0
    while pictures := list(islice(pairs, 2 * _PAIRS_A_SHEET)):
        write_sheet(folder / f"pairs_{number:02d}.png", pictures, 2 * _PAIRS_A_ROW)
        number += 1


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the renderer's own lines (written below Python) off the terminal."""
    sys.stdout.flush()
    kept, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(sink)
        os.close(kept)


if __name__ == "__main__":
    main()
