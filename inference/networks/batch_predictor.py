"""Many pictures through the network: batches as large as memory allows, on any device, in any precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ..contract import ErrorCode, HandsError
from .configuration import NetworkConfiguration
from .heatmaps import HeatmapSummary
from .intershape import InterShape, Prediction
from .mesh_net import HandStage, MeshOutput
from .prepare import prepare_for_inference

_PICTURE_BYTES: Final = {"resnet50": 64e6, "efficientnet_lite0": 32e6}
"""Working memory for one picture in single precision, rounded up from measurement."""

_SHARE_OF_FREE_MEMORY: Final = 0.5
_LARGEST_BATCH: Final = {"cuda": 64, "cpu": 8}
_UNKNOWN_FREE_BYTES: Final = 1e9


def free_memory_bytes(device: torch.device) -> float:
    """Memory that the device has left; a cautious guess where the platform does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return _UNKNOWN_FREE_BYTES


def choose_batch_size(configuration: NetworkConfiguration, device: torch.device, free_bytes: float) -> int:
    """The power of two whose working memory fits well into the free memory, from 1 to what still brings speed."""
    fitting = _SHARE_OF_FREE_MEMORY * free_bytes / _PICTURE_BYTES[configuration.backbone]
    size = 1
    while 2 * size <= min(fitting, _LARGEST_BATCH.get(device.type, _LARGEST_BATCH["cpu"])):
        size *= 2
    return size


class BatchPredictor:
    """A network prepared for a device, with a batch size that shrinks when memory runs out.

    Parameters
    ----------
    network : any configuration; not changed
    device : where to run
    precision : of convolutions and linear layers
    batch_size : pictures at once; None chooses by free memory
    captures : on CUDA, record the work on a full batch once and replay it: no time goes into launching it
    """

    def __init__(
        self,
        network: InterShape,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
        *,
        batch_size: int | None = None,
        captures: bool = False,
    ) -> None:
        self.device, self.precision = torch.device(device), precision
        self._network = prepare_for_inference(network, self.device, precision)
        free_bytes = free_memory_bytes(self.device)
        self.batch_size = batch_size or choose_batch_size(network.configuration, self.device, free_bytes)
        self._captured: Callable[[Tensor], Prediction] | None = None
        if captures and self.device.type == "cuda":
            self._captured = _capture(self._run, self.batch_size, network.configuration.picture_px, self.device)

    def predict(self, pictures: Tensor) -> Iterator[Prediction]:
        """Predictions in order, a batch at a time, on the device.

        Parameters
        ----------
        pictures : (N, 3, 256, 256) RGB in [0, 1], on any device

        Raises
        ------
        HandsError
            OUT_OF_MEMORY where not even one picture fits
        """
        start = 0
        while start < len(pictures):
            batch = pictures[start : start + self.batch_size]
            try:
                prediction = self._predict_batch(batch)
            except torch.OutOfMemoryError as error:
                self._shrink(error)
                continue
            yield prediction
            start += len(batch)

    def _predict_batch(self, batch: Tensor) -> Prediction:
        on_device = batch.to(self.device, non_blocking=True).contiguous(memory_format=torch.channels_last)
        if self._captured is not None and len(batch) == self.batch_size:
            return self._captured(on_device)
        return self._run(on_device)

    def _run(self, batch: Tensor) -> Prediction:
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            return self._network.predict(batch)

    def _shrink(self, error: torch.OutOfMemoryError) -> None:
        if self.batch_size == 1:
            raise HandsError(
                ErrorCode.OUT_OF_MEMORY,
                f"The memory of the device '{self.device}' does not hold the network and one picture.",
                "Close other programs that use it, or work on the CPU.",
            ) from error
        self.batch_size //= 2
        self._captured = None  # it belongs to the larger batch
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _capture(
    run: Callable[[Tensor], Prediction], batch_size: int, picture_px: int, device: torch.device
) -> Callable[[Tensor], Prediction]:
    """The work on one batch as a CUDA graph."""
    pictures = torch.zeros(batch_size, 3, picture_px, picture_px, device=device)
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    warm_up = torch.cuda.Stream(device)
    warm_up.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(warm_up):  # libraries choose and allocate outside the recording
        for _ in range(3):
            run(pictures)
    torch.cuda.current_stream(device).wait_stream(warm_up)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        recorded = run(pictures)

    def replay(batch: Tensor) -> Prediction:
        pictures.copy_(batch)
        graph.replay()
        return map_tensors(recorded, torch.clone)  # the next replay writes over the recorded ones

    return replay


def map_tensors(prediction: Prediction, change: Callable[[Tensor], Tensor]) -> Prediction:
    """The prediction with every tensor changed, for example copied or moved to the CPU."""

    def maybe(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else change(tensor)

    def stage(hand: HandStage) -> HandStage:
        return HandStage(
            pose_rotvec=change(hand.pose_rotvec),
            betas=change(hand.betas),
            points_mm=change(hand.points_mm),
            vertices_mm=maybe(hand.vertices_mm),
            rest_joints_mm=maybe(hand.rest_joints_mm),
            rotations=change(hand.rotations),
            pose_code=change(hand.pose_code),
        )

    heatmaps, mesh = prediction.heatmaps, prediction.mesh
    return Prediction(
        HeatmapSummary(
            change(heatmaps.peaks_xyc),
            change(heatmaps.attention),
            change(heatmaps.sampled),
            maybe(heatmaps.joint_depth),
        ),
        change(prediction.hand_presence),
        MeshOutput([stage(hand) for hand in mesh.right], [stage(hand) for hand in mesh.left], change(mesh.trans)),
    )
