"""The two arms as Blender objects: skin and sleeve, moved by writing vertices frame after frame."""

from __future__ import annotations

from typing import Any, Final, cast

import bpy as bpy_module
import numpy as np
from numpy.typing import NDArray

from .arm import Arm, Skin, sleeve_quads
from .complexion import Complexion, paint
from .surface import Array, vertex_normals

# The stubs know no node by its kind and no union of object data: Blender is taken untyped here.
bpy: Any = cast("Any", bpy_module)

_TO_BLENDER: Final = np.array([1.0, -1.0, -1.0])


class ArmActor:
    """Skin and sleeve of one arm in the scene."""

    def __init__(self, scene: Any, skin: Skin, skin_material: Any, sleeve_material: Any) -> None:
        self._skin = skin
        self._complexion: Complexion = paint(skin)
        self._mesh = _mesh(skin.model.side, skin.rest_m, skin.triangles)
        _attribute(
            self._mesh, "colour", "FLOAT_COLOR", "color", np.c_[self._complexion.colour, np.ones(len(skin.rest_m))]
        )
        _attribute(self._mesh, "nail", "FLOAT", "value", self._complexion.nail)
        _attribute(self._mesh, "rest", "FLOAT_VECTOR", "vector", skin.rest_m)
        quads = sleeve_quads()
        self._sleeve = _mesh(f"{skin.model.side} sleeve", np.zeros((int(quads.max()) + 1, 3)), quads)
        self._mesh.materials.append(skin_material)
        self._sleeve.materials.append(sleeve_material)
        self.skin_object = bpy.data.objects.new(self._mesh.name, self._mesh)
        self.sleeve_object = bpy.data.objects.new(self._sleeve.name, self._sleeve)
        cloth = self.sleeve_object.modifiers.new("thickness", "SOLIDIFY")
        cloth.thickness, cloth.offset = 0.0022, 1.0
        smooth = self.sleeve_object.modifiers.new("smooth", "SUBSURF")
        smooth.levels = smooth.render_levels = 1
        for thing in (self.skin_object, self.sleeve_object):
            scene.collection.objects.link(thing)

    def hide(self, hidden: bool) -> None:
        """Take the arm out of the picture or put it back."""
        self.skin_object.hide_render = self.sleeve_object.hide_render = hidden

    def move(self, arm: Arm) -> None:
        """Show one frame."""
        normals = vertex_normals(arm.skin_m, self._skin.triangles)
        lifted = arm.skin_m + self._complexion.lift_m[:, None] * normals
        _write(self._mesh, lifted)
        _write(self._sleeve, arm.sleeve_m)


def skin_material() -> Any:
    """Subsurface scattering, pores as bump, shinier nails; colour from the vertices."""
    material = bpy.data.materials.new("skin")
    material.use_nodes = True
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    colour, nail, rest = (_attribute_node(tree, name) for name in ("colour", "nail", "rest"))
    tree.links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Subsurface Weight"].default_value = 0.55
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.32, 0.16)
    shader.inputs["Subsurface Scale"].default_value = 0.0035
    shader.inputs["Specular IOR Level"].default_value = 0.42
    roughness = tree.nodes.new("ShaderNodeMapRange")
    roughness.inputs["To Min"].default_value, roughness.inputs["To Max"].default_value = 0.52, 0.28
    tree.links.new(nail.outputs["Fac"], roughness.inputs["Value"])
    tree.links.new(roughness.outputs["Result"], shader.inputs["Roughness"])
    pores = tree.nodes.new("ShaderNodeTexVoronoi")
    pores.inputs["Scale"].default_value = 900.0
    tree.links.new(rest.outputs["Vector"], pores.inputs["Vector"])
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Distance"].default_value = 0.00025
    strength = tree.nodes.new("ShaderNodeMapRange")
    strength.inputs["To Min"].default_value, strength.inputs["To Max"].default_value = 0.45, 0.0
    tree.links.new(nail.outputs["Fac"], strength.inputs["Value"])
    tree.links.new(strength.outputs["Result"], bump.inputs["Strength"])
    tree.links.new(pores.outputs["Distance"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def sleeve_material() -> Any:
    """Knitted wool: rough, with a fine bump."""
    material = bpy.data.materials.new("wool")
    material.use_nodes = True
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.035, 0.075, 0.115, 1.0)
    shader.inputs["Roughness"].default_value = 0.95
    shader.inputs["Sheen Weight"].default_value = 0.35
    place = tree.nodes.new("ShaderNodeTexCoord")
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 420.0
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Distance"].default_value, bump.inputs["Strength"].default_value = 0.0012, 0.6
    tree.links.new(noise.outputs["Fac"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def _attribute_node(tree: Any, name: str) -> Any:
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name = name
    return node


def _mesh(name: str, vertices: Array, faces: NDArray[np.int64]) -> Any:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    return mesh


def _attribute(mesh: Any, name: str, kind: str, field: str, values: Array) -> None:
    layer = mesh.attributes.new(name, kind, "POINT")
    layer.data.foreach_set(field, np.ascontiguousarray(values, dtype=np.float32).ravel())


def _write(mesh: Any, vertices_m: Array) -> None:
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices_m * _TO_BLENDER, dtype=np.float32).ravel())
    mesh.update()
