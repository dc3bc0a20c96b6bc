"""A trained network made ready to run: batch norms folded in, memory laid out for the device."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .convolution import ConvolutionUnit
from .fused_convolution import FusedBottleneck, FusedConvolution, onednn_is_there
from .intershape import InterShape
from .mesh_branches import StageFeatures
from .resnet import Bottleneck, ResNet50


def prepare_for_inference(
    network: InterShape, device: torch.device | str = "cpu", precision: torch.dtype = torch.float32
) -> InterShape:
    """A copy of the network that gives the same answers in less time, and cannot be trained.

    Batch norms are folded into the convolutions before them, activations and sums into those too; on a CPU with oneDNN
    the weights are laid out once for good. `predict` is what to call.

    Parameters
    ----------
    network : any configuration; not changed
    device : where the copy is to live
    precision : of convolutions and linear layers; half precisions need `torch.autocast` around the call
        (`BatchPredictor` does it). Geometry stays in single precision
    """
    device = torch.device(device)
    prepared = _copy_without_kernels(network).eval().requires_grad_(False)
    _replace_children(prepared)
    prepared = prepared.to(device)
    prepared.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in torch's stubs
    if device.type == "cpu" and precision == torch.float32 and onednn_is_there():
        _pack(prepared)
        return prepared
    for module in prepared.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | FusedConvolution):
            module.to(precision)
            _own_kernel(module)
    return prepared


def _copy_without_kernels(network: InterShape) -> InterShape:
    """A copy that shares the convolutions' weights with the network: each is about to be laid out anew."""
    shared = {
        id(parameter): nn.Parameter(parameter.detach(), requires_grad=False)
        for parameter in network.parameters()
        if parameter.ndim == 4
    }
    return copy.deepcopy(network, shared)


def _own_kernel(module: nn.Module) -> None:
    """Where nothing had to be laid out anew, part from the original, whose training may go on."""
    if isinstance(module, FusedConvolution):
        module.weight = module.weight.clone()
    elif isinstance(module, nn.Conv2d):
        module.weight.data = module.weight.data.clone()


def _replace_children(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        fused = _fused(child)
        if fused is None:
            _replace_children(child)
        else:
            setattr(module, name, fused)
    if isinstance(module, ResNet50):
        module.add_module("conv1", FusedConvolution(module.conv1, module.bn1))
        module.add_module("bn1", nn.Identity())


def _fused(module: nn.Module) -> nn.Module | None:
    """What takes the module's place; None where its children are to be looked at."""
    if isinstance(module, ConvolutionUnit):
        return FusedConvolution(module.conv, module.norm, module.activation, module.uneven_padding)
    if isinstance(module, Bottleneck | StageFeatures):
        convolutions = (
            FusedConvolution(module.conv1, module.bn1, "relu"),
            FusedConvolution(module.conv2, module.bn2, "relu"),
            FusedConvolution(module.conv3, module.bn3, "relu"),
        )
        return FusedBottleneck(convolutions, _shortcut(module.downsample), isinstance(module, StageFeatures))
    if isinstance(module, nn.Sequential) and any(isinstance(part, nn.ConvTranspose2d) for part in module):
        return _fused_chain(module)
    return None


def _shortcut(module: nn.Module | None) -> FusedConvolution | None:
    if isinstance(module, nn.Sequential):
        convolution, norm = module
    else:
        convolution, norm = module, None
    return FusedConvolution(convolution, norm) if isinstance(convolution, nn.Conv2d) else None


def _fused_chain(chain: nn.Sequential) -> nn.Sequential:
    """Transposed convolution, batch norm, ReLU, over and over."""
    parts = list(chain)
    fused: list[nn.Module] = []
    for convolution, norm in zip(parts[::3], parts[1::3], strict=True):
        assert isinstance(convolution, nn.ConvTranspose2d)  # noqa: S101 - for the type checker
        fused.append(FusedConvolution(convolution, norm, "relu"))
    return nn.Sequential(*fused)


def _pack(prepared: InterShape) -> None:
    """Show the network one picture to learn every convolution's input, then lay out its weights for that."""
    shapes: dict[FusedConvolution, torch.Size] = {}
    convolutions = [module for module in prepared.modules() if isinstance(module, FusedConvolution)]
    # What is not fused and so not packed (the heads' last convolutions) must be the copy's own all the same.
    for module in prepared.modules():
        if isinstance(module, nn.Conv2d):
            _own_kernel(module)
    handles = [module.register_forward_pre_hook(_remember(shapes, module)) for module in convolutions]
    size = prepared.configuration.picture_px
    prepared.predict(torch.zeros(1, 3, size, size))
    for handle in handles:
        handle.remove()
    for module, shape in shapes.items():
        module.pack(shape)


def _remember(
    shapes: dict[FusedConvolution, torch.Size], module: FusedConvolution
) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        shapes[module] = inputs[0].shape

    return hook
