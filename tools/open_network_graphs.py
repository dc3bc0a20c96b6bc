"""The open two-hand network's two stages as ONNX graphs whose weights lie in ``open_twohand.safetensors``.

So the program runs them with onnxruntime alone, as it runs the landmark nets, and no weight is shipped twice: ONNX
lets a tensor lie in another file at an offset, and a safetensors file is nothing but a header and such tensors.
"""

from __future__ import annotations

import json
import struct
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from inference.networks.finder_net import FinderNet, answer_both_ways, find_palms
from inference.networks.landmark_backbone import CROP_PX
from inference.networks.pair_net import PairNet

_OPSET = 17
_LEAST_SHARED = 64
"""Numbers of a tensor from which it is worth taking from the other file; below, the graph has its own copy."""


class FinderGraph(nn.Module):
    """Picture (1, S, S, 3) in [0, 1] to what `engines.open_finder` reads."""

    prefix = "finder."

    def __init__(self, network: FinderNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (1, K), that it is a right hand (1, K), and squares (1, K, 2, 5) of K palms."""
        found = find_palms(answer_both_ways(self.network, picture.permute(0, 3, 1, 2)))
        return found.scores, found.right, found.regions


class PairGraph(nn.Module):
    """Crops (1, 2, 224, 224, 3) and squares (1, 2, 5) to what `engines.pair_reader` reads."""

    prefix = "pair."

    def __init__(self, network: PairNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor, regions: Tensor) -> tuple[Tensor, ...]:
        """Peaks (1, 42, 3), presence (1, 2), rotations (1, 2, 16, 3, 3), betas (1, 2, 10), points_mm (1, 2, 21, 3)
        and trans (1, 4)."""
        prediction = self.network.read(crops.permute(0, 1, 4, 2, 3), regions, every_stage=False, vertices=False)[1]
        stages = (prediction.mesh.right[-1], prediction.mesh.left[-1])
        return (
            prediction.heatmaps.peaks_xyc,
            prediction.hand_presence,
            torch.stack([stage.rotations for stage in stages], 1),
            torch.stack([stage.betas for stage in stages], 1),
            torch.stack([stage.points_mm for stage in stages], 1),
            prediction.mesh.trans,
        )


FINDER_OUTPUTS = ("scores", "right", "regions")
PAIR_OUTPUTS = ("peaks", "presence", "rotations", "betas", "points_mm", "trans")


def write_finder_graph(network: FinderNet, input_px: int, weights: Path, path: Path) -> None:
    """Stage one; `weights` is the safetensors file beside which the graph will lie."""
    picture = torch.rand(1, input_px, input_px, 3)
    _write(FinderGraph(network), {"picture": picture}, FINDER_OUTPUTS, weights, path)


def write_pair_graph(network: PairNet, weights: Path, path: Path) -> None:
    """Stage two."""
    crops = torch.rand(1, 2, CROP_PX, CROP_PX, 3)
    regions = torch.tensor([[[100.0, 100.0, 120.0, 0.3, 1.0], [160.0, 120.0, 130.0, -0.4, 1.0]]])
    _write(PairGraph(network), {"crops": crops, "regions": regions}, PAIR_OUTPUTS, weights, path)


def _write(
    module: FinderGraph | PairGraph, inputs: dict[str, Tensor], outputs: tuple[str, ...], weights: Path, path: Path
) -> None:
    module.eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter: sizes that it takes for constants are constant
        whole = Path(folder) / "whole.onnx"
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            str(whole),
            opset_version=_OPSET,
            dynamo=False,
            do_constant_folding=False,
            input_names=list(inputs),
            output_names=list(outputs),
        )
        model = onnx.load(str(whole))
    header = _safetensors_header(weights)
    graph = model.graph
    casts, kept = [], []
    for tensor in graph.initializer:
        name = module.prefix + tensor.name.removeprefix("network.")
        shared = header.get(name)
        if shared is None or numpy_helper.to_array(tensor).size < _LEAST_SHARED:
            kept.append(tensor)
            continue
        if list(tensor.dims) != shared["shape"] or shared["dtype"] != "F16":
            raise ValueError(f"{name}: {list(tensor.dims)} in the graph, {shared} in {weights.name}")
        half = TensorProto(name=f"{tensor.name}_half", data_type=TensorProto.FLOAT16, dims=tensor.dims)
        half.data_location = TensorProto.EXTERNAL
        start, end = shared["data_offsets"]
        place = {"location": weights.name, "offset": header["start"] + start, "length": end - start}
        for key, value in place.items():
            half.external_data.add(key=key, value=str(value))
        kept.append(half)
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    path.write_bytes(model.SerializeToString())


def _safetensors_header(path: Path) -> dict:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return {**json.loads(file.read(length)), "start": 8 + length}
