"""A 3D viewport that looks through the camera of a result, with the picture behind the hands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import bpy
from mathutils import Vector

from .scene.build import CAMERA_ROLE, built_hands
from .scene.collection import built_keys, own_objects
from .scene.editing import scene_of
from .scene.ownership import TakeKey


def view_of(context: bpy.types.Context) -> bpy.types.Area | None:
    """The 3D viewport that is meant: the one with the button, else the largest of the screen."""
    area = cast("bpy.types.Area | None", context.area)
    if area is not None and area.type == "VIEW_3D":
        return area
    screen = cast("bpy.types.Screen | None", context.screen)
    areas = [area for area in screen.areas if area.type == "VIEW_3D"] if screen is not None else []
    return max(areas, key=lambda area: area.width * area.height, default=None)


def is_looked_through(context: bpy.types.Context, key: TakeKey, view: bpy.types.Area) -> bool:
    """Whether a viewport shows the overlay of a result already."""
    scene = scene_of(context)
    camera = own_objects(scene, key).get(CAMERA_ROLE)
    if camera is None or scene.camera != camera or not _perspective_is_camera(view):
        return False
    return cast(bpy.types.Camera, camera.data).show_background_images


def enter_overlay(context: bpy.types.Context, key: TakeKey, view: bpy.types.Area) -> bool:
    """Look through the camera of a result, in a frame that has its hands; False where its camera is gone.

    Where the camera stands inside an object of the user's (Blender's own cube, say), which would hide the picture, the
    viewport shows the result alone (local view): the object itself is left as it is.
    """
    scene = scene_of(context)
    camera, space = own_objects(scene, key).get(CAMERA_ROLE), cast(bpy.types.SpaceView3D, view.spaces.active)
    if camera is None or space.region_3d is None:
        return False
    scene.camera = camera
    space.use_local_camera = False
    cast(bpy.types.Camera, camera.data).show_background_images = True
    built = next(result for result in built_hands(scene) if result.key == key)
    if not built.first_frame <= scene.frame_current <= built.last_frame:
        scene.frame_set(built.first_frame)
    own = list(own_objects(scene, key).values())
    if space.local_view is None and _stands_in_another(context, camera, own):
        _show_alone(context, view, own)
    if not _perspective_is_camera(view):
        _run_in(context, view, "view_camera")
    return True


def leave_overlay(context: bpy.types.Context, view: bpy.types.Area) -> None:
    """Back to the view that Blender has kept meanwhile, with everything in it (a local view of the user's stays)."""
    if _perspective_is_camera(view):
        _run_in(context, view, "view_camera")
    space, scene = cast(bpy.types.SpaceView3D, view.spaces.active), scene_of(context)
    if space.local_view is None:
        return
    own = {item for key in built_keys(scene) for item in own_objects(scene, key).values()}
    if not any(item.local_view_get(space) for item in scene.objects if item not in own):
        _run_in(context, view, "localview", frame_selected=False)


def _perspective_is_camera(view: bpy.types.Area) -> bool:
    region_3d = cast(bpy.types.SpaceView3D, view.spaces.active).region_3d
    return region_3d is not None and region_3d.view_perspective == "CAMERA"


def _stands_in_another(context: bpy.types.Context, camera: bpy.types.Object, own: Iterable[bpy.types.Object]) -> bool:
    """Whether the camera is within the bounds of a visible mesh that is not the result's."""
    ours = set(own)
    layer = cast(bpy.types.ViewLayer, context.view_layer)
    for item in layer.objects:
        if item.type != "MESH" or item in ours or not item.visible_get():
            continue
        if abs(item.matrix_world.determinant()) < 1e-12:  # flat: nothing is inside
            continue
        corners = [Vector(corner) for corner in item.bound_box]
        place = item.matrix_world.inverted() @ camera.matrix_world.translation
        if all(min(c[axis] for c in corners) <= place[axis] <= max(c[axis] for c in corners) for axis in range(3)):
            return True
    return False


def _show_alone(context: bpy.types.Context, view: bpy.types.Area, own: Iterable[bpy.types.Object]) -> None:
    """Local view of some objects; what was selected is selected afterwards."""
    layer = cast(bpy.types.ViewLayer, context.view_layer)
    selected = {item for item in layer.objects if item.select_get()}
    ours = set(own)
    for item in layer.objects:
        item.select_set(item in ours)
    try:
        _run_in(context, view, "localview", frame_selected=False)
        for item in ours:  # what cannot be selected, too
            item.local_view_set(cast(bpy.types.SpaceView3D, view.spaces.active), True)
    finally:
        for item in layer.objects:
            item.select_set(item in selected)


def _run_in(context: bpy.types.Context, view: bpy.types.Area, name: str, **options: bool) -> None:
    region = next(region for region in view.regions if region.type == "WINDOW")
    with context.temp_override(area=view, region=region):
        getattr(bpy.ops.view3d, name)(**options)
