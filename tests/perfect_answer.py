"""What a network without error answers about drawn samples: exactly what training asks for."""

from __future__ import annotations

import torch
from torch import Tensor

from inference.fit.placement import trans_between
from inference.hands.joints import MIDDLE_MCP
from inference.networks.heatmaps import HeatmapSummary
from inference.networks.intershape import Prediction
from inference.networks.mesh_net import HandStage, MeshOutput
from inference.synthesis.sample import Samples
from inference.training.synthetic_stream import batch_of


def perfect_answer(samples: Samples, pictures: Tensor) -> Prediction:
    """About `pictures` (n, 3, S, S), which must be among the samples' own; in the axes of the crop's ray."""
    batch = batch_of(samples)
    apart = (pictures[:, None] - batch.picture[None]).abs().flatten(2).amax(2)
    assert float(apart.amin(1).max()) < 1e-6, "the crop is not the sample"
    rows = apart.argmin(1)
    points, vertices = batch.targets.points_mm[rows], batch.vertices_mm[rows]
    knuckles = points[:, :, MIDDLE_MCP, None]
    nothing = torch.zeros(len(rows), 0)
    stages = [
        HandStage(
            pose_rotvec=nothing,
            betas=nothing,
            points_mm=(points - knuckles)[:, hand],
            vertices_mm=(vertices - knuckles)[:, hand],
            rest_joints_mm=None,
            rotations=nothing,
            pose_code=nothing,
        )
        for hand in range(2)
    ]
    trans = torch.from_numpy(trans_between(points[:, 0].numpy(), points[:, 1].numpy()))
    summary = HeatmapSummary(nothing, nothing, nothing, None)
    return Prediction(summary, nothing, MeshOutput(stages[:1], stages[1:], trans))
