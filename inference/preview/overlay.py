"""Shaded, translucent hands over a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..contract import Take
from ..hands.joints import SIDES, SKELETON_EDGES, Side
from ..hands.model import HandModel
from ..hands.rotations import quat_wxyz_to_matrix
from ..hands.skinning import pose_hand
from .rasterizer import rasterize

Array = NDArray[np.float64]

COLOURS: Final[Mapping[Side, tuple[int, int, int]]] = {"right": (64, 140, 255), "left": (255, 150, 40)}
"""RGB of the hands: a pair that the colour-blind tell apart."""
_OPACITY: Final = 0.72
_LIGHT: Final = np.array([-0.35, -0.55, -0.76])  # from the camera's upper left, towards which normals look
_AMBIENT: Final = 0.28


@dataclass(frozen=True)
class PosedMesh:
    """The hands of one frame as one mesh in camera axes.

    Parameters
    ----------
    vertices_m, normals : (V, 3)
    colours : (V, 3) RGB from 0 to 255
    triangles : (T, 3)
    """

    vertices_m: Array
    normals: Array
    colours: Array
    triangles: NDArray[np.int64]


def posed_mesh(take: Take, row: int, models: Mapping[Side, HandModel]) -> PosedMesh | None:
    """The hands that are present in row `row` of the take; None where there is none."""
    vertices, normals, colours, triangles = [], [], [], []
    offset = 0
    for index, side in enumerate(SIDES):
        if not take.present[index, row]:
            continue
        model = models[side]
        rotations = quat_wxyz_to_matrix(take.quat_wxyz[index, row])
        posed = pose_hand(model, rotations, take.betas[index], take.translation_m[index, row]).vertices_m
        vertices.append(posed)
        normals.append(vertex_normals(posed, model.triangles))
        colours.append(np.tile(np.array(COLOURS[side], dtype=np.float64), (len(posed), 1)))
        triangles.append(model.triangles.astype(np.int64) + offset)
        offset += len(posed)
    if not vertices:
        return None
    return PosedMesh(*(np.concatenate(parts) for parts in (vertices, normals, colours, triangles)))


def vertex_normals(vertices_m: Array, triangles: NDArray[np.integer]) -> Array:
    """(V, 3) unit normals, each triangle counted by its area."""
    a, b, c = (vertices_m[triangles[:, corner]] for corner in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices_m)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], faces)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)


def draw_mesh(
    rgb: NDArray[np.uint8],
    mesh: PosedMesh,
    focal_px: float,
    principal_px: tuple[float, float],
    oversampling: int = 2,
) -> NDArray[np.uint8]:
    """A copy of a picture (H, W, 3) with the mesh over it.

    Parameters
    ----------
    focal_px, principal_px : the camera of this picture
    oversampling : samples a pixel in each direction; more make smoother outlines
    """
    height, width = rgb.shape[:2]
    depth = mesh.vertices_m[:, 2]
    points = focal_px * mesh.vertices_m[:, :2] / depth.clip(1e-3)[:, None] + np.array(principal_px)
    ahead = points[depth > 0]
    # Only the part of the picture that the hands cover is worked on.
    low = np.floor(ahead.min(axis=0, initial=np.inf)).clip(0, [width, height]) if len(ahead) else np.zeros(2)
    high = np.ceil(ahead.max(axis=0, initial=-np.inf)).clip(-1, [width - 1, height - 1]) if len(ahead) else -np.ones(2)
    (left, top), (right, bottom) = low.astype(int), high.astype(int)
    drawn = rgb.copy()
    if right < left or bottom < top:
        return drawn
    inside = slice(top, bottom + 1), slice(left, right + 1)
    colour, coverage = _shade(mesh, points - [left, top], (right - left + 1, bottom - top + 1), oversampling)
    part = drawn[inside].astype(np.float64)
    drawn[inside] = np.rint(part * (1 - coverage) + colour).astype(np.uint8)
    return drawn


def _shade(mesh: PosedMesh, points_px: Array, size_px: tuple[int, int], oversampling: int) -> tuple[Array, Array]:
    """Colour times coverage (H, W, 3) and coverage (H, W, 1) of a part of the picture."""
    width, height = size_px
    fine_px = (points_px + 0.5) * oversampling - 0.5
    raster = rasterize(fine_px, mesh.vertices_m[:, 2], mesh.triangles, (width * oversampling, height * oversampling))
    covered = raster.triangle >= 0
    corners = mesh.triangles[raster.triangle[covered]]
    weights = raster.barycentric[covered].astype(np.float64)[..., None]
    normal = np.sum(mesh.normals[corners] * weights, axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True).clip(1e-12)
    # Seen from behind (the open wrist), the inside is shaded like the outside.
    normal[normal[:, 2] > 0] *= [1, 1, -1]
    light = _AMBIENT + (1 - _AMBIENT) * (normal @ (_LIGHT / np.linalg.norm(_LIGHT))).clip(0)
    base = np.sum(mesh.colours[corners] * weights, axis=1)
    fine = np.zeros((*covered.shape, 4))
    fine[covered, :3] = (base * light[:, None]).clip(0, 255) * _OPACITY
    fine[covered, 3] = _OPACITY
    mean = fine.reshape(height, oversampling, width, oversampling, 4).mean(axis=(1, 3))
    return mean[..., :3], mean[..., 3:]


def draw_points(rgb: NDArray[np.uint8], take: Take, row: int, scale: float) -> NDArray[np.uint8]:
    """A copy of a picture with the observed joints (dots) and the fitted skeleton (lines), to compare them.

    Parameters
    ----------
    scale : size of this picture by the size of the take's
    """
    import cv2

    drawn = rgb.copy()
    thickness = max(1, round(max(rgb.shape[:2]) / 900))
    fitted_px = (take.project_px()[:, row] + 0.5) * scale - 0.5
    observed_px = (take.joints_px[:, row] + 0.5) * scale - 0.5
    for index, side in enumerate(SIDES):
        if not take.present[index, row]:
            continue
        colour = COLOURS[side]
        for parent, child in SKELETON_EDGES:
            ends = [tuple(int(value) for value in np.rint(fitted_px[index, joint])) for joint in (parent, child)]
            cv2.line(drawn, ends[0], ends[1], colour, thickness, cv2.LINE_AA)
        for x, y in np.rint(observed_px[index]).astype(int).tolist():
            cv2.circle(drawn, (x, y), 2 * thickness, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(drawn, (x, y), 2 * thickness, colour, thickness, cv2.LINE_AA)
    return drawn
