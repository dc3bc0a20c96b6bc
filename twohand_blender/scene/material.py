"""Skin for EEVEE and Cycles, made of nodes alone: a group with a few controls in front of one Principled shader.

The shader stands in the material itself, with the tone as its own colour, because file formats read it from there.
"""

from __future__ import annotations

from typing import Any, Final, Literal, cast

import bpy

from ...inference.hands.joints import Side

Tint = Literal["same", "by_side"]
"""Whether both hands look alike or the left one is a shade cooler, to tell crossed hands apart."""
SkinTone = Literal["light", "medium", "dark"]

SKIN_GROUP_NAME: Final = "Hand Skin"
ZONES_ATTRIBUTE: Final = "skin_zones"
"""Vector attribute of the mesh: blood, nail, palm (`skin_zones.skin_zones`)."""
REST_ATTRIBUTE: Final = "rest_position"
"""Blender's own, made where `Object.add_rest_position_attribute` is set: the pattern sticks to the skin when it moves,
and needs neither UVs nor has their seams."""

SKIN_TONES: Final[dict[SkinTone, tuple[float, float, float]]] = {
    "light": (0.74, 0.47, 0.36),
    "medium": (0.47, 0.235, 0.145),
    "dark": (0.115, 0.047, 0.027),
}
"""Colour of the back of the hand, linear RGB."""

_COOLER: Final = (0.80, 0.96, 1.20)
_ROUGHNESS: Final = 0.52
_SUBSURFACE: Final = 0.6
_SUBSURFACE_RADIUS_M: Final = (0.0037, 0.0014, 0.0007)
"""How far red, green and blue light travels in skin (Jensen et al. 2001, "skin1", scattering mean free path)."""
_BLOOD_TINT: Final = (1.12, 0.62, 0.58, 1.0)
_NAIL_TINT: Final = (1.0, 0.82, 0.80, 1.0)
_PALM_GAMMA: Final = 0.72
"""Palms and nails are lighter than the back, most of all in dark skin: the colour to this power."""


def build_material(name: str, side: Side, tint: Tint, tone: SkinTone, group: bpy.types.NodeTree) -> bpy.types.Material:
    """A new skin material.

    Parameters
    ----------
    tone : preset; the group's Colour in the material can be changed to any other
    group : from `build_skin_group`, shared by both hands
    """
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True  # always on, and deprecated, from 5.0
    red, green, blue = SKIN_TONES[tone]
    if tint == "by_side" and side == "left":
        red, green, blue = (value * factor for value, factor in zip((red, green, blue), _COOLER, strict=True))
    colour = (red, green, blue, 1.0)
    material.diffuse_color = colour
    material.roughness = _ROUGHNESS
    tree = cast(Any, material.node_tree)  # the stubs know no node by its kind, nor that sockets have values
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    skin = tree.nodes.new("ShaderNodeGroup")
    skin.name = skin.label = SKIN_GROUP_NAME
    skin.node_tree = group
    skin.location = (shader.location[0] - 260, shader.location[1])
    skin.width = 200
    skin.inputs["Colour"].default_value = colour
    values = {
        "Base Color": colour,
        "Roughness": _ROUGHNESS,
        "Subsurface Weight": _SUBSURFACE,
        "Subsurface Radius": _SUBSURFACE_RADIUS_M,
        "Subsurface Scale": 1.0,
        "Specular IOR Level": 0.4,
    }
    for socket, value in values.items():
        shader.inputs[socket].default_value = value
    outputs = {"Colour": "Base Color", "Roughness": "Roughness", "Subsurface": "Subsurface Weight", "Normal": "Normal"}
    for output, socket in outputs.items():
        tree.links.new(skin.outputs[output], shader.inputs[socket])
    return material


def build_skin_group() -> bpy.types.NodeTree:
    """The node group: Colour, Roughness, Subsurface, Redness, Variation and Bump to what a Principled shader takes."""
    group = cast(Any, bpy.data.node_groups.new(SKIN_GROUP_NAME, "ShaderNodeTree"))
    _add_sockets(group.interface)
    nodes = _Nodes(group)
    controls = nodes.add("NodeGroupInput").outputs
    zones = nodes.add("ShaderNodeAttribute", attribute_name=ZONES_ATTRIBUTE)
    blood, nail, palm = nodes.add("ShaderNodeSeparateXYZ", {0: zones.outputs["Vector"]}).outputs
    rest = nodes.add("ShaderNodeAttribute", attribute_name=REST_ATTRIBUTE).outputs["Vector"]

    # Blotches of some 15 mm, mottles of 3 mm; scales are per metre.
    blotches, mottles = (
        nodes.add("ShaderNodeTexNoise", {"Vector": rest, "Scale": scale, "Detail": 2.0}).outputs[0]
        for scale in (70.0, 330.0)
    )
    lighter = nodes.add("ShaderNodeGamma", {"Color": controls["Colour"], "Gamma": _PALM_GAMMA}).outputs[0]
    colour = nodes.mix(nodes.math("MULTIPLY", palm, 0.75), controls["Colour"], lighter)
    uneven = nodes.math("MULTIPLY", nodes.math("SUBTRACT", blotches, 0.5), controls["Variation"])
    red = nodes.math("ADD", nodes.math("MULTIPLY", blood, controls["Redness"]), uneven, clamp=True)
    colour = nodes.mix(red, colour, nodes.mix(1.0, colour, _BLOOD_TINT, "MULTIPLY"))
    shade = nodes.math("ADD", nodes.math("MULTIPLY", nodes.math("SUBTRACT", mottles, 0.5), controls["Variation"]), 1.0)
    colour = nodes.mix(1.0, colour, shade, "MULTIPLY")
    plate = nodes.mix(1.0, lighter, _NAIL_TINT, "MULTIPLY")
    colour = nodes.mix(nodes.math("MULTIPLY", nail, 0.85), colour, plate)

    smoother = nodes.math("MULTIPLY", nail, -0.25)
    roughness = nodes.math("ADD", controls["Roughness"], smoother, clamp=True)
    # Fields of skin of about a millimetre, divided by fine lines; none on the nails.
    fields = nodes.add("ShaderNodeTexVoronoi", {"Vector": rest, "Scale": 900.0}, feature="DISTANCE_TO_EDGE").outputs[0]
    height = nodes.math("ADD", nodes.math("MINIMUM", fields, 0.25), mottles)
    strength = nodes.math("MULTIPLY", controls["Bump"], nodes.math("SUBTRACT", 1.0, nail))
    bump = nodes.add("ShaderNodeBump", {"Strength": strength, "Distance": 0.0003, "Height": height})

    nodes.add(
        "NodeGroupOutput",
        {
            "Colour": colour,
            "Roughness": roughness,
            "Subsurface": controls["Subsurface"],
            "Normal": bump.outputs[0],
        },
    )
    nodes.arrange()
    return group


def _add_sockets(interface: Any) -> None:
    for name in ("Colour", "Roughness", "Subsurface", "Normal"):
        kind = {"Colour": "NodeSocketColor", "Normal": "NodeSocketVector"}.get(name, "NodeSocketFloat")
        interface.new_socket(name, in_out="OUTPUT", socket_type=kind)
    colour = interface.new_socket("Colour", in_out="INPUT", socket_type="NodeSocketColor")
    colour.default_value = (*SKIN_TONES["medium"], 1.0)
    colour.description = "Tone of the back of the hand; palm, nails and knuckles follow it"
    controls = {
        "Roughness": (_ROUGHNESS, "Dull skin or shiny, wet skin"),
        "Subsurface": (_SUBSURFACE, "How much light goes through the skin"),
        "Redness": (0.7, "Blood in knuckles, fingertips and palm"),
        "Variation": (0.35, "Blotches and mottles"),
        "Bump": (0.3, "Fine lines of the skin"),
    }
    for name, (value, description) in controls.items():
        socket = interface.new_socket(name, in_out="INPUT", socket_type="NodeSocketFloat")
        socket.subtype = "FACTOR"
        socket.min_value, socket.max_value, socket.default_value = 0.0, 1.0, value
        socket.description = description


class _Nodes:
    """Adds nodes to a tree; inputs are given as values or as sockets to link."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree

    def add(self, kind: str, inputs: dict[str | int, Any] | None = None, **settings: Any) -> Any:
        node = self._tree.nodes.new(kind)
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            self._connect(node.inputs[name], value)
        return node

    def math(self, operation: str, first: Any, second: Any, *, clamp: bool = False) -> Any:
        return self.add("ShaderNodeMath", {0: first, 1: second}, operation=operation, use_clamp=clamp).outputs[0]

    def mix(self, factor: Any, first: Any, second: Any, blend: str = "MIX") -> Any:
        """Mix colours; the node has sockets of one name for several types, so they are told by their identifiers."""
        node = self.add("ShaderNodeMix", data_type="RGBA", blend_type=blend)
        sockets = {socket.identifier: socket for socket in node.inputs}
        for name, value in (("Factor_Float", factor), ("A_Color", first), ("B_Color", second)):
            self._connect(sockets[name], value)
        return next(socket for socket in node.outputs if socket.identifier == "Result_Color")

    def _connect(self, socket: Any, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self._tree.links.new(value, socket)
        else:
            socket.default_value = value

    def arrange(self) -> None:
        """In columns by the longest way from an input, so that whoever opens the group can read it."""
        depth: dict[str, int] = {}
        for node in self._tree.nodes:  # made in the order of their links
            before = [depth[link.from_node.name] for link in self._tree.links if link.to_node == node]
            depth[node.name] = max(before, default=-1) + 1
        rows: dict[int, int] = {}
        for node in self._tree.nodes:
            column = depth[node.name]
            node.location = (220 * column, -280 * rows.get(column, 0))
            rows[column] = rows.get(column, 0) + 1
