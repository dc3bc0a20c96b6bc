"""What networks run on: the user's choice, in the terms of onnxruntime and of torch."""

from __future__ import annotations

from typing import Final, Literal, cast, get_args

from .contract import HandsError

Device = Literal["auto", "cpu", "cuda"]
"""``auto`` takes CUDA where the library has it, else the CPU."""

DEVICES: Final = cast("tuple[Device, ...]", get_args(Device))
CUDA_PROVIDER: Final = "CUDAExecutionProvider"
CPU_PROVIDER: Final = "CPUExecutionProvider"


class CudaUnusableError(HandsError):
    """CUDA is listed and cannot be started: libraries of CUDA are missing, or there is no graphics card."""


def onnx_providers(device: Device) -> tuple[str, ...] | None:
    """onnxruntime's execution providers, the first choice first; None leaves the choice to `detect.nets.load_net`."""
    return {"auto": None, "cpu": (CPU_PROVIDER,), "cuda": (CUDA_PROVIDER, CPU_PROVIDER)}[device]


def torch_device(device: Device) -> str:
    """torch's name of the device; CUDA only where there is one."""
    import torch

    return "cpu" if device == "cpu" or not torch.cuda.is_available() else "cuda"


def why_no_cuda(library: Literal["onnxruntime", "torch"]) -> str:
    """Why a library cannot use CUDA, a sentence; empty where it can, as far as it says so itself."""
    if library == "torch":
        import torch

        return "" if torch.cuda.is_available() else "The package 'torch' finds no CUDA device."
    import onnxruntime

    if CUDA_PROVIDER in onnxruntime.get_available_providers():
        return ""
    return "The package 'onnxruntime' was built without CUDA; 'onnxruntime-gpu' has it."
