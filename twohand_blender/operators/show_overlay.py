"""Show Overlay: look through a result's camera, with the picture behind the hands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import StringProperty

from ..results import chosen_result
from ..scene.build import CAMERA_ROLE, built_hands
from ..scene.collection import built_keys, own_objects
from ..scene.editing import scene_of


class TWOHAND_OT_show_overlay(bpy.types.Operator):
    """Look through the camera of the hands, with the picture behind them; once more: back to the view as it was"""

    bl_idname = "twohand.show_overlay"
    bl_label = "Show Overlay"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        take_name: str
        take_source: str
    else:
        take_name: StringProperty(
            name="Take", description="Empty: the take of the active object, else the newest", options={"SKIP_SAVE"}
        )
        take_source: StringProperty(name="Source", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = "" if built_keys(scene_of(context)) else "There are no hands in this scene"
        if not reason and _view_of(context) is None:
            reason = "Open a 3D viewport to look at the hands"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[Any]:
        scene = scene_of(context)
        key, area = chosen_result(scene, self.take_name, self.take_source), _view_of(context)
        camera = own_objects(scene, key).get(CAMERA_ROLE) if key is not None else None
        space = cast("bpy.types.SpaceView3D | None", area.spaces.active if area is not None else None)
        if key is None or camera is None or area is None or space is None or space.region_3d is None:
            self.report({"ERROR"}, "The camera of these hands is gone. Import their take again.")
            return {"CANCELLED"}
        data, looking = cast(bpy.types.Camera, camera.data), space.region_3d.view_perspective == "CAMERA"
        if looking and scene.camera == camera and data.show_background_images:
            _toggle_camera_view(context, area)
            return {"FINISHED"}
        scene.camera = camera
        space.use_local_camera = False
        data.show_background_images = True
        if not looking:
            _toggle_camera_view(context, area)
        built = next(result for result in built_hands(scene) if result.key == key)
        if not built.first_frame <= scene.frame_current <= built.last_frame:
            scene.frame_set(built.first_frame)
        if not data.background_images:
            self.report({"WARNING"}, "The picture is missing: it could not be shown when the hands were built.")
        return {"FINISHED"}


def _toggle_camera_view(context: bpy.types.Context, area: bpy.types.Area) -> None:
    """Into the camera, or back to the view that Blender has kept meanwhile."""
    region = next(region for region in area.regions if region.type == "WINDOW")
    with context.temp_override(area=area, region=region):
        bpy.ops.view3d.view_camera()


def _view_of(context: bpy.types.Context) -> bpy.types.Area | None:
    """The 3D viewport that is meant: the one with the button, else the largest of the screen."""
    area = cast("bpy.types.Area | None", context.area)
    if area is not None and area.type == "VIEW_3D":
        return area
    screen = cast("bpy.types.Screen | None", context.screen)
    areas = [area for area in screen.areas if area.type == "VIEW_3D"] if screen is not None else []
    return max(areas, key=lambda area: area.width * area.height, default=None)
