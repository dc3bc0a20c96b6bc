"""LiteRT's outputs of the original nets, stored for the test that compares the converted ones with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

SEEDS: Final = (0, 1, 2)


def golden_input(seed: int, size: int) -> NDArray[np.float32]:
    """(size, size, 3) in [0, 1]: noise for seed 0, soft colour patches for the others; the test makes the same."""
    generator = np.random.default_rng(seed)
    if seed == 0:
        return generator.random((size, size, 3), np.float32)
    patches = generator.random((7, 7, 3), np.float32)
    # Nearest neighbour: interpolation may differ in the last bit between builds of OpenCV.
    return cv2.resize(patches, (size, size), interpolation=cv2.INTER_NEAREST).astype(np.float32, copy=False)


def run_original(content: bytes, pictures: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The outputs of a .tflite net, each stacked over the pictures (N, size, size, 3)."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    source: dict[str, Any] = interpreter.get_input_details()[0]
    answers: list[list[NDArray[np.float32]]] = []
    for picture in pictures:
        interpreter.set_tensor(source["index"], picture[None])
        interpreter.invoke()
        answers.append([interpreter.get_tensor(item["index"])[0].copy() for item in interpreter.get_output_details()])
    return [np.stack(outputs) for outputs in zip(*answers, strict=True)]


def write_golden(contents: Mapping[str, bytes], sizes: Mapping[str, int], picture: Path, path: Path) -> None:
    """Store LiteRT's outputs for the seeds and for a picture of a hand (any square size, stored with them as uint8).

    Keys: ``<net>/<output number>`` with one entry a seed and a last one for the picture, ``<net>/picture`` the crop.
    The palm net's many outputs are thinned to every eighth anchor.
    """
    bgr = cv2.imread(str(picture))
    if bgr is None:
        raise SystemExit(f"{picture} cannot be read")
    arrays: dict[str, NDArray[Any]] = {}
    for name, content in contents.items():
        size = sizes[name]
        crop = cv2.cvtColor(cv2.resize(bgr, (size, size), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        inputs = [golden_input(seed, size) for seed in SEEDS] + [crop.astype(np.float32) / np.float32(255)]
        arrays[f"{name}/picture"] = crop
        for number, output in enumerate(run_original(content, np.stack(inputs))):
            arrays[f"{name}/{number}"] = output[:, ::8] if output.ndim == 3 else output
    np.savez_compressed(path, allow_pickle=False, **arrays)
