"""Surfaces in numpy: Loop subdivision as a matrix, vertex normals, and the open edge of a mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

Array = NDArray[np.float64]
Triangles = NDArray[np.int64]


def loop_subdivision(triangles: Triangles, vertex_count: int, levels: int) -> tuple[csr_array, Triangles]:
    """Loop's scheme (C. Loop 1987, Warren's weights) with smooth boundary curves.

    Returns
    -------
    matrix (N, vertex_count) that maps coarse vertices to fine ones, and the fine triangles (T * 4**levels, 3)
    """
    matrix, count = _identity(vertex_count), vertex_count
    for _ in range(levels):
        step, triangles, count = _subdivide_once(triangles, count)
        matrix = step @ matrix
    return matrix, triangles


def _identity(count: int) -> csr_array:
    index = np.arange(count)
    return coo_array((np.ones(count), (index, index)), shape=(count, count)).tocsr()


def _subdivide_once(triangles: Triangles, count: int) -> tuple[csr_array, Triangles, int]:
    half_edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    opposite = np.concatenate([triangles[:, 2], triangles[:, 0], triangles[:, 1]])
    edges, edge_of, uses = np.unique(np.sort(half_edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    edge_of = edge_of.reshape(-1)
    border = uses == 1
    rows, columns, values = [], [], []

    def add(row: NDArray[np.int64], column: NDArray[np.int64], value: Array) -> None:
        rows.append(row)
        columns.append(column)
        values.append(value)

    # New vertices in the middle of each edge.
    middle = count + np.arange(len(edges))
    share = np.where(border, 1 / 2, 3 / 8)
    add(middle, edges[:, 0], share)
    add(middle, edges[:, 1], share)
    inner = ~border[edge_of]
    add(middle[edge_of[inner]], opposite[inner], np.full(inner.sum(), 1 / 8))

    # Old vertices move towards their neighbours; those of a border only along the border.
    pairs = np.concatenate([edges, edges[:, ::-1]])
    pair_border = np.concatenate([border, border])
    on_border = np.zeros(count, dtype=bool)
    on_border[edges[border].ravel()] = True
    valence = np.bincount(pairs[:, 0], minlength=count)
    weight = np.where(valence == 3, 3 / 16, 3 / (8 * np.maximum(valence, 1)))
    used = np.where(on_border[pairs[:, 0]], pair_border, True)
    value = np.where(on_border[pairs[:, 0]], 1 / 8, weight[pairs[:, 0]])
    add(pairs[used, 0], pairs[used, 1], value[used])
    index = np.arange(count)
    add(index, index, np.where(on_border, 3 / 4, 1 - valence * weight))

    size = (count + len(edges), count)
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    ab, bc, ca = (count + part for part in np.split(edge_of, 3))
    a, b, c = triangles.T
    corners = [[a, ab, ca], [b, bc, ab], [c, ca, bc], [ab, bc, ca]]
    fine = np.concatenate([np.stack(corner, axis=1) for corner in corners])
    return coo_array(entries, shape=size).tocsr(), fine, size[0]


def vertex_normals(vertices: Array, triangles: Triangles) -> Array:
    """(V, 3) unit normals, weighted by the faces' areas."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(face[:, axis], 3), len(vertices)) for axis in range(3)], axis=1
    )
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def open_edge(triangles: Triangles) -> NDArray[np.int64]:
    """Vertices of the longest open border in the order in which the faces run along it."""
    half_edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    known = {(int(a), int(b)) for a, b in half_edges}
    following = {a: b for a, b in known if (b, a) not in known}
    loops: list[list[int]] = []
    while following:
        start = min(following)
        loop = [start]
        while (vertex := following.pop(loop[-1])) != start:
            loop.append(vertex)
        loops.append(loop)
    if not loops:
        raise ValueError("The hand's surface is closed: there is no wrist to put a forearm on.")
    return np.array(max(loops, key=len), dtype=np.int64)
