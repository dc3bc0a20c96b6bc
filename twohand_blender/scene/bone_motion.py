"""Motion of a hand in camera axes to the channels of its bones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...inference.hands.rotations import align_quat_signs, matrix_to_quat_wxyz, multiply_quat_wxyz
from .axes import CAMERA_TO_WORLD, MODEL_TO_REST, camera_to_world

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HandMotion:
    """What is keyed for one hand; every frame has a value (gaps are filled).

    Parameters
    ----------
    scene_frames : (F,) ascending frame numbers of the scene
    quat_wxyz : (F, 16, 4) local rotations of the hand model, joint 0 = the hand in camera axes
    translation_m : (F, 3) wrist joint in camera axes, metres
    state : (F,) values of `gaps.FrameState`: measured, bridged or held
    """

    scene_frames: NDArray[np.int64]
    quat_wxyz: Array
    translation_m: Array
    state: NDArray[np.uint8]


@dataclass(frozen=True)
class BoneChannels:
    """Values of the bones' own channels, relative to their rest: location (F, 3) of `hand`, quaternions (F, 16, 4)."""

    location_m: Array
    quat_wxyz: Array


def bone_channels(motion: HandMotion, rest_axes: ArrayLike, wrist_rest_m: ArrayLike) -> BoneChannels:
    """Express a motion in the bones' rest axes.

    With the bone's axes F in model axes, a local rotation R of the model is F^T R F of the bone; the root also takes
    the turn from camera axes to the world. Both are exact changes of basis, so no angle limit applies.

    Parameters
    ----------
    motion : motion of the hand model in camera axes
    rest_axes : (16, 3, 3) columns = X, Y, Z of every bone at rest, in armature axes (`armature.rest_axes`)
    wrist_rest_m : (3,) head of the `hand` bone at rest, in armature axes
    """
    axes = np.asarray(rest_axes, dtype=np.float64)
    in_model = MODEL_TO_REST.T @ axes
    quat = np.array(motion.quat_wxyz, dtype=np.float64)
    # Root: B^T C R F = F^T (A^T C) R F, where A = MODEL_TO_REST, C = CAMERA_TO_WORLD and B = A F.
    quat[:, 0] = multiply_quat_wxyz(matrix_to_quat_wxyz(MODEL_TO_REST.T @ CAMERA_TO_WORLD), quat[:, 0])
    quat[..., 1:] = np.einsum("jba,fjb->fja", in_model, quat[..., 1:])
    quat[0] = np.where(quat[0, :, :1] < 0, -quat[0], quat[0])
    location = (camera_to_world(motion.translation_m) - np.asarray(wrist_rest_m)) @ axes[0]
    return BoneChannels(location, align_quat_signs(quat))
