"""Editors that show a picture with its pixels in known places, so that boxes can be drawn on it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d

from .input_frames import InputFrames
from .picture_map import PictureMap, fitted
from .scene.orientation import UPRIGHT, Orientation, orientation_of
from .shown_frame import ShownFrame, frame_of_clip, frame_of_image

NO_CANVAS: Final = (
    "Open the input in an Image Editor, or look through a camera that has it as its background (Show Overlay)"
)
_STRAIGHT: Final = 1e-3


@dataclass(frozen=True)
class Canvas:
    """A region that shows a frame of the input."""

    area: bpy.types.Area
    region: bpy.types.Region
    map: PictureMap
    frame: int
    shift: int | None = None
    """As of `shown_frame.ShownFrame`."""

    def holds(self, mouse_x: int, mouse_y: int) -> bool:
        """Whether a point of the window lies in the region."""
        x, y = self.local(mouse_x, mouse_y)
        return 0 <= x < self.region.width and 0 <= y < self.region.height

    def local(self, mouse_x: int, mouse_y: int) -> tuple[int, int]:
        """A point of the window in the region's own coordinates."""
        return mouse_x - self.region.x, mouse_y - self.region.y


def canvases(screen: bpy.types.Screen, scene: bpy.types.Scene, frames: InputFrames) -> Iterator[Canvas]:
    """Every region of a screen that boxes can be drawn in: those that show the input."""
    for area in screen.areas:
        canvas = canvas_of(area, scene, frames)
        if canvas is not None:
            yield canvas


def canvas_of(area: bpy.types.Area, scene: bpy.types.Scene, frames: InputFrames) -> Canvas | None:
    """The frame of the input that an area shows now, None where it shows something else."""
    region = next((region for region in area.regions if region.type == "WINDOW" and region.width > 1), None)
    space = area.spaces.active
    if region is None:
        return None
    if isinstance(space, bpy.types.SpaceImageEditor):
        return _of_image_editor(area, region, space, scene, frames)
    if isinstance(space, bpy.types.SpaceView3D):
        return _of_camera_view(area, region, space, scene, frames)
    return None


def _of_image_editor(
    area: bpy.types.Area,
    region: bpy.types.Region,
    space: bpy.types.SpaceImageEditor,
    scene: bpy.types.Scene,
    frames: InputFrames,
) -> Canvas | None:
    image = space.image
    if image is None or 0 in image.size:
        return None
    shown = frame_of_image(image, space.image_user, scene.frame_current, frames)
    if shown is None:
        return None
    # The view counts in widths and heights of the picture, from its bottom left corner.
    left, bottom = region.view2d.region_to_view(0.0, 0.0)
    right, top = region.view2d.region_to_view(float(region.width), float(region.height))
    extent = (region.width / (right - left), region.height / (top - bottom))
    orientation = _stored_orientation(image)
    picture = PictureMap(
        _turned(image.size, orientation), (-left * extent[0], -bottom * extent[1]), extent, orientation
    )
    return Canvas(area, region, picture, shown.number, shown.shift)


def _of_camera_view(
    area: bpy.types.Area,
    region: bpy.types.Region,
    space: bpy.types.SpaceView3D,
    scene: bpy.types.Scene,
    frames: InputFrames,
) -> Canvas | None:
    view = space.region_3d
    camera = space.camera if space.use_local_camera else scene.camera
    if view is None or view.view_perspective != "CAMERA" or camera is None:
        return None
    data = camera.data
    if not isinstance(data, bpy.types.Camera) or not data.show_background_images:
        return None
    background = next((item for item in data.background_images if item.show_background_image), None)
    shown = _shown_behind(background, scene, frames) if background is not None else None
    corners = [
        location_3d_to_region_2d(region, view, camera.matrix_world.normalized() @ corner)
        for corner in data.view_frame(scene=scene)
    ]
    if background is None or shown is None or any(corner is None for corner in corners):
        return None
    xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
    frame_extent = (max(xs) - min(xs), max(ys) - min(ys))
    size, orientation, frame = shown
    picture = _behind(background, (min(xs), min(ys)), frame_extent, size, orientation)
    return Canvas(area, region, picture, frame.number, frame.shift) if picture is not None else None


def _shown_behind(
    background: bpy.types.CameraBackgroundImage, scene: bpy.types.Scene, frames: InputFrames
) -> tuple[tuple[int, int], Orientation, ShownFrame] | None:
    """Size as stored, what makes it upright, and the frame of the input that a camera's background shows, else None."""
    if background.source == "MOVIE_CLIP":
        clip = background.clip or scene.active_clip
        if clip is None or 0 in clip.size:
            return None
        shown = frame_of_clip(clip, scene.frame_current, frames)
        return ((clip.size[0], clip.size[1]), _stored_orientation(clip), shown) if shown is not None else None
    image, user = background.image, background.image_user
    if image is None or user is None or 0 in image.size:
        return None
    shown = frame_of_image(image, user, scene.frame_current, frames)
    return ((image.size[0], image.size[1]), _stored_orientation(image), shown) if shown is not None else None


def _behind(
    background: bpy.types.CameraBackgroundImage,
    frame_corner: tuple[float, float],
    frame_extent: tuple[float, float],
    size: tuple[int, int],
    orientation: Orientation,
) -> PictureMap | None:
    """Where a camera's background lies; None where it is turned in a way that boxes do not follow.

    Blender fits the picture as it is stored into the frame, then scales, turns and moves it about the frame's middle;
    `scale` and `offset` count in the frame's terms. `scene.background` turns pictures upright by just that.
    """
    corner, extent = fitted(frame_corner, frame_extent, size, background.frame_method)
    turns = background.rotation / (math.pi / 2)
    quarter_turns = round(turns) % 4
    if abs(turns - round(turns)) > _STRAIGHT or background.use_flip_y:
        return None
    middle = (
        corner[0] + 0.5 * extent[0] + background.offset[0] * frame_extent[0],
        corner[1] + 0.5 * extent[1] + background.offset[1] * frame_extent[1],
    )
    extent = (extent[0] * background.scale, extent[1] * background.scale)
    if quarter_turns % 2:
        extent = (extent[1], extent[0])
    # What the background itself already turns is not left to do.
    shown = Orientation(background.use_flip_x, quarter_turns)
    left = UPRIGHT if shown == orientation else orientation if shown == UPRIGHT else None
    if left is None:
        return None
    return PictureMap(
        _turned(size, orientation), (middle[0] - 0.5 * extent[0], middle[1] - 0.5 * extent[1]), extent, left
    )


def _stored_orientation(shown: bpy.types.Image | bpy.types.MovieClip) -> Orientation:
    if shown.source not in ("FILE", "SEQUENCE"):
        return UPRIGHT  # Blender turns movies itself
    return orientation_of(Path(bpy.path.abspath(shown.filepath, library=shown.library)))


def _turned(size: tuple[int, int] | bpy.types.bpy_prop_array[int], orientation: Orientation) -> tuple[int, int]:
    width, height = int(size[0]), int(size[1])
    return (height, width) if orientation.quarter_turns % 2 else (width, height)
