"""One drawn sample as a path tracer wants it: Blender's axes, suns for lamps, a lens for a pinhole camera. No bpy.

Blender's camera stands at the origin and looks along -z, y is up: a point (x, y, z) in OpenCV's camera axes lies at
(x, -y, -z).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.synthesis.forearm import SLEEVE, ArmMesh
from inference.synthesis.rasterizer import Fragments
from inference.synthesis.sample import Look
from inference.synthesis.scene import Scene

Array = NDArray[np.float64]

TO_BLENDER: Final = np.array([1.0, -1.0, -1.0])
FILM_WIDTH_MM: Final = 36.0
_CASTER_M: Final = 0.06
"""Fingers shade what lies about this far behind them: so wide a sun gives rims as soft as those that are drawn."""
_PLAIN_CLOTH: Final = (0.3, 0.3, 0.3)


class Sun(NamedTuple):
    """A lamp far away."""

    towards: Array  # (3,) unit, Blender's axes, from the hands to the lamp
    radiance: Array  # (3,) linear light that white, facing it, gives back
    angle_rad: float  # its width in the sky


class Lens(NamedTuple):
    """Blender's camera; shifts in picture widths."""

    focal_mm: float
    shift_right: float
    shift_up: float


@dataclass(frozen=True)
class Part:
    """One mesh: a skin (hand and forearm of one side), or a sleeve. Vertices in Blender's axes, metres.

    Attributes
    ----------
    vertices_m, rest_m : (N, 3)
    triangles : (F, 3)
    hand_vertices : the first so many vertices are the hand model's own; 0 in a sleeve
    """

    vertices_m: Array
    rest_m: Array
    triangles: NDArray[np.int64]
    hand_vertices: int


@dataclass(frozen=True)
class Description:
    """One sample.

    Attributes
    ----------
    parts : what is before the camera
    tone, cloth : (3,) linear colours of skin and sleeves
    suns : the lamps that are on
    up : (3,) where the sky is; `sky`, `ground` : (3,) linear light of both half spheres
    lens : the camera
    albedo : (L, L, 3) linear colours of the skin as the camera sees them, for a skin that is not the add-on's
    """

    parts: tuple[Part, ...]
    tone: Array
    cloth: Array
    suns: tuple[Sun, ...]
    up: Array
    sky: Array
    ground: Array
    lens: Lens
    albedo: NDArray[np.float32]


def lens_of(focal_px: float, principal_px: tuple[float, float], size_px: int) -> Lens:
    """The lens of a square picture; pixel (0, 0) is the centre of the top-left pixel."""
    middle = (size_px - 1) / 2
    right, down = ((middle - value) / size_px for value in principal_px)
    return Lens(FILM_WIDTH_MM * focal_px / size_px, right, -down)


def sun_of(direction: Array, colour: Array, softness_m: float) -> Sun:
    """A lamp of `lighting.Lamps`: unit, towards it, camera axes; linear; width of its shadows' rims."""
    return Sun(direction * TO_BLENDER, colour, 2 * math.atan(softness_m / _CASTER_M))


def describe(
    scene: Scene, seen: Fragments, look: Look, mesh: ArmMesh, *, number: int, large: int, size_px: int
) -> Description:
    """Sample `number` of a batch.

    Parameters
    ----------
    scene, seen, look : as `Generator.layer` gets them, of pictures of side `large`
    mesh : topology of the vertices
    size_px : side of the sample
    """
    lamps, view = look.lamps, scene.view
    suns = [
        sun_of(_array(lamps.direction[number, k]), _array(lamps.colour[number, k]), float(lamps.softness_m[number, k]))
        for k in range(lamps.direction.shape[1])
        if float(lamps.colour[number, k].max()) > 0
    ]
    here = seen.picture == number
    colours = look.material.albedo[:, here]
    cloth = colours[:, mesh.part[seen.face[here]] == SLEEVE]
    right, down = view.principal_px[number].tolist()
    return Description(
        parts=_parts(scene, mesh, number),
        tone=_array(look.tone[number]),
        cloth=_array(cloth.mean(1)) if cloth.shape[1] else np.array(_PLAIN_CLOTH),
        suns=tuple(suns),
        up=_array(lamps.up[number]) * TO_BLENDER,
        sky=_array(lamps.sky[number]),
        ground=_array(lamps.ground[number]),
        lens=lens_of(float(view.focal_px[number]), (right, down), size_px),
        albedo=_spread(colours, seen.pixel[here] - number * large * large, large),
    )


def _parts(scene: Scene, mesh: ArmMesh, number: int) -> tuple[Part, ...]:
    """Skins and sleeves of the hands that are there."""
    vertices, rest = _array(scene.vertices_m[number]) * TO_BLENDER, _array(scene.rest_m)
    parts: list[Part] = []
    for side in range(2):
        first = side * mesh.side_vertices
        for cloth in (False, True):
            chosen = scene.drawn[number] & (mesh.side == side) & ((mesh.part == SLEEVE) == cloth)
            if not chosen.any():
                continue
            low = first + (mesh.hand_vertices + mesh.arm_vertices if cloth else 0)
            high = first + (mesh.side_vertices if cloth else mesh.hand_vertices + mesh.arm_vertices)
            triangles = mesh.faces[chosen].numpy() - low
            hand = 0 if cloth else mesh.hand_vertices
            parts.append(Part(vertices[low:high], rest[low:high], triangles, hand))
    return tuple(parts)


def _spread(colours: Tensor, pixel: Tensor, side: int) -> NDArray[np.float32]:
    """(L, L, 3) colours (3, N) at their pixels, and what lies next to them beyond the rim."""
    picture = torch.zeros(4, side * side)
    picture[:3, pixel], picture[3, pixel] = colours, 1
    picture = picture.unflatten(1, (side, side))
    around = torch.nn.functional.avg_pool2d(picture[None], 9, 1, 4)[0]
    filled = around[:3] / around[3:].clamp(min=1e-3)
    return torch.where(picture[3:] > 0, picture[:3], filled).permute(1, 2, 0).numpy()


def _array(values: Tensor) -> Array:
    return values.cpu().double().numpy()
