"""A made-up data set in InterHand2.6M's layout, with pictures of its size, to measure reading and training on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from ..datasets import HandDataset, SampleFilter, open_interhand
from ..hands.open_hand import load_hand_models

SIZE_PX: Final = (334, 512)
"""Width and height of most of the data set's pictures."""
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_CAMERA: Final = "400262"
_SPLIT: Final = "train"
_JPEG_QUALITY: Final = 90


def made_pictures(folder: Path, count: int) -> HandDataset:
    """`count` pictures of noise as fine as a camera's, annotated with two of the shipped hands in random poses."""
    rng = np.random.default_rng(0)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    fits: dict[str, Any] = {}
    pictures = folder / "images" / _SPLIT / "made"
    pictures.mkdir(parents=True)
    for number in range(count):
        name = f"made/image{number}.jpg"
        coarse = rng.integers(0, 256, (64, 42, 3)).astype(np.uint8)
        picture = cv2.resize(coarse, SIZE_PX, interpolation=cv2.INTER_CUBIC).astype(np.int16)
        picture = np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / _SPLIT / name), picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        entry = {"id": number, "file_name": name, "width": SIZE_PX[0], "height": SIZE_PX[1], "capture": 0}
        images.append({**entry, "subject": 0, "seq_name": "made", "camera": _CAMERA, "frame_idx": number})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "bbox": [67.0, 156.0, 200.0, 200.0],
                "joint_valid": [[1]] * 42,
                "hand_type": "interacting",
                "hand_type_valid": 1,
            }
        )
        fits[str(number)] = {
            side: {
                "pose": rng.normal(0, 0.2, 48).tolist(),
                "shape": rng.normal(0, 0.5, 10).tolist(),
                "trans": [x_m, y_m, 0.9],
            }
            # The wrists apart, the fingers towards each other.
            for side, x_m, y_m in (("right", 0.08, -0.03), ("left", -0.08, 0.03))
        }
    camera = {
        "campos": {_CAMERA: [0.0, 0.0, 0.0]},
        "camrot": {_CAMERA: np.eye(3).tolist()},
        "focal": {_CAMERA: [600.0, 600.0]},
        "princpt": {_CAMERA: [SIZE_PX[0] / 2, SIZE_PX[1] / 2]},
    }
    parts = {
        "data": {"images": images, "annotations": annotations},
        "camera": {"0": camera},
        "MANO_NeuralAnnot": {"0": fits},
    }
    annotation = folder / "annotations" / _SPLIT
    annotation.mkdir(parents=True)
    for part, content in parts.items():
        (annotation / f"InterHand2.6M_{_SPLIT}_{part}.json").write_text(json.dumps(content), encoding="utf-8")
    models = load_hand_models(_WEIGHTS_DIR)
    return open_interhand(
        folder, _SPLIT, models, wanted=SampleFilter("interacting"), report=lambda _: None, index_base=folder / "index"
    )
