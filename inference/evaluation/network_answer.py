"""What a two-hand network says, as predicted hands in the camera's axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..crops import SquareCrop
from ..datasets.dataset import HandDataset
from ..fit.placement import AnswerAxes, turn_to_direction
from ..hands.joints import POINT_COUNT
from .prediction import PredictedHands, wrist_offset_from_trans

if TYPE_CHECKING:
    from ..networks.intershape import Prediction


def turn_to_camera(dataset: HandDataset, sample: int, crop: SquareCrop, axes: AnswerAxes) -> NDArray[np.float64]:
    """(3, 3) from the axes of an answer about a crop of a sample to the camera's.

    Raises
    ------
    HandsError
        INPUT_UNREADABLE where the answer cannot be turned for want of a camera
    """
    if axes == "camera":
        return np.eye(3)
    camera = dataset.intrinsics(sample)
    numbers = np.array([*camera.focal_px, *camera.principal_px])
    if not (np.isfinite(numbers).all() and min(camera.focal_px) > 0):
        raise HandsError(
            ErrorCode.INPUT_UNREADABLE,
            f"{dataset.name} does not say with which camera '{dataset.ids(np.array([sample]))[0]}' was taken.",
            "This network answers about the ray through a crop, which nothing but the camera tells: "
            "give data with cameras.",
        )
    middle = (crop.size_px - 1) / 2
    return turn_to_direction(
        (crop.to_picture((middle, middle)) - np.array(camera.principal_px)) / np.array(camera.focal_px)
    )


def answered_hands(predictions: Sequence[Prediction]) -> PredictedHands:
    """The last stage's hands of n samples, in the axes of the answer; without meshes where that stage has none."""
    import torch

    parts: list[list[NDArray[np.float64]]] = []
    for prediction in predictions:
        mesh = prediction.mesh
        hands = (mesh.right[-1], mesh.left[-1])
        vertices = [hand.vertices_mm for hand in hands if hand.vertices_mm is not None]
        points = torch.stack([hand.points_mm for hand in hands], dim=1)
        parts.append([tensor.double().cpu().numpy() for tensor in (points, *vertices, mesh.trans)])
    points_mm, *meshes, trans = (np.concatenate(part) for part in zip(*parts, strict=True))
    return PredictedHands(
        points_mm.reshape(-1, 2, POINT_COUNT, 3),
        (meshes[0], meshes[1]) if meshes else None,
        wrist_offset_from_trans(points_mm, trans),
    )


def in_camera_axes(hands: PredictedHands, turns: NDArray[np.float64]) -> PredictedHands:
    """The hands of n samples in other axes, by `turns` (n, 3, 3)."""
    back = np.swapaxes(turns, 1, 2)
    vertices, offset = hands.vertices_mm, hands.wrist_offset_mm
    return PredictedHands(
        hands.points_mm @ back[:, None],
        None if vertices is None else (vertices[0] @ back, vertices[1] @ back),
        None if offset is None else (offset[:, None] @ back)[:, 0],
    )
