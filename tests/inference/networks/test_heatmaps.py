"""Peaks, attention and samples read from heat maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.networks.compact_heatmap_net import read_depths
from inference.networks.heatmap_net import PoseHeads
from inference.networks.heatmaps import (
    HeatmapSummary,
    find_peaks,
    refine_peaks,
    summarise_features,
    summarise_volumes,
)

DEPTH, SIZE, CHANNELS = 8, 16, 12


def made(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("batch", [1, 3])
def test_the_summary_without_volumes_is_that_of_the_volumes(batch: int) -> None:
    features = (made(batch, CHANNELS, SIZE, SIZE, seed=1), made(batch, CHANNELS, SIZE, SIZE, seed=2))
    weights = (made(21 * DEPTH, CHANNELS, seed=3), made(21 * DEPTH, CHANNELS, seed=4))
    biases = (made(21 * DEPTH, seed=5), made(21 * DEPTH, seed=6))
    parts = [
        torch.nn.functional.conv2d(feature, weight[..., None, None], bias)
        for feature, weight, bias in zip(features, weights, biases, strict=True)
    ]
    expected = summarise_volumes(torch.cat(parts, dim=1).unflatten(1, (42, DEPTH)))
    found = summarise_features(features, weights, biases, DEPTH)
    assert found.sampled.shape == (batch, 42 * DEPTH // 4, SIZE // 2, SIZE // 2)
    assert found.attention.shape == (batch, 2, SIZE, SIZE)
    torch.testing.assert_close(found.peaks_xyc[..., :2], expected.peaks_xyc[..., :2], rtol=0, atol=0)
    for ours, theirs in zip(found[:3], expected[:3], strict=True):
        assert isinstance(ours, Tensor)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_the_heads_summarise_what_they_would_output() -> None:
    heads = PoseHeads(4).eval()
    features = made(1, 2048, 4, 4)
    with torch.no_grad():
        output = heads(features)
        summary, presence = heads.summarise(features)
    torch.testing.assert_close(presence, output.hand_presence)
    torch.testing.assert_close(summary.attention, summarise_volumes(output.volumes).attention, rtol=0, atol=1e-5)
    torch.testing.assert_close(output.presence_logits.sigmoid(), output.hand_presence)


def test_volumes_are_read_as_the_page_says() -> None:
    volumes = made(2, 42, DEPTH, SIZE, SIZE)
    summary = summarise_volumes(volumes)
    array = volumes.numpy()
    for picture in range(2):
        for joint in range(42):
            depth_maximum = array[picture, joint].max(axis=0)
            column_maxima, rows = depth_maximum.max(axis=0), depth_maximum.argmax(axis=0)
            x = column_maxima.argmax()
            expected = (x, rows[x], depth_maximum.max())
            np.testing.assert_allclose(summary.peaks_xyc[picture, joint].numpy(), expected, rtol=1e-6)
    hands = array.reshape(2, 2, 21, DEPTH, SIZE, SIZE)
    np.testing.assert_array_equal(summary.attention.numpy(), hands.max(axis=(2, 3)))
    sampled = array[:, :, ::4, ::2, ::2].reshape(2, 42 * DEPTH // 4, SIZE // 2, SIZE // 2)
    np.testing.assert_array_equal(summary.sampled.numpy(), sampled)


def test_ties_go_to_the_leftmost_column_and_its_topmost_row() -> None:
    maps = torch.zeros(1, 3, 8, 8)
    maps[0, 0, 6, 2] = maps[0, 0, 1, 5] = 1.0  # another column: the left one, although lower
    maps[0, 1, 6, 4] = maps[0, 1, 2, 4] = 1.0  # the same column: the upper one
    expected = torch.tensor([[[2.0, 6.0, 1.0], [4.0, 2.0, 1.0], [0.0, 0.0, 0.0]]])
    torch.testing.assert_close(find_peaks(maps), expected)


@pytest.mark.parametrize("centre", [(5.3, 9.8), (7.0, 3.5), (2.49, 12.51)])
def test_a_peak_is_found_between_pixels(centre: tuple[float, float]) -> None:
    grid = torch.arange(16.0)
    x, y = centre
    gaussian = torch.exp(-((grid[None] - x) ** 2 + (grid[:, None] - y) ** 2) / (2 * 2.0**2))[None, None]
    refined = refine_peaks(gaussian, find_peaks(gaussian))
    assert refined[0, 0, :2].tolist() == pytest.approx(centre, abs=0.04)


def test_peaks_at_the_border_and_of_flat_maps_stay() -> None:
    maps = torch.zeros(1, 2, 8, 8)
    maps[0, 0, 0, 7] = 1.0
    torch.testing.assert_close(refine_peaks(maps, find_peaks(maps)), find_peaks(maps))


def test_half_precision_maps_give_whole_precision_places() -> None:
    peaks = find_peaks(made(1, 2, 64, 64).bfloat16())
    assert peaks.dtype == torch.float32


def test_depth_is_read_where_the_map_is_high() -> None:
    maps, depths = torch.full((1, 2, 8, 8), -0.2), torch.full((1, 2, 8, 8), 9.0)
    maps[0, 0, 3, 3], depths[0, 0, 3, 3] = 1.0, 2.5
    maps.requires_grad_()
    depths.requires_grad_()
    found = read_depths(maps, depths)
    assert found[0].tolist() == pytest.approx([2.5, 9.0], abs=1e-2)
    found.sum().backward()
    assert maps.grad is None
    assert depths.grad is not None and depths.grad[0, 0, 3, 3] > 0.9


def test_a_summary_of_flat_maps_has_no_depth_slices() -> None:
    volumes, depth = made(2, 42, 1, SIZE, SIZE), made(2, 42)
    summary: HeatmapSummary = summarise_volumes(volumes, depth)
    assert summary.sampled.shape == (2, 42, SIZE // 2, SIZE // 2)
    assert summary.joint_depth is depth
