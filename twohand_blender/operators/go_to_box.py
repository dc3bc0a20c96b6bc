"""Go to Box: the frame of the chosen box."""

from __future__ import annotations

from typing import Any, cast

import bpy

from ..boxes import active_box, frames_of
from ..canvas import canvases
from ..properties import settings_of
from ..scene.editing import scene_of


class TWOHAND_OT_go_to_box(bpy.types.Operator):
    """Go to the frame in which the chosen box was drawn"""

    bl_idname = "twohand.go_to_box"
    bl_label = "Go to Frame of Box"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_box(settings_of(scene_of(context))) is None:
            cls.poll_message_set("No box is chosen in the list")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        scene = scene_of(context)
        settings = settings_of(scene)
        box = active_box(settings)
        if box is None:
            return {"CANCELLED"}
        screen = cast("bpy.types.Screen | None", context.screen)
        # Editors may show the source shifted against the scene; without any, both count alike.
        shown = next(canvases(screen, scene, frames_of(settings)), None) if screen is not None else None
        shift = scene.frame_current - shown.frame if shown is not None else 0
        scene.frame_set(box.frame + shift)
        return {"FINISHED"}
