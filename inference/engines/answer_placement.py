"""From a network's answer for a crop to hands before the camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..crops import SquareCrop
from ..fit.placement import offset_between, palm_length_m, place, turn_to_ray
from ..hands.joints import MIDDLE_MCP, SIDES, Side
from ..hands.model import HandModel
from ..hands.rotations import matrix_to_quat_wxyz, multiply_quat_wxyz, quat_wxyz_to_matrix
from ..hands.skinning import pose_hand
from .crop_answer import CropAnswer

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PlacedHand:
    """One hand in one frame.

    Parameters
    ----------
    quat_wxyz : (16, 4) local rotations, absolute, joint 0 = the hand in camera axes
    translation_m : (3,) wrist joint in camera axes
    betas : (S,)
    joints_m : (21, 3) in camera axes
    seen_px : (21, 2) heat-map peaks in the picture
    error_share : median distance of `joints_m` from the peaks of all hands placed together, by their common box
    """

    quat_wxyz: Array
    translation_m: Array
    betas: Array
    joints_m: Array
    seen_px: Array
    error_share: float


def knuckle_offset_m(answer: CropAnswer, crop: SquareCrop, camera: Camera, models: Mapping[Side, HandModel]) -> Array:
    """(3,) from the right hand's middle knuckle to the left one's in camera axes, as an answer has it."""
    model, index = models["right"], SIDES.index("right")
    rest_m = model.joint_template + model.joint_shapedirs @ answer.betas[index]
    return turn_to_ray(camera, crop.centre_px) @ offset_between(answer.trans, palm_length_m(rest_m))


def place_answer(
    answer: CropAnswer,
    crop: SquareCrop,
    camera: Camera,
    models: Mapping[Side, HandModel],
    sides: Sequence[Side],
) -> dict[Side, PlacedHand]:
    """Hands of one answer, placed together; without those that no place before the camera explains.

    The answer is turned along the ray through the crop's middle, sizes are those of the models and betas, and the
    relation between two hands is the network's.

    Parameters
    ----------
    sides : the hands that are there
    """
    turn = turn_to_ray(camera, crop.centre_px)
    quat, points = {}, {}
    for side in sides:
        index = SIDES.index(side)
        local = answer.quat_wxyz[index].copy()
        local[0] = multiply_quat_wxyz(matrix_to_quat_wxyz(turn), local[0])
        quat[side] = local
        points[side] = pose_hand(models[side], quat_wxyz_to_matrix(local), answer.betas[index], np.zeros(3)).points_m
    if len(points) == len(SIDES):
        right, left = points["right"], points["left"]
        apart = knuckle_offset_m(answer, crop, camera, models)
        points["left"] = left + (right[MIDDLE_MCP] + apart - left[MIDDLE_MCP])
    order = list(points)
    if not order:
        return {}
    indices = [SIDES.index(side) for side in order]
    seen_px = crop.to_picture(answer.peaks_px)
    placement = place(
        camera,
        np.concatenate([points[side] for side in order]),
        seen_px[indices].reshape(-1, 2),
        answer.confidence[indices].reshape(-1),
    )
    if not placement.placed:
        return {}
    return {
        side: PlacedHand(
            quat_wxyz=quat[side],
            translation_m=points[side][0] + placement.translation_m,
            betas=answer.betas[index].copy(),
            joints_m=points[side] + placement.translation_m,
            seen_px=seen_px[index],
            error_share=float(placement.error_share),
        )
        for side, index in zip(order, indices, strict=True)
    }
