"""How much a network computes and moves, and how fast the device could do that at best."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..networks.fused_convolution import FusedConvolution
from ..networks.intershape import InterShape
from ..networks.prepare import prepare_for_inference


@dataclass(frozen=True)
class NetworkWork:
    """For one picture, but for the weights, which a batch reads once.

    Parameters
    ----------
    flops : floating-point operations, a multiply and an add being two
    activation_count : numbers that the layers read and write
    weight_count : numbers in the weights
    """

    flops: float
    activation_count: float
    weight_count: float

    def floor_s(self, batch: int, number_bytes: int, limits: DeviceLimits) -> float:
        """The least time for a batch: all arithmetic at full speed, or every number moved once, whichever is more."""
        arithmetic_s = batch * self.flops / limits.flops_per_s
        moved = number_bytes * (batch * self.activation_count + self.weight_count)
        return max(arithmetic_s, moved / limits.bytes_per_s)


@dataclass(frozen=True)
class DeviceLimits:
    """What the device does in a large matrix product and in a large copy, measured."""

    flops_per_s: float
    bytes_per_s: float


def count_work(network: InterShape, prepared: InterShape | None = None) -> NetworkWork:
    """Count `predict` on one picture, on the CPU.

    Parameters
    ----------
    network : as it was trained: its arithmetic is counted
    prepared : the same, prepared for the CPU, whose layers' inputs and outputs are counted; None prepares one
    """
    prepared = prepared or prepare_for_inference(network, "cpu")
    moved: list[int] = []

    def count(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        moved.append(sum(tensor.numel() for tensor in inputs) + output.numel())

    layers = [module for module in prepared.modules() if isinstance(module, FusedConvolution | nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    size = network.configuration.picture_px
    picture = torch.zeros(1, 3, size, size)
    prepared.predict(picture)
    for hook in hooks:
        hook.remove()
    with FlopCounterMode(display=False) as counter:  # knows no packed convolutions: the network as it is
        network.predict(picture)
    weights = sum(parameter.numel() for parameter in network.parameters())
    return NetworkWork(counter.get_total_flops(), sum(moved), weights)


def measure_limits(device: torch.device, precision: torch.dtype) -> DeviceLimits:
    """Speed of the device in matrix products of this precision and in copies."""
    size, copied = (8192, 2**30) if device.type == "cuda" else (1536, 2**27)
    left, right = (torch.ones(size, size, device=device, dtype=precision) for _ in range(2))
    source = torch.zeros(copied, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    product_s = min(timed_s(lambda: left @ right, device) for _ in range(5))
    copy_s = min(timed_s(lambda: target.copy_(source), device) for _ in range(5))
    return DeviceLimits(2 * size**3 / product_s, 2 * copied / copy_s)


def timed_s(action: Callable[[], object], device: torch.device) -> float:
    """Seconds that the action takes, a GPU's own work included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started_s = time.perf_counter()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started_s
