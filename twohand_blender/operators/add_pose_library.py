"""Add Pose Library: the named hand poses as pose assets of this file."""

from __future__ import annotations

from typing import Any

import bpy

from ...inference.hands.pose_library import POSES
from ..locations import EXTENSION_FOLDER
from ..scene.pose_assets import add_pose_assets


class TWOHAND_OT_add_pose_library(bpy.types.Operator):
    """Add the named hand poses to this file; in pose mode the asset shelf below the 3D view shows and applies them"""

    bl_idname = "twohand.add_pose_library"
    bl_label = "Add Pose Library"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[Any]:  # noqa: ARG002 - Blender's signature
        added = add_pose_assets(EXTENSION_FOLDER / "weights" / "open_hand_poses.npz")
        if not added:
            self.report({"INFO"}, f"All {len(POSES)} poses are in this file already.")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{len(added)} poses added. Apply them from the asset shelf in pose mode.")
        return {"FINISHED"}
