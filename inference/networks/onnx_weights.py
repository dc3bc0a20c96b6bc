"""The weights of a shipped ONNX net, for a network in torch that begins as it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..contract import ErrorCode, HandsError

Take = Callable[[Sequence[Any], Mapping[str, Tensor]], None]
"""Is given the graph's nodes in the order of computation, and every stored tensor by name in single precision."""


def take_onnx_weights(path: Path, what: str, take: Take) -> None:
    """Read a net and let `take` copy what it needs.

    Parameters
    ----------
    path : the file; needs the package ``onnx``
    what : it should hold, to be put after "does not hold"

    Raises
    ------
    HandsError
        MODEL_MISSING, RUNTIME_MISSING without ``onnx``, MODEL_DAMAGED where the file holds something else
    """
    if not path.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"The model file '{path}' is missing.", "Install the program again.")
    try:
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(str(path)).graph
        stored = {tensor.name: torch.tensor(numpy_helper.to_array(tensor)).float() for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Cast" and node.input[0] in stored:  # half precision on the disk, single in the net
                stored[node.output[0]] = stored[node.input[0]]
        with torch.no_grad():
            take(graph.node, stored)
    except ImportError as error:
        raise HandsError(
            ErrorCode.RUNTIME_MISSING,
            "The package 'onnx', which reads the first weights, is not installed.",
            "Run: pip install onnx",
        ) from error
    except Exception as error:  # a damaged or foreign file raises nearly anything
        raise HandsError(
            ErrorCode.MODEL_DAMAGED, f"'{path}' does not hold {what}.", "Install the program again."
        ) from error
