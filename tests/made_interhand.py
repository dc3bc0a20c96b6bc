"""A made-up data set in InterHand2.6M's v1.0 layout: random numbers and plain pictures, nothing of the real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inference.datasets.interhand_layout import Split
from inference.hands.joints import Side
from inference.hands.model import HandModel
from tests.stand_in_hand import mano_like

MODELS: dict[Side, HandModel] = {"right": mano_like("right"), "left": mano_like("left")}
CAMERAS = ("400262", "400263")
PICTURE_PX = (96, 128)


def write_interhand(
    root: Path, *, captures: int = 2, frames: int = 4, split: Split = "test", pictures: bool = True, seed: int = 3
) -> Path:
    """`captures` takes of `frames` frames, seen by two cameras.

    The second frame of a take shows a single hand (right and left by turns); the third has no fit of its left hand; the
    last one is missing in the file of fits.
    """
    rng = np.random.default_rng(seed)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    fits: dict[str, dict[str, Any]] = {}
    cameras: dict[str, dict[str, Any]] = {}
    for capture in range(captures):
        cameras[str(capture)] = _cameras(rng)
        fits[str(capture)] = {}
        for frame in range(100, 100 + 3 * frames, 3):
            step = (frame - 100) // 3
            kind = "interacting" if step != 1 else ("right", "left")[capture % 2]
            if step < frames - 1 or frames < 4:
                hands = {"right": _fit(rng, -0.05), "left": _fit(rng, 0.05) if step != 2 else None}
                fits[str(capture)][str(frame)] = hands
            for camera in CAMERAS:
                # Ids are neither dense nor ascending in the real files.
                image_id = 1000 - 7 * len(images)
                name = f"Capture{capture}/0390_made/cam{camera}/image{frame}.jpg"
                images.append(
                    {
                        "id": image_id,
                        "file_name": name,
                        "width": PICTURE_PX[0],
                        "height": PICTURE_PX[1],
                        "capture": capture,
                        "subject": capture % 2,
                        "seq_name": "0390_made",
                        "camera": camera,
                        "frame_idx": frame,
                    }
                )
                annotations.append(
                    {
                        "id": len(annotations),
                        "image_id": image_id,
                        "bbox": [10.5, 20.25, 60.0, 80.0],
                        "joint_valid": [[int(value)] for value in rng.random(42) < 0.9],
                        "hand_type": kind,
                        "hand_type_valid": 1,
                    }
                )
                if pictures:
                    path = root / "images" / split / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    picture = rng.integers(0, 256, (PICTURE_PX[1] // 8, PICTURE_PX[0] // 8, 3)).astype(np.uint8)
                    cv2.imwrite(str(path), cv2.resize(picture, PICTURE_PX))
    folder = root / "annotations" / split
    folder.mkdir(parents=True, exist_ok=True)
    parts = {
        "data": {"images": images, "annotations": annotations},
        "camera": cameras,
        "MANO_NeuralAnnot": fits,
    }
    for part, content in parts.items():
        (folder / f"InterHand2.6M_{split}_{part}.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def _cameras(rng: np.random.Generator) -> dict[str, Any]:
    keys = ("campos", "camrot", "focal", "princpt")
    result: dict[str, dict[str, Any]] = {key: {} for key in keys}
    for camera in CAMERAS:
        turn = rng.normal(0, 0.2)
        # Looks along -z of the world, upright, from some 0.9 m away.
        rotation = np.array(
            [[np.cos(turn), 0, -np.sin(turn)], [0, -1, 0], [-np.sin(turn), 0, -np.cos(turn)]], dtype=float
        )
        position = rotation.T @ np.array([0.0, 0.0, -900.0])
        values = (position, rotation, rng.normal(300, 2, 2), np.array(PICTURE_PX) / 2)
        for key, value in zip(keys, values, strict=True):
            result[key][camera] = value.tolist()
    return result


def _fit(rng: np.random.Generator, x_m: float) -> dict[str, list[float]]:
    return {
        "pose": rng.normal(0, 0.3, 48).tolist(),
        "shape": rng.normal(0, 0.5, 10).tolist(),
        "trans": [x_m, float(rng.normal(0, 0.01)), float(rng.normal(0, 0.01))],
    }
