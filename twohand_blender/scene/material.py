"""A plain skin: one Principled shader without textures, so that every file format carries it."""

from __future__ import annotations

from typing import Final, Literal

import bpy

from ...inference.hands.joints import Side

Tint = Literal["same", "by_side"]
"""Whether both hands look alike or the left one is a shade cooler, to tell crossed hands apart."""

_SKIN: Final = (0.62, 0.36, 0.26, 1.0)
_COOLER_SKIN: Final = (0.50, 0.34, 0.31, 1.0)
_SUBSURFACE_RADIUS_M: Final = (0.0037, 0.0014, 0.0007)
"""How far red, green and blue light travels in skin (Jensen et al. 2001, "skin1", scattering mean free path)."""


def build_material(name: str, side: Side, tint: Tint) -> bpy.types.Material:
    """A new skin material."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True  # always on, and deprecated, from 5.0
    colour = _COOLER_SKIN if tint == "by_side" and side == "left" else _SKIN
    material.diffuse_color = colour
    material.roughness = 0.5
    tree = material.node_tree
    assert tree is not None  # noqa: S101 - nodes are on
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    values = {
        "Base Color": colour,
        "Roughness": 0.5,
        "Subsurface Weight": 0.15,
        "Subsurface Radius": _SUBSURFACE_RADIUS_M,
        "Subsurface Scale": 1.0,
    }
    for socket, value in values.items():
        shader.inputs[socket].default_value = value  # type: ignore[attr-defined]  # every socket here has a value
    return material
