"""The pose library as pose assets: single-frame actions that Blender's asset shelf shows and applies in pose mode."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference.hands.joints import JOINT_COUNT, SIDES
from ...inference.hands.pose_library import LICENCE, POSES, HandPose, joint_quat_wxyz
from .action import channelbag_of, new_action, new_curve, write_curve
from .names import bone_names

POSE_MARK: Final = "twohand_pose"
"""Custom property of an action: which pose of the library it is."""
POSE_CATALOG_ID: Final = "5b0f6a52-0d3e-4c57-9a39-6f2d1c84e7b1"
"""The poses' asset catalog. Blender keeps the names of catalogs in ``blender_assets.cats.txt``, beside a saved file or
in an asset library's folder, and lets no script make one; a line there with this id names it (weights/README.md). Until
then the poses stand under All and Unassigned. The file is the user's: nothing is written to it."""
_FRAME: Final = np.array([1])
_PLAIN_KEY: Final = np.zeros(1, dtype=np.int32)


def add_pose_assets(thumbnails_path: Path) -> list[bpy.types.Action]:
    """Add the poses that this file does not have yet; those that are there are left as the user has made them.

    A pose has the curves of both hands' finger bones, so one asset serves the left, the right or both; `hand`, which
    carries the wrist's motion, is not part of it.

    Parameters
    ----------
    thumbnails_path : ``weights/open_hand_poses.npz``

    Returns
    -------
    the actions that were made or marked as assets again
    """
    present = {action[POSE_MARK]: action for action in bpy.data.actions if POSE_MARK in action and not action.library}
    missing = [name for name in POSES if name not in present or present[name].asset_data is None]
    if not missing:
        return []
    with np.load(thumbnails_path, allow_pickle=False) as file:
        thumbnails = dict(zip(file["names"].tolist(), file["thumbnails"], strict=True))
    made = []
    for name in missing:
        action = present.get(name) or _build_action(name, POSES[name])
        _mark_as_asset(action, POSES[name])
        _set_preview(action, thumbnails[name])
        made.append(action)
    return made


def pose_title(name: str) -> str:
    """``thumbs_up`` as the asset shelf shows it: ``Hand Thumbs Up``."""
    return f"Hand {name.replace('_', ' ').title()}"


def _build_action(name: str, pose: HandPose) -> bpy.types.Action:
    action = new_action(pose_title(name))
    action[POSE_MARK] = name
    bag = channelbag_of(action, action.slots.new(id_type="OBJECT", name="Hands"))
    for side in SIDES:
        bones, quat = bone_names(side), joint_quat_wxyz(pose, side)
        for joint in range(1, JOINT_COUNT):
            path = f'pose.bones["{bones[joint]}"].rotation_quaternion'
            for index in range(4):
                curve = new_curve(bag, path, index, bones[joint])
                write_curve(curve, _FRAME, quat[joint, index : index + 1], _PLAIN_KEY)
    return action


def _mark_as_asset(action: bpy.types.Action, pose: HandPose) -> None:
    action.asset_mark()
    data = action.asset_data
    assert data is not None  # noqa: S101 - just made
    data.description, data.license, data.author = pose.description, LICENCE, "Two Hands"
    data.catalog_id = POSE_CATALOG_ID
    data.tags.new("hand", skip_if_exists=True)


def _set_preview(action: bpy.types.Action, picture: NDArray[np.uint8]) -> None:
    """Without a window Blender renders no preview of a pose itself."""
    preview = action.preview_ensure()
    if preview is None:  # a build without previews
        return
    height, width = picture.shape[:2]
    preview.image_size = (width, height)
    pixels = picture[::-1].astype(np.float32) / 255.0  # bottom row first
    preview.image_pixels_float.foreach_set(pixels.ravel())  # type: ignore[attr-defined]  # the stubs take the array for a number
