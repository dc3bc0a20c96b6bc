"""The learned parts of the mesh net besides its backbone: what reads features and regresses a hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .convolution import start_near_zero

SHAPE_SIZE, TRANSFORM_SIZE = 10, 4


class ManoBranch(nn.Module):
    """Four hidden layers to a pose code and a shape.

    Parameters
    ----------
    channels_in, width : of the input and of the hidden layers
    pose_size : of the pose code (`pose_code_size`)
    starts_small : begin near the mean pose and shape
    """

    def __init__(self, channels_in: int, width: int, pose_size: int, starts_small: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for entering in (channels_in, width, width, width):
            layers += [nn.Linear(entering, width), nn.ReLU(inplace=True)]
        self.base_layer = nn.Sequential(*layers)
        self.pose_reg = nn.Linear(width, pose_size)
        shape_reg = nn.Linear(width, SHAPE_SIZE)
        self.shape_reg = nn.Sequential(shape_reg)
        if starts_small:
            start_near_zero(self.pose_reg)
            start_near_zero(shape_reg)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels_in) to pose code (B, pose_size) and betas (B, 10)."""
        hidden = self.base_layer(features)
        return self.pose_reg(hidden), self.shape_reg(hidden)


class TransformBranch(nn.Module):
    """The left hand relative to the right, from the whole picture's features."""

    def __init__(self, channels_in: int, width: int, starts_small: bool) -> None:
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(channels_in, width), nn.ReLU(inplace=True))
        self.final_layer = nn.Linear(width, TRANSFORM_SIZE)
        if starts_small:
            start_near_zero(self.final_layer)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in) to (B, 4)."""
        return self.final_layer(self.decoder(features))


class StageFeatures(nn.Module):
    """A bottleneck that brings one layer's attended features to the coarsest layer's grid, and averages them.

    Parameters
    ----------
    channels_in, channels_out : widths
    stride : how many times finer than the coarsest layer the input is
    normalised : batch norm on the convolutions (the paper has none)
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, normalised: bool) -> None:
        super().__init__()
        width = channels_in // 2
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        self.downsample = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width) if normalised else nn.Identity()
        self.bn2 = nn.BatchNorm2d(width) if normalised else nn.Identity()
        self.bn3 = nn.BatchNorm2d(channels_out) if normalised else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in, H, W) to the spatial mean (B, channels_out)."""
        inner = functional.relu(self.bn1(self.conv1(features)))
        inner = functional.relu(self.bn2(self.conv2(inner)))
        return functional.relu(self.bn3(self.conv3(inner)) + self.downsample(features)).mean(dim=(2, 3))


def joint_numbers(peaks_xyc: Tensor, joint_depth: Tensor | None, heatmap_px: int) -> Tensor:
    """(B, 42 * 4): where the heat maps put the joints, from -1 to 1 over the picture, how surely, and how deep.

    Without gradient: the heat maps learn where joints are from their own loss.
    """
    centred = 2 * (peaks_xyc[..., :2] + 0.5) / heatmap_px - 1
    depth = torch.zeros_like(peaks_xyc[..., 0]) if joint_depth is None else joint_depth
    return torch.cat([centred, peaks_xyc[..., 2:], depth.unsqueeze(-1)], dim=-1).flatten(1).detach()
