"""Search the library of two-hand poses, `weights/two_hand_poses.npz`: `python -m tools.build_two_hand_poses`.

Batches are searched one after the other, each from its own seed, and kept under `--parts`, so that an interrupted
search goes on where it stopped. Gestures that come out rarely, because their hands seldom part, are searched further by
themselves until each has its least number. About 0.4 s a pose on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.hands.open_hand import load_hand_models
from inference.hands.rotations import matrix_to_rotvec
from inference.synthesis.contact_search import ContactSearch, draw_gesture, penetration_m
from inference.synthesis.gestures import GESTURES
from inference.synthesis.hand_surface import HandSurface
from inference.synthesis.interactions import TWO_HAND_POSES_FILE, save_interactions

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
BATCH = 48
DEEPEST_M = 0.0017
"""The file's 16-bit steps add up to a tenth of a millimetre; what is promised is 2 mm."""
FIRST_SINGLE_SEED = 1000
FARTHEST_M = 0.04
"""Touches missed by more than this on average no longer show the gesture."""


def search_batch(search: ContactSearch, seed: int, only: str | None = None) -> dict[str, np.ndarray]:
    """One batch of accepted poses as arrays; of one gesture if `only` is given."""
    rng = np.random.default_rng([2026, seed])
    drawn = [draw_gesture(rng) if only is None else (only, GESTURES[only][0](rng)) for _ in range(BATCH)]
    betas = torch.tensor(rng.normal(0, 0.9, size=(BATCH, search.surface.model.shape_count)), dtype=torch.float32)
    pose, missed = search.run([start for _, start in drawn], betas, rng)
    deep = penetration_m(search.surface, pose)
    good = (deep < DEEPEST_M) & (missed < FARTHEST_M)
    print(f"batch {seed}: {int(good.sum())} of {BATCH}, missed {1000 * float(missed[good].mean()):.1f} mm", flush=True)
    gesture = np.array([list(GESTURES).index(name) for name, _ in drawn])[good.numpy()]
    kept = pose.select(good)
    return {
        "gesture": gesture,
        "angles_rad": kept.angles_rad.numpy(),
        "betas": kept.betas.numpy(),
        "rotvec": matrix_to_rotvec(kept.rotation.numpy()),
        "offset_m": kept.offset_m.numpy(),
    }


def main() -> None:
    """Search until there are enough, then write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2800)
    parser.add_argument("--least", type=int, default=150, help="poses of each gesture at least")
    parser.add_argument("--parts", type=Path, default=Path("build") / "two_hand_poses")
    parser.add_argument("--out", type=Path, default=WEIGHTS / TWO_HAND_POSES_FILE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the order of a sum decides where a search ends
    arguments.parts.mkdir(parents=True, exist_ok=True)
    search = ContactSearch(HandSurface(load_hand_models(WEIGHTS)["right"]))
    parts: list[dict[str, np.ndarray]] = []

    def add(seed: int, only: str | None = None) -> None:
        path = arguments.parts / f"{seed:05d}.npz"
        if not path.is_file():
            arrays: dict[str, Any] = search_batch(search, seed, only)
            np.savez(path, **arrays)
        with np.load(path) as file:
            parts.append({name: file[name] for name in file.files})

    seed = 0
    while sum(len(part["gesture"]) for part in parts) < arguments.count:
        add(seed)
        seed += 1
    for number, name in enumerate(GESTURES):
        seed = FIRST_SINGLE_SEED * (number + 1)
        while sum(int((part["gesture"] == number).sum()) for part in parts) < arguments.least:
            add(seed, name)
            seed += 1
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    save_interactions(arguments.out, tuple(GESTURES), **arrays)
    counts = dict(zip(GESTURES, np.bincount(arrays["gesture"], minlength=len(GESTURES)).tolist(), strict=True))
    print(f"{arguments.out}: {counts}, {arguments.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
