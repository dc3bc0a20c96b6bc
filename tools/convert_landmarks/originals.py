"""The original nets: where they lie in the mediapipe wheel, and their hashes."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""The repository."""
WHEEL_VERSION: Final = "mediapipe 0.10.21"


@dataclass(frozen=True)
class Net:
    """One net inside the wheel. The hash is that of the .tflite file: it is the same in every platform's wheel."""

    member: str
    sha256: str
    file_name: str
    output_names: tuple[str, ...]
    input_size: int


NETS: Final = (
    Net(
        "mediapipe/modules/palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        "palm_detection.onnx",
        ("boxes", "logits"),
        192,
    ),
    Net(
        "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        "hand_landmark.onnx",
        ("landmarks", "presence", "handedness", "world_landmarks"),
        224,
    ),
)


def read_nets(wheel: Path) -> dict[Net, bytes]:
    """The original nets from a wheel, their hashes checked."""
    contents: dict[Net, bytes] = {}
    with zipfile.ZipFile(wheel) as archive:
        for net in NETS:
            content = archive.read(net.member)
            found = hashlib.sha256(content).hexdigest()
            if found != net.sha256:
                raise SystemExit(f"{net.member} in {wheel.name} has sha256 {found}, expected {net.sha256}")
            contents[net] = content
    return contents
