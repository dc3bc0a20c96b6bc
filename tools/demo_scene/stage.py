"""The room, its light and the phone's camera in Blender (Cycles on the CPU).

Blender's axes are the camera's: the camera stands at the origin and looks along -z, y is up, so a point (x, y, z) in
OpenCV's camera axes lies at (x, -y, -z). The room is turned by the camera's pitch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, cast

import bpy as bpy_module
import numpy as np
from mathutils import Matrix, Vector

# The stubs know no node by its kind and no union of object data: Blender is taken untyped here.
bpy: Any = cast("Any", bpy_module)

PITCH_DEG: Final = 14.0
FILM_WIDTH_MM: Final = 36.0


def new_scene(size_px: tuple[int, int], focal_mm: float, samples: int, threads: int) -> Any:
    """An empty scene with the renderer's settings and the camera."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = size_px
    scene.render.resolution_percentage = 100
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.use_persistent_data = True
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 7
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.04
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_quality, cycles.denoising_prefilter = (
        ("BALANCED", "ACCURATE") if samples > 16 else ("FAST", "NONE")
    )
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 1, 1
    cycles.transmission_bounces, cycles.transparent_max_bounces = 2, 4
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.25

    camera = bpy.data.cameras.new("phone")
    camera.sensor_width, camera.sensor_fit, camera.lens = FILM_WIDTH_MM, "HORIZONTAL", focal_mm
    camera.clip_start = 0.01
    holder = bpy.data.objects.new("phone", camera)
    scene.collection.objects.link(holder)
    scene.camera = holder
    return scene


def blur_background(scene: Any, focus_m: float, aperture: float) -> None:
    """Let the camera focus on the hands; `aperture` is the f-stop of a lens of this focal length on 35 mm film."""
    optics = scene.camera.data.dof
    optics.use_dof, optics.focus_distance, optics.aperture_fstop = True, focus_m, aperture


def render_only(scene: Any, points_m: Any) -> None:
    """Restrict the render to the part of the picture that points (N, 3) in OpenCV camera axes cover."""
    camera = scene.camera.data
    aspect = scene.render.resolution_x / scene.render.resolution_y
    seen = points_m[points_m[:, 2] > 0.05]
    across = 0.5 + camera.lens / camera.sensor_width * seen[:, :2] / seen[:, 2:] * [1.0, -aspect]
    low, high = np.clip(across.min(axis=0) - 0.02, 0, 1), np.clip(across.max(axis=0) + 0.02, 0, 1)
    render = scene.render
    render.use_border, render.use_crop_to_border = True, False
    render.border_min_x, render.border_min_y = (float(value) for value in low)
    render.border_max_x, render.border_max_y = (float(value) for value in high)


def build_room(scene: Any) -> list[Any]:
    """A study in the afternoon: desk, wall, window, shelf, plant and lamp. Returns its objects."""
    room = _Room(scene)
    wall = room.material("wall", (0.62, 0.58, 0.52), 0.9)
    wood = room.material("wood", (0.30, 0.17, 0.09), 0.45)
    dark = room.material("dark", (0.045, 0.05, 0.06), 0.5)
    white = room.material("white", (0.75, 0.74, 0.72), 0.6)
    green = room.material("leaves", (0.07, 0.17, 0.05), 0.6)
    clay = room.material("clay", (0.45, 0.17, 0.09), 0.8)
    curtain = room.material("curtain", (0.50, 0.47, 0.42), 0.9)
    room.box("back wall", (0, 0.3, -3.1), (6.0, 4.0, 0.1), wall)
    room.box("side wall", (-2.6, 0.3, -1.0), (0.1, 4.0, 6.0), wall)
    room.box("floor", (0, -1.25, -1.0), (6.0, 0.1, 6.0), wood)
    room.box("ceiling", (0, 1.5, -1.0), (6.0, 0.1, 6.0), white)
    room.box("desk", (0.1, -0.52, -1.15), (1.9, 0.04, 0.9), wood)
    room.box("paper", (-0.28, -0.497, -1.0), (0.22, 0.004, 0.30), white, turn_deg=14)
    room.box(
        "notebook", (0.36, -0.488, -1.15), (0.2, 0.025, 0.27), room.material("cover", (0.03, 0.10, 0.17), 0.6), -20
    )
    room.cylinder("mug", (-0.62, -0.44, -1.25), 0.045, 0.11, room.material("mug", (0.55, 0.10, 0.06), 0.3))
    room.cylinder("pens", (0.62, -0.43, -1.4), 0.04, 0.13, dark)
    room.glow("window", (-1.05, 0.35, -3.03), (1.0, 1.5), (0.80, 0.90, 1.0), 3.2)
    for x in (-1.60, -1.05, -0.50):
        room.box("window frame", (x, 0.35, -3.0), (0.06, 1.6, 0.06), white)
    for y in (-0.42, 0.35, 1.12):
        room.box("window bar", (-1.05, y, -3.0), (1.15, 0.06, 0.06), white)
    room.box("curtain left", (-1.85, 0.3, -2.95), (0.38, 2.0, 0.06), curtain)
    room.box("curtain right", (-0.25, 0.3, -2.95), (0.30, 2.0, 0.06), curtain)
    _bookshelf(room, wood)
    room.cylinder("pot", (0.32, -1.0, -2.7), 0.16, 0.4, clay)
    generator = np.random.default_rng(3)
    for _ in range(26):
        x, y, z = generator.normal((0.32, -0.42, -2.7), (0.13, 0.22, 0.1))
        room.leaf((float(x), float(y), float(z)), float(generator.uniform(0.05, 0.12)), green)
    room.glow("lamp", (0.55, 0.42, -2.9), (0.22, 0.26), (1.0, 0.72, 0.42), 6.0)
    return room.objects


def _bookshelf(room: _Room, wood: Any) -> None:
    generator = np.random.default_rng(11)
    palette = [
        (0.34, 0.07, 0.05),
        (0.05, 0.12, 0.24),
        (0.42, 0.33, 0.18),
        (0.07, 0.17, 0.13),
        (0.5, 0.48, 0.44),
        (0.1, 0.1, 0.1),
    ]
    covers = [room.material(f"book {index}", colour, 0.7) for index, colour in enumerate(palette)]
    for shelf in range(5):
        y = -0.95 + 0.42 * shelf
        room.box("shelf", (1.55, y, -2.85), (1.2, 0.035, 0.3), wood)
        x = 1.0
        while x < 2.1:
            width, height = generator.uniform(0.03, 0.075), generator.uniform(0.2, 0.34)
            if generator.random() < 0.88:
                cover = covers[int(generator.integers(len(covers)))]
                room.box("book", (x + width / 2, y + 0.02 + height / 2, -2.85), (width * 0.94, height, 0.2), cover)
            x += width
    for x in (0.95, 2.15):
        room.box("shelf side", (x, 0.0, -2.85), (0.035, 2.1, 0.3), wood)


def light_room(scene: Any) -> None:
    """A window's soft light from the upper left, the room's own light, a warm lamp from the right."""
    world = bpy.data.worlds.new("sky")
    scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.72, 0.78, 0.9, 1.0)
    background.inputs["Strength"].default_value = 0.30
    hands = (0.0, 0.0, -0.45)
    for light in (
        _AreaLight("window light", (-1.0, 0.85, 0.15), hands, 0.9, 20.0, (0.93, 0.96, 1.0)),
        _AreaLight("fill", (0.9, 0.25, 0.35), hands, 1.0, 5.0, (1.0, 0.9, 0.8)),
        _AreaLight("lamp light", (0.75, 0.55, -1.2), hands, 0.4, 7.0, (1.0, 0.74, 0.48)),
        _AreaLight("room light", (0.0, 1.2, -1.9), (0.0, -0.4, -2.4), 1.6, 34.0, (1.0, 0.95, 0.88)),
    ):
        light.place(scene)


@dataclass(frozen=True)
class _AreaLight:
    """A square lamp in camera-bound Blender axes; it shines at `target_m` and is itself not seen."""

    name: str
    position_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    size_m: float
    power_w: float
    colour: tuple[float, float, float]

    def place(self, scene: Any) -> None:
        light = bpy.data.lights.new(self.name, "AREA")
        light.size, light.energy, light.color = self.size_m, self.power_w, self.colour
        holder = bpy.data.objects.new(self.name, light)
        direction = Vector(self.target_m) - Vector(self.position_m)
        turn = direction.to_track_quat("-Z", "Y").to_matrix().to_4x4()
        holder.matrix_world = Matrix.Translation(self.position_m) @ turn
        holder.visible_camera = False
        scene.collection.objects.link(holder)


class _Room:
    """Makes the room's objects under one pitched parent."""

    def __init__(self, scene: Any) -> None:
        self.scene, self.objects = scene, []
        self.pitch = Matrix.Rotation(math.radians(PITCH_DEG), 4, "X")

    def material(self, name: str, colour: tuple[float, float, float], roughness: float) -> Any:
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        shader = material.node_tree.nodes["Principled BSDF"]
        shader.inputs["Base Color"].default_value = (*colour, 1.0)
        shader.inputs["Roughness"].default_value = roughness
        return material

    def box(self, name: str, centre: Any, size: Any, material: Any, turn_deg: float = 0.0) -> None:
        half = np.array(size) / 2
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half
        faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        self._add(_mesh(name, corners, faces), centre, material, turn_deg)

    def cylinder(self, name: str, centre: Any, radius: float, height: float, material: Any) -> None:
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        ring = np.stack([radius * np.cos(angle), np.zeros(32), radius * np.sin(angle)], axis=1)
        up = np.array([0.0, height / 2, 0.0])
        sides = [(i, (i + 1) % 32, 32 + (i + 1) % 32, 32 + i) for i in range(32)]
        mesh = _mesh(name, np.concatenate([ring - up, ring + up]), [*sides, tuple(range(32, 64))])
        self._add(mesh, centre, material)

    def leaf(self, centre: Any, radius: float, material: Any) -> None:
        shape = np.array([[0, 0, 0], [0.6, 0.5, 0.1], [0, 1.4, 0.3], [-0.6, 0.5, 0.1]]) * radius
        self._add(_mesh("leaf", shape, [(0, 1, 2, 3)]), centre, material, turn_deg=centre[0] * 5000)

    def glow(self, name: str, centre: Any, size: tuple[float, float], colour: Any, strength: float) -> None:
        """A shining rectangle."""
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        shader = material.node_tree.nodes["Principled BSDF"]
        shader.inputs["Emission Color"].default_value = (*colour, 1.0)
        shader.inputs["Emission Strength"].default_value = strength
        self.box(name, centre, (*size, 0.02), material)

    def _add(self, mesh: Any, centre: Any, material: Any, turn_deg: float = 0.0) -> None:
        mesh.materials.append(material)
        thing = bpy.data.objects.new(mesh.name, mesh)
        thing.matrix_world = self.pitch @ Matrix.Translation(centre) @ Matrix.Rotation(math.radians(turn_deg), 4, "Y")
        self.scene.collection.objects.link(thing)
        self.objects.append(thing)


def _mesh(name: str, vertices: Any, faces: Any) -> Any:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces)
    return mesh
