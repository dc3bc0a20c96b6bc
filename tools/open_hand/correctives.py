"""Pose correctives: what linear blend skinning misses, learned from delta mush, linear in the rotation matrices.

Delta mush: Mancewicz et al., "Delta Mush: smoothing deformations while preserving detail", 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from inference.hands.joints import JOINT_COUNT
from inference.hands.skinning import forward_kinematics

from .mesh import adjacency, border_vertices, split_quads, vertex_normals

Array = NDArray[np.float64]

SMOOTHING_STEPS = 12
REACH_RINGS = 6
"""A joint may correct vertices this many edges away from those it moves: what smoothing can carry there."""
RIDGE = 0.02


@dataclass(frozen=True)
class Skin:
    """Rest vertices (V, 3), rest joints (16, 3), weights (V, 16) and quads (P, 4) of the mean hand."""

    vertices: Array
    joints: Array
    weights: Array
    quads: NDArray[np.int32]

    def blend(self, matrices: Array) -> tuple[Array, Array]:
        """Blended transforms of every vertex for local rotations (16, 3, 3): matrices (V, 3, 3), shifts (V, 3)."""
        world, posed = forward_kinematics(matrices, self.joints, self.joints[0])
        shift = posed - (world @ self.joints[..., None])[..., 0]
        return np.einsum("vj,jab->vab", self.weights, world), self.weights @ shift


class DeltaMush:
    """Smooths a posed mesh and puts back the details that smoothing takes from the rest mesh."""

    def __init__(self, skin: Skin) -> None:
        count = len(skin.vertices)
        graph = adjacency(skin.quads, count)
        self._triangles = split_quads(skin.quads)
        self._neighbour = np.array([graph.indices[graph.indptr[vertex]] for vertex in range(count)])
        average = sparse.diags(1 / np.asarray(graph.sum(axis=1)).ravel()) @ graph
        free = np.ones(count)
        free[border_vertices(skin.quads)] = 0  # the open end stays where the wrist puts it
        step = sparse.eye(count) + 0.5 * sparse.diags(free) @ (average - sparse.eye(count))
        smooth = sparse.eye(count, format="csr")
        for _ in range(SMOOTHING_STEPS):
            smooth = (step @ smooth).tocsr()
        self._smooth = smooth
        rest = smooth @ skin.vertices
        self._detail = np.einsum("vba,vb->va", self._frames(rest), skin.vertices - rest)

    def __call__(self, vertices: Array) -> Array:
        """(V, 3) the mushed mesh."""
        rest = self._smooth @ vertices
        return rest + np.einsum("vab,vb->va", self._frames(rest), self._detail)

    def _frames(self, vertices: Array) -> Array:
        normal = vertex_normals(vertices, self._triangles)
        edge = vertices[self._neighbour] - vertices
        tangent = edge - normal * np.sum(edge * normal, axis=1, keepdims=True)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        return np.stack([tangent, np.cross(normal, tangent), normal], axis=2)


def target_offsets(skin: Skin, matrices: Array) -> Array:
    """(N, V, 3) offsets to add to the rest mesh so that skinning gives the mushed mesh; metres."""
    mush = DeltaMush(skin)
    offsets = np.empty((len(matrices), *skin.vertices.shape))
    for offset, rotations in zip(offsets, matrices, strict=True):
        blended, shift = skin.blend(rotations)
        posed = (blended @ skin.vertices[..., None])[..., 0] + shift
        offset[:] = np.linalg.solve(blended, (mush(posed) - posed)[..., None])[..., 0]
    return offsets


def pose_features(matrices: Array) -> Array:
    """(..., 135) elements of R_1..R_15 - I, row-major."""
    return (matrices[..., 1:, :, :] - np.eye(3)).reshape(*matrices.shape[:-3], -1)


def joint_reach(skin: Skin) -> NDArray[np.bool_]:
    """(V, 15) which finger joints may correct a vertex."""
    graph = adjacency(skin.quads, len(skin.vertices)) + sparse.eye(len(skin.vertices))
    # A joint bends the skin where its weight and its parent's overlap; beyond, everything moves rigidly.
    total = np.stack([_below(skin.weights, joint) for joint in range(1, JOINT_COUNT)], axis=1)
    reach = ((total > 0.01) & (total < 0.99)).astype(float)
    for _ in range(REACH_RINGS):
        reach = ((graph @ reach) > 0).astype(float)
    return reach > 0


def _below(weights: Array, joint: int) -> Array:
    last = ((joint - 1) // 3) * 3 + 3
    return weights[:, joint : last + 1].sum(axis=1)


def fit_posedirs(features: Array, offsets: Array, reach: NDArray[np.bool_]) -> Array:
    """(V, 3, 135) ridge regression, vertex by vertex on the joints within reach; the rest is exactly zero."""
    posedirs = np.zeros((offsets.shape[1], 3, features.shape[1]))
    groups, member = np.unique(reach, axis=0, return_inverse=True)
    for index, joints in enumerate(groups):
        vertices = np.flatnonzero(member.ravel() == index)
        columns = np.flatnonzero(np.repeat(joints, 9))
        if not len(columns):
            continue
        used = features[:, columns]
        gram = used.T @ used + RIDGE * np.eye(len(columns))
        solution = np.linalg.solve(gram, used.T @ offsets[:, vertices].reshape(len(offsets), -1))
        posedirs[np.ix_(vertices, np.arange(3), columns)] = solution.reshape(len(columns), -1, 3).transpose(1, 2, 0)
    return posedirs


def explained_share(posedirs: Array, features: Array, offsets: Array) -> float:
    """Share of the squared offsets that the correctives reproduce."""
    predicted = np.einsum("vcp,np->nvc", posedirs, features, optimize=True)
    return float(1 - np.sum((offsets - predicted) ** 2) / np.sum(offsets**2))
