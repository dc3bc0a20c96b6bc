"""Blender's side: meshes, skin, suns and sky of one sample, rendered with Cycles on the CPU."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, Literal, cast

import bpy as bpy_module
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from inference.hands.model import HandModel

from .description import FILM_WIDTH_MM, Description, Part, Sun

# The stubs know no node by its kind and no union of object data: Blender is taken untyped here.
bpy: Any = cast("Any", bpy_module)

ROOT: Final = Path(__file__).resolve().parents[2]
EXTENSION: Final = "twohand_extension"
SkinKind = Literal["addon", "drawn"]
"""The add-on's own skin; or the drawn colours, thrown on the hands from the camera, so that light alone differs."""


class Studio:
    """A scene that is furnished anew for every sample.

    Parameters
    ----------
    model : the right hand, for the places of nails and palm
    size_px : side of the pictures
    samples : paths a pixel
    threads : CPU threads
    skin : see `SkinKind`
    """

    def __init__(self, model: HandModel, size_px: int, samples: int, threads: int, skin: SkinKind) -> None:
        self._material, zones = _addon("scene.material"), _addon("scene.skin_zones")
        self._zones: NDArray[np.float64] = zones.skin_zones(model)
        self._size_px, self._skin = size_px, skin
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = bpy.context.scene
        _set_renderer(self._scene, size_px, samples, threads)
        camera = bpy.data.cameras.new("camera")
        camera.sensor_width, camera.sensor_fit, camera.clip_start = FILM_WIDTH_MM, "HORIZONTAL", 0.05
        self._scene.camera = bpy.data.objects.new("camera", camera)
        self._scene.collection.objects.link(self._scene.camera)
        self._group = self._material.build_skin_group()

    def render(self, sample: Description) -> NDArray[np.float32]:
        """(S, S, 4) linear light of the hands times their share of each pixel, and that share."""
        objects = [self._sun(sun) for sun in sample.suns]
        skin = self._addon_skin(sample) if self._skin == "addon" else _projected(sample.albedo)
        cloth = _cloth(sample.cloth)
        objects += [self._part(part, skin if part.hand_vertices else cloth) for part in sample.parts]
        self._scene.world = _sky(sample)
        lens = self._scene.camera.data
        lens.lens, lens.shift_x, lens.shift_y = sample.lens
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "layer.exr"
            self._scene.render.filepath = str(path)
            bpy.ops.render.render(write_still=True)
            layer = _read(path, self._size_px)
        for thing in objects:
            data = thing.data
            bpy.data.objects.remove(thing)
            (bpy.data.meshes if isinstance(data, bpy.types.Mesh) else bpy.data.lights).remove(data)
        bpy.data.worlds.remove(self._scene.world)
        for blocks in (bpy.data.materials, bpy.data.images):
            for block in list(blocks):
                blocks.remove(block)
        return layer

    def _part(self, part: Part, material: Any) -> Any:
        mesh = bpy.data.meshes.new("part")
        mesh.from_pydata(part.vertices_m.tolist(), [], part.triangles.tolist(), shade_flat=False)
        _vectors(mesh, self._material.REST_ATTRIBUTE, part.rest_m)
        zones = np.zeros_like(part.rest_m)
        zones[: part.hand_vertices] = self._zones[: part.hand_vertices]
        _vectors(mesh, self._material.ZONES_ATTRIBUTE, zones)
        mesh.materials.append(material)
        return self._placed(mesh)

    def _sun(self, sun: Sun) -> Any:
        light = bpy.data.lights.new("sun", "SUN")
        # White that faces a sun of energy E gives back E / pi.
        strength = float(sun.radiance.max())
        light.color, light.energy, light.angle = (sun.radiance / strength).tolist(), np.pi * strength, sun.angle_rad
        holder = self._placed(light)
        holder.rotation_euler = Vector(sun.towards.tolist()).to_track_quat("Z", "Y").to_euler()
        return holder

    def _placed(self, data: Any) -> Any:
        holder = bpy.data.objects.new(data.name, data)
        self._scene.collection.objects.link(holder)
        return holder

    def _addon_skin(self, sample: Description) -> Any:
        material = self._material.build_material("skin", "right", "same", "medium", self._group)
        colour = (*sample.tone.tolist(), 1.0)
        material.node_tree.nodes[self._material.SKIN_GROUP_NAME].inputs["Colour"].default_value = colour
        return material


def _addon(name: str) -> Any:
    """A module of the add-on, whose package has the name that Blender gives it."""
    if EXTENSION not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            EXTENSION, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[EXTENSION] = module
        spec.loader.exec_module(module)
    return importlib.import_module(f"{EXTENSION}.twohand_blender.{name}")


def _set_renderer(scene: Any, size_px: int, samples: int, threads: int) -> None:
    render, cycles = scene.render, scene.cycles
    render.engine, render.resolution_x, render.resolution_y = "CYCLES", size_px, size_px
    render.resolution_percentage, render.film_transparent = 100, True
    render.threads_mode, render.threads = "FIXED", threads
    settings = render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 7
    cycles.use_adaptive_sampling = False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "ACCURATE"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 3, 2
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0


def _sky(sample: Description) -> Any:
    """Two half spheres of even light, as `lighting.shade` has them."""
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    # Two even halves need no fine map, which takes seconds to make.
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 64
    tree = world.node_tree
    place, dot, above, mix = (
        tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexCoord", "VectorMath", "MapRange", "Mix")
    )
    dot.operation, mix.data_type = "DOT_PRODUCT", "RGBA"
    dot.inputs[1].default_value = sample.up.tolist()
    above.inputs["From Min"].default_value, above.inputs["From Max"].default_value = -0.05, 0.05
    sockets = {socket.identifier: socket for socket in mix.inputs}
    sockets["A_Color"].default_value = (*sample.ground.tolist(), 1)
    sockets["B_Color"].default_value = (*sample.sky.tolist(), 1)
    tree.links.new(place.outputs["Generated"], dot.inputs[0])
    tree.links.new(dot.outputs["Value"], above.inputs["Value"])
    tree.links.new(above.outputs["Result"], sockets["Factor_Float"])
    result = next(socket for socket in mix.outputs if socket.identifier == "Result_Color")
    tree.links.new(result, tree.nodes["Background"].inputs["Color"])
    return world


def _cloth(colour: NDArray[np.float64]) -> Any:
    material, shader = _material("cloth")
    shader.inputs["Base Color"].default_value = (*colour.tolist(), 1)
    shader.inputs["Roughness"].default_value = 0.95
    shader.inputs["Sheen Weight"].default_value = 0.2
    return material


def _projected(albedo: NDArray[np.float32]) -> Any:
    """Skin with colours (L, L, 3) thrown on it from the camera."""
    material, shader = _material("projected skin")
    side = len(albedo)
    image = bpy.data.images.new("albedo", side, side, float_buffer=True)
    image.colorspace_settings.name = "Non-Color"
    pixels = np.concatenate([albedo[::-1], np.ones((side, side, 1), dtype=np.float32)], axis=2)
    image.pixels.foreach_set(np.ascontiguousarray(pixels).ravel())
    tree = material.node_tree
    place, texture = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeTexImage")
    texture.image, texture.extension = image, "EXTEND"
    tree.links.new(place.outputs["Window"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material


def _material(name: str) -> tuple[Any, Any]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    return material, material.node_tree.nodes["Principled BSDF"]


def _vectors(mesh: Any, name: str, values: NDArray[np.float64]) -> None:
    attribute = mesh.attributes.new(name, "FLOAT_VECTOR", "POINT")
    attribute.data.foreach_set("vector", values.astype(np.float32).ravel())


def _read(path: Path, size_px: int) -> NDArray[np.float32]:
    """(S, S, 4) of an OpenEXR file, first row on top."""
    image = bpy.data.images.load(str(path))
    pixels = np.empty(4 * size_px * size_px, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(size_px, size_px, 4)[::-1].copy()
