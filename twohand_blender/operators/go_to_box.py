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
        shown = list(canvases(screen, scene, frames_of(settings))) if screen is not None else []
        shifts = [canvas.shift for canvas in shown if canvas.shift is not None]
        if shifts or box.frame not in {canvas.frame for canvas in shown}:
            # Editors may show the source shifted against the scene; without any, both count alike.
            scene.frame_set(box.frame + (shifts[0] if shifts else 0))
        return {"FINISHED"}
