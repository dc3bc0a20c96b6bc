"""Pose correctives: what linear blend skinning misses, learned from a better skin, linear in the rotation matrices.

The better skin is delta mush (Mancewicz et al., "Delta Mush: smoothing deformations while preserving detail", 2014)
with its smoothing measured in millimetres, and then every bent joint gets its volume back (`VolumeKeeper`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from inference.hands.joints import FINGERS, JOINT_COUNT
from inference.hands.skinning import forward_kinematics

from .mesh import adjacency, border_vertices, cotangent_laplacian, split_quads, vertex_normals
from .rest_pose import first_joint

Array = NDArray[np.float64]

SMOOTHING_M = 0.004
"""Dents and steps narrower than this are smoothed away; the same on small finger quads and large palm quads."""
VOLUME_REACH_M = (0.016, 0.010, 0.008)
"""Around the three joints of a finger, how far flesh gives way (one standard deviation of a bell curve)."""
THUMB_VOLUME_REACH_M = (0.020, 0.012, 0.010)
VOLUME_STEPS = 3
REACH_MM = 0.05
"""A joint may correct vertices that its own turning, alone, moves at least this far from linear blend skinning."""
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
        laplacian, mass = cotangent_laplacian(skin.vertices, self._triangles)
        # One implicit step of heat flow: stable, and independent of how fine the quads are.
        self._smooth = np.linalg.solve(np.diag(mass) + SMOOTHING_M**2 * laplacian.toarray(), np.diag(mass))
        border = border_vertices(skin.quads)
        self._smooth[border] = np.eye(count)[border]  # the open end stays where the wrist puts it
        rest = self._smooth @ skin.vertices
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


class VolumeKeeper:
    """Pushes the skin around bent joints outwards until each joint's surroundings fill their rest volume again."""

    def __init__(self, skin: Skin) -> None:
        self._triangles = split_quads(skin.quads)
        self._bells = np.zeros((JOINT_COUNT - 1, len(skin.vertices)))
        for finger in FINGERS:
            first = first_joint(finger)
            own = skin.weights[:, first : first + 3].sum(axis=1)
            reaches = THUMB_VOLUME_REACH_M if finger == "thumb" else VOLUME_REACH_M
            for k, reach in enumerate(reaches):
                distance = np.linalg.norm(skin.vertices - skin.joints[first + k], axis=1)
                flesh = own + skin.weights[:, 0] if k == 0 else own
                self._bells[first + k - 1] = flesh * np.exp(-0.5 * (distance / reach) ** 2)
        self._bells[:, border_vertices(skin.quads)] = 0
        self._of_triangles = self._bells[:, self._triangles].mean(axis=2)
        self._rest = self._volumes(skin.vertices, skin.joints[1:])

    def __call__(self, vertices: Array, joints: Array) -> Array:
        """(V, 3) the posed mesh, swollen where it had shrunk; `joints` (16, 3) are the posed joints."""
        centres, small = joints[1:], 1e-5
        for _ in range(VOLUME_STEPS):
            normals = vertex_normals(vertices, self._triangles)
            now = self._volumes(vertices, centres)
            pushes = self._bells[:, :, None] * normals
            slopes = np.stack([(self._volumes(vertices + small * push, centres) - now) / small for push in pushes], 1)
            amounts = np.linalg.lstsq(slopes, self._rest - now, rcond=1e-3)[0]
            vertices = vertices + np.tensordot(amounts, pushes, 1)
        return vertices

    def _volumes(self, vertices: Array, centres: Array) -> Array:
        """(15,) volume between each joint's centre and the skin around it, weighted by its bell curve."""
        corners = vertices[self._triangles]
        area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        height = np.sum(corners[:, 0] * area, axis=1)
        return (self._of_triangles @ height - np.sum(centres * (self._of_triangles @ area), axis=1)) / 6


def target_offsets(skin: Skin, matrices: Array) -> Array:
    """(N, V, 3) offsets to add to the rest mesh so that skinning gives the better skin; metres."""
    mush, keep_volume = DeltaMush(skin), VolumeKeeper(skin)
    offsets = np.empty((len(matrices), *skin.vertices.shape))
    for offset, rotations in zip(offsets, matrices, strict=True):
        blended, shift = skin.blend(rotations)
        posed = (blended @ skin.vertices[..., None])[..., 0] + shift
        _, joints = forward_kinematics(rotations, skin.joints, skin.joints[0])
        better = keep_volume(mush(posed), joints)
        offset[:] = np.linalg.solve(blended, (better - posed)[..., None])[..., 0]
    return offsets


def pose_features(matrices: Array) -> Array:
    """(..., 135) elements of R_1..R_15 - I, row-major."""
    return (matrices[..., 1:, :, :] - np.eye(3)).reshape(*matrices.shape[:-3], -1)


def joint_reach(skin: Skin, matrices: Array) -> NDArray[np.bool_]:
    """(V, 15) which finger joints may correct a vertex, found by turning each joint alone as in `matrices`."""
    graph = adjacency(skin.quads, len(skin.vertices)) + sparse.eye(len(skin.vertices))
    reach = np.zeros((len(skin.vertices), JOINT_COUNT - 1))
    for joint in range(1, JOINT_COUNT):
        alone = np.tile(np.eye(3), (len(matrices), JOINT_COUNT, 1, 1))
        alone[:, joint] = matrices[:, joint]
        moved = np.linalg.norm(target_offsets(skin, alone), axis=-1).max(axis=0)
        reach[:, joint - 1] = moved > REACH_MM * 1e-3
    return graph @ reach > 0


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
