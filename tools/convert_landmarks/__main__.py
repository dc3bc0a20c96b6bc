"""Make ``weights/palm_detection.onnx`` and ``weights/hand_landmark.onnx`` from the mediapipe 0.10.21 wheel.

Needs onnx, tflite and numpy, and for ``--golden`` ai-edge-litert and opencv; none of these at run time::

    pip download --no-deps --only-binary :all: --python-version 3.11 --platform manylinux_2_28_x86_64 mediapipe==0.10.21
    python -m tools.convert_landmarks mediapipe-0.10.21-*.whl
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx  # pyright: ignore[reportMissingImports]  # authoring environment only

from ..record_sha256 import record_sha256
from .golden import write_golden
from .graph import GraphConverter
from .originals import ROOT, WHEEL_VERSION, read_nets


def main() -> None:
    """Convert, and print what was written with its hash."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the mediapipe 0.10.21 wheel of any platform")
    parser.add_argument("--out", type=Path, default=ROOT / "weights", help="folder for the .onnx files")
    parser.add_argument("--golden", type=Path, help="also write LiteRT's outputs for the agreement test to this .npz")
    parser.add_argument("--golden-picture", type=Path, help="square picture of one hand to include in the golden file")
    arguments = parser.parse_args()
    contents = read_nets(arguments.wheel)
    for net, content in contents.items():
        model = GraphConverter(content, net.output_names).convert(Path(net.file_name).stem, "tools/convert_landmarks")
        model.doc_string = (
            f"{net.member} of {WHEEL_VERSION}, Copyright The MediaPipe Authors, Apache-2.0; "
            "changed: translated from TensorFlow Lite to ONNX, free batch size, weights unchanged (float16)."
        )
        path = arguments.out / net.file_name
        onnx.save(model, path)
        print(f"{record_sha256(path)}  {path}  {path.stat().st_size / 1e6:.2f} MB")
    if arguments.golden:
        if arguments.golden_picture is None:
            parser.error("--golden needs --golden-picture")
        names = {net: Path(net.file_name).stem for net in contents}
        write_golden(
            {names[net]: content for net, content in contents.items()},
            {names[net]: net.input_size for net in contents},
            arguments.golden_picture,
            arguments.golden,
        )


if __name__ == "__main__":
    main()
