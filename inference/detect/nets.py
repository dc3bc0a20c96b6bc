"""Loading the shipped ONNX nets, with errors that a user can act on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import ErrorCode, HandsError
from ..device import CPU_PROVIDER, CUDA_PROVIDER, CudaUnusableError

if TYPE_CHECKING:
    import onnxruntime

SUMS_FILE: Final = "SHA256SUMS"
"""Beside the weights, in the format of ``sha256sum``: the hash of every shipped file."""
PALM_NET_FILE: Final = "palm_detection.onnx"
LANDMARK_NET_FILE: Final = "hand_landmark.onnx"
OPEN_WEIGHTS_FILE: Final = "open_twohand.safetensors"
"""The weights of both stages of the open two-hand network."""
OPEN_FINDER_FILE: Final = "open_finder.onnx"
"""What stage one computes with them (`tools/open_network_graphs.py`)."""
OPEN_PAIR_FILE: Final = "open_pair.onnx"
"""What stage two computes with them."""
_REINSTALL: Final = "Install the program again; its 'weights' folder must be complete."


def expected_sha256(weights_dir: Path) -> dict[str, str]:
    """Hash by file name from the table beside the weights; empty where there is none."""
    try:
        lines = (weights_dir / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}


def read_weights(path: Path) -> bytes:
    """A weights file whose hash was checked against the table beside it.

    Raises
    ------
    HandsError
        MODEL_MISSING, or MODEL_DAMAGED where it cannot be read, the table does not name it, or its hash is another
    """
    if not path.is_file():
        raise HandsError(ErrorCode.MODEL_MISSING, f"The model file '{path}' is missing.", _REINSTALL)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    expected = expected_sha256(path.parent).get(path.name)
    if expected is None:
        raise _damaged(path, f"'{SUMS_FILE}' beside it does not name it, so that it cannot be checked")
    if hashlib.sha256(content).hexdigest() != expected:
        raise _damaged(path, "its checksum is wrong")
    return content


def load_net(
    path: Path, threads: int, providers: Sequence[str] | None, beside: Sequence[str] = ()
) -> onnxruntime.InferenceSession:
    """A session for one net.

    Parameters
    ----------
    beside : names of the files in the same folder that hold the net's weights, where it does not hold them itself
    threads : how many CPU threads a call may use
    providers : onnxruntime's execution providers; None takes CUDA where this onnxruntime has it, else the CPU

    Raises
    ------
    HandsError
        MODEL_MISSING, MODEL_DAMAGED or RUNTIME_MISSING, that also where CUDA comes first and cannot be started
    """
    content: bytes | str = read_weights(path)
    for name in beside:
        read_weights(path.with_name(name))
        content = str(path)  # only by its path does the runtime know where the other files are
    try:
        import onnxruntime
    except ImportError as error:
        raise HandsError(
            ErrorCode.RUNTIME_MISSING, "The package 'onnxruntime' is not installed.", "Run 'pip install onnxruntime'."
        ) from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads sleep: the fit that runs between two calls needs the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=_with_options(onnxruntime, providers))
    except Exception as error:  # onnxruntime's exceptions share no base class
        raise _damaged(path, str(error).splitlines()[0]) from error
    if providers and providers[0] == CUDA_PROVIDER and CUDA_PROVIDER not in session.get_providers():
        raise CudaUnusableError(
            ErrorCode.RUNTIME_MISSING,
            "The networks cannot run on CUDA: onnxruntime could not start it.",
            "Choose the device CPU, or install what the log says; `python -m inference doctor` shows the rest.",
        )
    return session


def _with_options(onnxruntime: Any, providers: Sequence[str] | None) -> list[str | tuple[str, dict[str, str]]]:
    available = onnxruntime.get_available_providers()
    wanted = providers if providers is not None else (CUDA_PROVIDER, CPU_PROVIDER)
    chosen: list[str | tuple[str, dict[str, str]]] = []
    for name in wanted:
        if name == CUDA_PROVIDER and name in available:
            # Batch sizes change from call to call: an exhaustive search at each would cost seconds.
            chosen.append((name, {"cudnn_conv_algo_search": "HEURISTIC"}))
        elif name in available:
            chosen.append(name)
    return chosen or [CPU_PROVIDER]


def _damaged(path: Path, detail: str) -> HandsError:
    return HandsError(ErrorCode.MODEL_DAMAGED, f"The model file '{path}' cannot be used ({detail}).", _REINSTALL)
