"""The demo's part in Blender: the add-on's own operators build and export, Cycles renders what came out."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import bpy as bpy_module
import cv2
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from numpy.typing import NDArray

# The stubs know no node by its kind and no union of object data: Blender is taken untyped here.
bpy: Any = cast("Any", bpy_module)

ROOT: Final = Path(__file__).resolve().parents[2]
EXTENSION: Final = "twohand_extension"
CLIP_SCENE: Final = "Clip"
PICTURE_SCENE: Final = "Picture"
PREVIEW_SIZE_PX: Final = (960, 540)
PREVIEW_SAMPLES: Final = 10
PANEL_SIZE_PX: Final = (640, 360)
CLIP_MOMENT: Final = 0.52
"""Which part of the clip the preview shows: the index tips touch."""
BONE_BGR: Final = {"R": (235, 190, 90), "L": (70, 170, 255)}
"""Right blue, left orange, as in the overlays."""

Picture = NDArray[np.uint8]


def start() -> None:
    """Load the repository as Blender loads an extension, and start from an empty file."""
    if EXTENSION not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            EXTENSION, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[EXTENSION] = module
        spec.loader.exec_module(module)
        module.register()
    with quiet():
        bpy.ops.wm.read_factory_settings(use_empty=True)


def build_scenes(clip_take: Path, picture_take: Path) -> float:
    """Import both takes, each into a scene of its own; the seconds that the clip's import took."""
    clip = bpy.context.scene
    clip.name = CLIP_SCENE
    started = time.perf_counter()
    with quiet():
        bpy.ops.twohand.import_take(filepath=str(clip_take))
    seconds = time.perf_counter() - started
    bpy.context.window.scene = bpy.data.scenes.new(PICTURE_SCENE)
    with quiet():
        bpy.ops.twohand.import_take(filepath=str(picture_take))
    bpy.context.window.scene = clip
    for name in (CLIP_SCENE, PICTURE_SCENE):
        _light(bpy.data.scenes[name])
    with quiet():
        bpy.ops.twohand.show_overlay()  # who opens the file sees hands, not a speck
    return seconds


def save(path: Path) -> None:
    """Save the file; the pictures behind the hands are found relative to it."""
    with quiet():
        bpy.ops.wm.save_as_mainfile(filepath=str(path), relative_remap=True, compress=True)
        bpy.ops.file.make_paths_relative()
        bpy.ops.wm.save_mainfile(compress=True)
    path.with_name(path.name + "1").unlink(missing_ok=True)


def export(path: Path) -> dict[str, Any]:
    """Export the clip's hands as FBX with the add-on's operator; what it found when it read the file back."""
    with quiet():
        bpy.ops.twohand.export_fbx(filepath=str(path))
    return json.loads(path.with_name(path.name + ".report.json").read_text(encoding="utf-8"))


def render_previews(folder: Path, picture_path: Path) -> None:
    """`hands_camera.png` through the picture's camera over the picture, `hands_side.png` from the side with bones."""
    source = cv2.imread(str(picture_path))
    if source is None:
        raise FileNotFoundError(picture_path)
    scene = bpy.data.scenes[PICTURE_SCENE]
    layer = _render(scene, scene.camera, folder)
    cv2.imwrite(str(folder / "hands_camera.png"), _over(layer, cv2.resize(source, PREVIEW_SIZE_PX).astype(np.uint8)))
    clip = bpy.data.scenes[CLIP_SCENE]
    _go_to_moment(clip)
    camera = _side_camera(clip)
    side = _over(_render(clip, camera, folder), _backdrop())
    cv2.imwrite(str(folder / "hands_side.png"), _draw_bones(side, clip, camera))


def write_result(path: Path, picture_path: Path, folder: Path) -> None:
    """The README's picture: source, reconstruction through the camera, rig over the picture, clip from the side."""
    source, camera, side = (
        cv2.imread(str(file)) for file in (picture_path, folder / "hands_camera.png", folder / "hands_side.png")
    )
    assert source is not None and camera is not None and side is not None
    scene = bpy.data.scenes[PICTURE_SCENE]
    rig = _draw_bones(cv2.resize(camera, PREVIEW_SIZE_PX).astype(np.uint8), scene, scene.camera)
    panels = [source, camera, rig, side]
    titles = ["a picture", "two meshes, matched camera", "two rigs", "a clip, seen from the side"]
    tiles = [
        _titled(cv2.resize(panel, PANEL_SIZE_PX, interpolation=cv2.INTER_AREA).astype(np.uint8), title)
        for panel, title in zip(panels, titles, strict=True)
    ]
    grid = np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), grid, [cv2.IMWRITE_JPEG_QUALITY, 88])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what Blender prints, in Python and below it, off the terminal; show it where something fails."""
    sys.stdout.flush()
    kept, log = os.dup(1), io.FileIO(os.memfd_create("log") if hasattr(os, "memfd_create") else os.open(os.devnull, 2))
    try:
        os.dup2(log.fileno(), 1)
        yield
    except BaseException:
        sys.stdout.flush()
        log.seek(0)
        os.write(2, log.read() or b"")
        raise
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        log.close()


@dataclass(frozen=True)
class _Lamp:
    """A square lamp: where it is from the hands' middle, its size and power."""

    offset_m: tuple[float, float, float]
    size_m: float
    power_w: float


_LAMPS: Final = (
    _Lamp((-0.7, -0.5, 0.7), 0.6, 10.0),
    _Lamp((0.8, -0.5, 0.1), 0.9, 2.2),
    _Lamp((0.1, 0.7, 0.6), 0.5, 6.0),
)


def _light(scene: Any) -> None:
    """Studio light, so that a rendering of the file shows something; the add-on itself adds none."""
    middle = _middle(scene)
    for lamp in _LAMPS:
        light = bpy.data.lights.new("Studio", "AREA")
        light.size, light.energy = lamp.size_m, lamp.power_w
        holder = bpy.data.objects.new("Studio", light)
        holder.location = middle + Vector(lamp.offset_m)
        holder.rotation_euler = (-Vector(lamp.offset_m)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(holder)
    world = bpy.data.worlds.new("Studio")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.22
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1.0, 0.97, 0.94, 1.0)
    scene.world = world


def _go_to_moment(scene: Any) -> None:
    first, last = scene.frame_start, scene.frame_end
    bpy.context.window.scene = scene
    scene.frame_set(round(first + CLIP_MOMENT * (last - first)))


def _armatures(scene: Any) -> list[Any]:
    return [thing for thing in scene.objects if thing.type == "ARMATURE"]


def _middle(scene: Any) -> Vector:
    """Centre of the hands' bones in the world."""
    heads = [rig.matrix_world @ bone.head for rig in _armatures(scene) for bone in rig.pose.bones]
    return Vector(np.mean([tuple(head) for head in heads], axis=0).tolist())


def _side_camera(scene: Any) -> Any:
    middle = _middle(scene)
    data = bpy.data.cameras.new("side")
    data.lens, data.clip_start = 50.0, 0.01
    camera = bpy.data.objects.new("side", data)
    offset = Vector((0.52, -0.36, 0.16))
    camera.location = middle + offset
    camera.rotation_euler = (-offset).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    bpy.context.window.scene = scene
    bpy.context.view_layer.update()
    return camera


def _render(scene: Any, camera: Any, folder: Path) -> NDArray[np.float64]:
    """(H, W, 4) BGRA from 0 to 1, transparent where no hand is."""
    bpy.context.window.scene = scene
    scene.camera = camera
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = PREVIEW_SIZE_PX
    render.film_transparent = True
    cycles.device, cycles.samples, cycles.seed, cycles.max_bounces = "CPU", PREVIEW_SAMPLES, 1, 3
    cycles.use_denoising, cycles.denoising_quality, cycles.denoising_prefilter = True, "FAST", "NONE"
    scene.view_settings.view_transform = "Standard"
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    path = folder / ".layer.png"
    render.filepath = str(path)
    with quiet():
        bpy.ops.render.render(write_still=True, scene=scene.name)
    layer = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    path.unlink(missing_ok=True)
    if layer is None:
        raise RuntimeError("The preview could not be rendered.")
    return layer.astype(np.float64) / 255.0


def _over(layer: NDArray[np.float64], background: Picture) -> Picture:
    alpha = layer[..., 3:]
    return np.rint(255 * layer[..., :3] * alpha + background * (1 - alpha)).astype(np.uint8)


def _backdrop() -> Picture:
    """A dark gradient for views that no picture fits."""
    width, height = PREVIEW_SIZE_PX
    row = np.linspace(78, 34, height)[:, None, None] * np.array([1.04, 1.0, 0.96])
    return np.rint(np.broadcast_to(row, (height, width, 3))).astype(np.uint8)


def _draw_bones(picture: Picture, scene: Any, camera: Any) -> Picture:
    """Every pose bone as Blender draws it, an octahedron, over a picture of `PREVIEW_SIZE_PX`."""
    bpy.context.window.scene = scene
    bpy.context.view_layer.update()
    canvas = picture.copy()
    for rig in _armatures(scene):
        colour = BONE_BGR["L" if "_L" in rig.name else "R"]
        for bone in rig.pose.bones:
            head, tail = (_pixel(scene, camera, rig.matrix_world @ point) for point in (bone.head, bone.tail))
            across = np.array([head[1] - tail[1], tail[0] - head[0]]) * 0.09
            knee = head + 0.14 * (tail - head)
            outline = np.rint(16 * np.stack([head, knee + across, tail, knee - across])).astype(np.int32)
            filled = canvas.copy()
            cv2.fillPoly(filled, [outline], colour, cv2.LINE_AA, 4)
            canvas = cv2.addWeighted(filled, 0.55, canvas, 0.45, 0).astype(np.uint8)
            cv2.polylines(canvas, [outline], True, tuple(int(0.45 * part) for part in colour), 1, cv2.LINE_AA, 4)
    return canvas


def _pixel(scene: Any, camera: Any, point: Any) -> NDArray[np.float64]:
    view = world_to_camera_view(scene, camera, point)
    width, height = PREVIEW_SIZE_PX
    return np.array([view.x * width - 0.5, (1 - view.y) * height - 0.5])


def _titled(picture: Picture, title: str) -> Picture:
    canvas = picture.copy()
    cv2.putText(canvas, title, (13, 347), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (20, 20, 20), 3, cv2.LINE_AA)
    cv2.putText(canvas, title, (13, 347), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (245, 245, 245), 1, cv2.LINE_AA)
    return canvas
