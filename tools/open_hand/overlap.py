"""How deep the parts of a posed hand are in each other: fingers in fingers, and the ends of fingers in the palm.

Each part's skin is closed where it was cut off; a vertex of another part that lies inside (winding number, van Oosterom
& Strackee 1983) counts with its distance to that skin. A finger's own creases, and the one at its root, do not count.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from inference.hands.joints import FINGERS
from inference.hands.model import HandModel

from .rest_pose import first_joint

Array = NDArray[np.float64]
Indices = NDArray[np.int32]

PALM = "palm"
_CHUNK = 64


def deepest_overlaps_m(model: HandModel, vertices: Array) -> dict[tuple[str, str], float]:
    """Largest depth in metres for each pair (part, other part that it is in); pairs that stay apart are left out.

    Parameters
    ----------
    vertices : (V, 3) posed vertices of the model
    """
    strongest = model.lbs_weights.argmax(axis=1)
    part = (strongest + 2) // 3  # 0: palm, then the fingers in MANO order
    triangle_part = np.array([np.bincount(row).argmax() for row in part[model.triangles]])
    found: dict[tuple[str, str], float] = {}
    for other, name in enumerate((PALM, *FINGERS)):
        own = model.triangles[triangle_part == other]
        skin, closed = vertices[own], vertices_of(closed_skin(own), vertices)
        for number, finger in enumerate(FINGERS, start=1):
            if number == other:
                continue
            # A finger grows out of the palm, and the thumb's first bone lies in it.
            candidates = strongest > first_joint(finger) if other == 0 else strongest >= first_joint(finger)
            indices = np.flatnonzero(candidates & (part == number))
            near = np.all((vertices[indices] > skin.min((0, 1))) & (vertices[indices] < skin.max((0, 1))), axis=1)
            points = vertices[indices[near]]
            inside = points[winding_numbers(closed, points) > 0.5]
            if len(inside):
                found[finger, name] = max(float(distance_m(skin, point)) for point in inside)
    return found


def closed_skin(triangles: Indices) -> list[tuple[Indices, Indices]]:
    """The triangles (T, 3), and for each of their open borders its edges (E, 2), running as the closing fan needs."""
    edges = np.concatenate([triangles[:, [k, (k + 1) % 3]] for k in range(3)])
    present = set(map(tuple, edges.tolist()))
    following: dict[int, list[int]] = {}
    for start, end in present:
        if (end, start) not in present:
            following.setdefault(end, []).append(start)
    loops = []
    while following:
        first = next(iter(following))
        vertex, loop = first, []
        while vertex in following:
            after = following[vertex].pop()
            if not following[vertex]:
                del following[vertex]
            loop.append((vertex, after))
            vertex = after
        loops.append(np.array(loop, dtype=np.int32))
    return [(triangles, np.empty((0, 2), np.int32)), *((np.empty((0, 3), np.int32), loop) for loop in loops)]


def vertices_of(skin: list[tuple[Indices, Indices]], vertices: Array) -> Array:
    """(T, 3, 3) corners of a closed skin, the fans included."""
    corners = []
    for triangles, loop in skin:
        corners.append(vertices[triangles])
        if len(loop):
            centre = np.broadcast_to(vertices[loop[:, 0]].mean(axis=0), (len(loop), 3))
            corners.append(np.stack([vertices[loop[:, 0]], vertices[loop[:, 1]], centre], axis=1))
    return np.concatenate(corners)


def winding_numbers(corners: Array, points: Array) -> Array:
    """(N,) how often triangles (T, 3, 3) enclose each of the points (N, 3)."""
    total = np.empty(len(points))
    for first in range(0, len(points), _CHUNK):
        a, b, c = (corners[:, k] - points[first : first + _CHUNK, None] for k in range(3))
        length = [np.sqrt(np.einsum("nti,nti->nt", side, side)) for side in (a, b, c)]
        denominator = length[0] * length[1] * length[2]
        for one, other, left in ((a, b, 2), (b, c, 0), (c, a, 1)):
            denominator += np.einsum("nti,nti->nt", one, other) * length[left]
        angle = np.arctan2(np.einsum("nti,nti->nt", a, np.cross(b, c)), denominator)
        total[first : first + _CHUNK] = angle.sum(axis=1) / (2 * np.pi)
    return total


def distance_m(corners: Array, point: Array) -> float:
    """From a point to the nearest of triangles (T, 3, 3)."""
    edge_a, edge_b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    offset = point - corners[:, 0]
    aa, bb, ab = (np.sum(x * y, axis=1) for x, y in ((edge_a, edge_a), (edge_b, edge_b), (edge_a, edge_b)))
    oa, ob = np.sum(offset * edge_a, axis=1), np.sum(offset * edge_b, axis=1)
    area = np.maximum(aa * bb - ab * ab, 1e-30)
    u, v = (bb * oa - ab * ob) / area, (aa * ob - ab * oa) / area
    within = (u >= 0) & (v >= 0) & (u + v <= 1)
    to_plane = np.linalg.norm(offset - u[:, None] * edge_a - v[:, None] * edge_b, axis=1)
    nearest = to_plane[within].min(initial=np.inf)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        along, to_point = corners[:, end] - corners[:, start], point - corners[:, start]
        share = np.clip(np.sum(to_point * along, axis=1) / np.maximum(np.sum(along * along, axis=1), 1e-30), 0, 1)
        nearest = min(nearest, np.linalg.norm(to_point - share[:, None] * along, axis=1).min())
    return float(nearest)


def in_millimetres(overlaps_m: Mapping[tuple[str, str], float]) -> str:
    """``thumb in index 2.1 mm, ...``, the deepest first."""
    ordered = sorted(overlaps_m.items(), key=lambda item: -item[1])
    return ", ".join(f"{one} in {other} {1e3 * depth:.1f} mm" for (one, other), depth in ordered)
