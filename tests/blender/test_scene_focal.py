# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; scene.twohand exists while it is registered
"""The focal length of the scene's camera, against Blender's own projection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from addon_session import draw, registered
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from scene_access import current_scene
from take_factory import make_take
from twohand_extension.inference.camera import Camera
from twohand_extension.inference.contract import HandsError, write_take
from twohand_extension.twohand_blender import panels, scene_focal, worker_options


@pytest.fixture(autouse=True)
def addon(empty_file: None) -> Iterator[None]:
    with registered():
        yield


def add_camera() -> bpy.types.Camera:
    data = bpy.data.cameras.new("Mine")
    item = bpy.data.objects.new("Mine", data)
    current_scene().collection.objects.link(item)
    current_scene().camera = item
    return data


def camera_of(options: dict[str, float], size_px: tuple[int, int]) -> Camera:
    """What the worker makes of the option."""
    ((name, value),) = options.items()
    if name == "focal_mm":
        return Camera.from_focal_mm(value, size_px, "given")
    return (Camera.from_horizontal_fov if name == "fov" else Camera.from_vertical_fov)(value, size_px)


@pytest.mark.parametrize("size_px", [(1920, 1080), (1080, 1920), (640, 640)])
@pytest.mark.parametrize("sensor_fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
def test_a_point_appears_where_blender_shows_it(sensor_fit: str, size_px: tuple[int, int]) -> None:
    data, scene = add_camera(), current_scene()
    data.sensor_fit, data.lens, data.sensor_width, data.sensor_height = sensor_fit, 27.5, 23.6, 15.7
    scene.render.resolution_x, scene.render.resolution_y = size_px
    bpy.context.view_layer.update()
    # Blender's camera looks along -Z with Y up; the worker's along Z with Y down.
    assert scene.camera is not None
    seen = world_to_camera_view(scene, scene.camera, Vector((0.11, 0.07, -0.6)))
    shown_px = np.array([seen.x * size_px[0], (1.0 - seen.y) * size_px[1]]) - 0.5
    camera = camera_of(scene_focal.focal_options(scene), size_px)
    assert camera.project([0.11, -0.07, 0.6]) == pytest.approx(shown_px, abs=1e-3)


def test_the_option_reaches_the_worker(tmp_path: Path) -> None:
    add_camera().lens = 42.0
    current_scene().twohand.focal_source = "CAMERA"
    options = worker_options.worker_options(current_scene(), tmp_path / "a.png")
    assert options == {"focal_mm": 42.0}
    assert "Mine" in draw(panels.TWOHAND_PT_camera)


def test_no_camera_and_one_without_a_focal_length() -> None:
    current_scene().twohand.focal_source = "CAMERA"
    with pytest.raises(HandsError, match="no camera"):
        scene_focal.focal_options(current_scene())
    assert "The scene has no camera" in draw(panels.TWOHAND_PT_camera).replace("\n", " ")
    add_camera().type = "ORTHO"
    with pytest.raises(RuntimeError, match="not a perspective camera"):
        bpy.ops.twohand.reconstruct(input_path="/a.png")


def test_the_camera_of_the_hands_does_not_take_its_place(tmp_path: Path) -> None:
    data = add_camera()
    mine, settings = current_scene().camera, current_scene().twohand
    settings.focal_source = "CAMERA"
    take = tmp_path / "a.hands.npz"
    write_take(make_take(2), take)
    assert bpy.ops.twohand.import_take(filepath=str(take)) == {"FINISHED"}
    assert current_scene().camera != mine
    data.lens = 50.0
    assert scene_focal.focal_options(current_scene()) == {"focal_mm": pytest.approx(50.0)}
    assert "prop focal_camera" in draw(panels.TWOHAND_PT_camera)
