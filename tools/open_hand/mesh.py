"""Topology and measures of a polygon mesh: edges, border, Laplacians, normals, volume, texture layout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
Indices = NDArray[np.int32]

UV_MARGIN = 0.01


def quad_edges(quads: Indices) -> tuple[Indices, NDArray[np.int64]]:
    """(E, 2) undirected edges, the lower vertex first, and how many quads use each."""
    edges = np.concatenate([quads[:, [corner, (corner + 1) % 4]] for corner in range(4)])
    unique, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    return unique.astype(np.int32), counts


def border_vertices(quads: Indices) -> Indices:
    """Vertices on the open border, in ascending order."""
    edges, counts = quad_edges(quads)
    return np.unique(edges[counts == 1])


def adjacency(quads: Indices, vertex_count: int) -> sparse.csr_matrix:
    """(V, V) symmetric 0/1 matrix of the edges."""
    edges, _ = quad_edges(quads)
    half = sparse.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (vertex_count, vertex_count))
    return (half + half.T).tocsr()


def split_quads(quads: Indices) -> Indices:
    """(2P, 3) triangles, every quad split along corner 0 - corner 2."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def vertex_normals(vertices: Array, triangles: Indices) -> Array:
    """(..., V, 3) area-weighted unit normals."""
    corners = vertices[..., triangles, :]
    area = np.cross(corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :])
    normals = np.zeros_like(vertices)
    flat_normals, flat_area = normals.reshape(-1, *vertices.shape[-2:]), area.reshape(-1, *area.shape[-2:])
    for normal, weighted in zip(flat_normals, flat_area, strict=True):
        for corner in range(3):
            np.add.at(normal, triangles[:, corner], weighted)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def enclosed_volume(vertices: Array, triangles: Indices, border: Indices) -> float:
    """Volume in cubic metres, the open border closed by a fan to its centre; positive when the winding looks out."""
    corners = vertices[triangles] - vertices[border].mean(axis=0)
    return float(np.einsum("ti,ti->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)


def cotangent_laplacian(vertices: Array, triangles: Indices) -> tuple[sparse.csr_matrix, Array]:
    """The (V, V) positive semi-definite cotangent matrix and the (V,) share of area of every vertex (square metres)."""
    count = len(vertices)
    matrix = sparse.csr_matrix((count, count))
    for corner in range(3):
        apex, first, second = (triangles[:, (corner + step) % 3] for step in range(3))
        one, two = vertices[first] - vertices[apex], vertices[second] - vertices[apex]
        cotangent = np.sum(one * two, axis=1) / np.linalg.norm(np.cross(one, two), axis=1)
        # A slightly negative weight (obtuse pairs) would let heat run backwards.
        half = 0.5 * np.maximum(cotangent, 0.02)
        off = sparse.coo_matrix((half, (first, second)), (count, count))
        matrix = matrix + off + off.T
    corners = vertices[triangles]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    mass = np.bincount(triangles.ravel(), np.repeat(area / 3, 3), count).astype(np.float64)
    return sparse.csr_matrix(sparse.diags(np.asarray(matrix.sum(axis=1)).ravel()) - matrix), mass


def fit_uv_to_unit_square(quad_uv: Array) -> Array:
    """Scale the layout (P, 4, 2) evenly into the unit square, with a margin."""
    flat = quad_uv.reshape(-1, 2)
    low, size = flat.min(axis=0), np.ptp(flat, axis=0).max()
    return UV_MARGIN + (quad_uv - low) / size * (1 - 2 * UV_MARGIN)
