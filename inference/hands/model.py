"""The MANO-layout hand model: arrays, checks, mirror image, and its file (numpy only, no pickles)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .joint_axes import joint_frames
from .joint_limits import joint_limits, mirrored_limits
from .joints import JOINT_COUNT, PARENTS, SIDES, Side

FILE_VERSION = 1
_ARRAYS = (
    "v_template",
    "shapedirs",
    "posedirs",
    "lbs_weights",
    "joint_template",
    "joint_shapedirs",
    "pose_mean_rotvec",
)
_ANATOMY_SHAPES = {"joint_axes": (JOINT_COUNT, 3, 3), "joint_limits_rad": (JOINT_COUNT, 3, 2)}
_MIRROR_POINTS = np.array([-1.0, 1.0, 1.0])
# Mirroring in x keeps the x part of a rotation vector and negates y and z (reference/mano.md).
_MIRROR_MATRIX_SIGNS = np.outer(_MIRROR_POINTS, _MIRROR_POINTS)


class HandModelError(ValueError):
    """A hand model's arrays contradict each other; the message says which and how."""


@dataclass(frozen=True, eq=False)
class HandModel:
    """One hand: geometry, shape space, pose correctives and skinning, in metres.

    Rest frame (MANO): the right hand's fingers point along -x, the palm faces -y, the thumb lies towards +z; the left
    hand is its mirror image in x. V vertices, S shape components, P polygons, 16 joints in MANO order.

    Parameters
    ----------
    name : name of the model, for example ``"open"``
    licence : SPDX identifier or name of the licence that applies to the arrays
    side : ``"right"`` or ``"left"``
    v_template : (V, 3) rest vertices at betas 0, metres
    shapedirs : (V, 3, S) vertex offset for one unit of each beta, metres
    posedirs : (V, 3, 135) vertex offset for one unit of each element of R_1..R_15 - I (row-major), metres
    lbs_weights : (V, 16) skinning weights, rows sum to one
    joint_template : (16, 3) rest joints at betas 0, metres
    joint_shapedirs : (16, 3, S) joint offset for one unit of each beta, metres
    pose_mean_rotvec : (15, 3) rotation vectors to which poses "relative to the mean" refer, radians
    polygons : (P, 4) vertex indices, counter-clockwise seen from outside; the fourth is -1 in a triangle
    tip_vertices : (5,) fingertip vertices: thumb, index, middle, ring, pinky
    uv : (P, 4, 2) texture coordinates of the polygon corners in [0, 1], or None
    joint_axes : (16, 3, 3) columns: flexion, twist and abduction axis of each joint in the rest frame. Where a source
        has none they follow from the rest pose (`joint_axes.joint_frames`)
    joint_limits_rad : (16, 3, 2) lowest and highest turn about each of these axes, as components of the local rotation
        vector. Where a source has none they are the published ones (`joint_limits`)
    """

    name: str
    licence: str
    side: Side
    v_template: NDArray[np.float64]
    shapedirs: NDArray[np.float64]
    posedirs: NDArray[np.float64]
    lbs_weights: NDArray[np.float64]
    joint_template: NDArray[np.float64]
    joint_shapedirs: NDArray[np.float64]
    pose_mean_rotvec: NDArray[np.float64]
    polygons: NDArray[np.int32]
    tip_vertices: NDArray[np.int32]
    uv: NDArray[np.float64] | None = field(default=None)
    joint_axes: NDArray[np.float64] = field(default=None)  # type: ignore[assignment]  # filled when made
    joint_limits_rad: NDArray[np.float64] = field(default=None)  # type: ignore[assignment]  # filled when made

    def __post_init__(self) -> None:
        vertices, polygons = self.v_template.size // 3, self.polygons.size // 4
        shapes = self.joint_shapedirs.size // (3 * JOINT_COUNT)
        expected = {
            "v_template": (vertices, 3),
            "shapedirs": (vertices, 3, shapes),
            "posedirs": (vertices, 3, 9 * (JOINT_COUNT - 1)),
            "lbs_weights": (vertices, JOINT_COUNT),
            "joint_template": (JOINT_COUNT, 3),
            "joint_shapedirs": (JOINT_COUNT, 3, shapes),
            "pose_mean_rotvec": (JOINT_COUNT - 1, 3),
            "polygons": (polygons, 4),
            "tip_vertices": (5,),
        }
        if self.uv is not None:
            expected["uv"] = (polygons, 4, 2)
        expected |= {name: shape for name, shape in _ANATOMY_SHAPES.items() if getattr(self, name) is not None}
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise HandModelError(f"Hand model '{self.name}': {name} has shape {array.shape}, expected {shape}.")
            if not np.all(np.isfinite(array)):
                raise HandModelError(f"Hand model '{self.name}': {name} holds values that are not finite.")
        corners, tips = self.polygons, self.tip_vertices
        rules = {
            f"the side is '{self.side}', expected 'right' or 'left'": self.side not in SIDES,
            "there are no vertices or no polygons": min(vertices, polygons) == 0,
            "some skinning weights are negative": np.any(self.lbs_weights < -1e-6),
            "the skinning weights of some vertices do not sum to one": np.any(
                np.abs(self.lbs_weights.sum(axis=1) - 1) > 1e-4
            ),
            "polygons or tip vertices name vertices that do not exist": np.any(corners[:, :3] < 0)
            or np.any(corners[:, 3] < -1)
            or np.any(corners >= vertices)
            or np.any((tips < 0) | (tips >= vertices)),
            "the joint axes are no right-handed frames": self.joint_axes is not None
            and not _are_rotations(self.joint_axes),
            "a joint's lowest angle lies above its highest": self.joint_limits_rad is not None
            and np.any(self.joint_limits_rad[..., 0] > self.joint_limits_rad[..., 1]),
        }
        for sentence, broken in rules.items():
            if broken:
                raise HandModelError(f"Hand model '{self.name}': {sentence}.")
        self._fill_anatomy()

    def _fill_anatomy(self) -> None:
        """Axes and limits by the rules, where the source has none."""
        if self.joint_axes is None:
            points = np.concatenate([self.joint_template, self.v_template[self.tip_vertices]])
            # Seen as a file holds them: the model that is saved and the one that is loaded have the same axes.
            with np.errstate(invalid="ignore"):  # joints that coincide, as in a test, have no axes
                object.__setattr__(self, "joint_axes", joint_frames(points.astype(np.float32), self.side))
        if self.joint_limits_rad is None:
            object.__setattr__(self, "joint_limits_rad", joint_limits(self.side))

    @property
    def shape_count(self) -> int:
        """Number of shape components (betas)."""
        return self.shapedirs.shape[-1]

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """(T, 3) the polygons as triangles, quads split along corner 0 - corner 2."""
        quads = self.polygons[self.polygons[:, 3] >= 0]
        return np.concatenate([self.polygons[:, :3], quads[:, [0, 2, 3]]])

    @cached_property
    def sha256(self) -> str:
        """Hash over the arrays that shape a posed hand, and the side: what a take refers to."""
        digest = hashlib.sha256(self.side.encode())
        for name in _ARRAYS:
            digest.update(np.ascontiguousarray(getattr(self, name), dtype="<f4").tobytes())
        digest.update(np.ascontiguousarray(self.polygons, dtype="<i4").tobytes())
        digest.update(np.ascontiguousarray(self.tip_vertices, dtype="<i4").tobytes())
        return digest.hexdigest()

    def mirrored(self) -> HandModel:
        """The other hand: x negated, winding flipped, so that a mirrored pose gives exactly mirrored vertices."""
        rotation_signs = np.tile(_MIRROR_MATRIX_SIGNS.reshape(9), JOINT_COUNT - 1)
        # Corner 0 stays first, so that a quad is split along the same diagonal as on the other hand.
        order = np.where(self.polygons[:, 3:] >= 0, [[0, 3, 2, 1]], [[0, 2, 1, 3]])
        return replace(
            self,
            side="left" if self.side == "right" else "right",
            v_template=self.v_template * _MIRROR_POINTS,
            shapedirs=self.shapedirs * _MIRROR_POINTS[:, None],
            posedirs=self.posedirs * _MIRROR_POINTS[:, None] * rotation_signs,
            joint_template=self.joint_template * _MIRROR_POINTS,
            joint_shapedirs=self.joint_shapedirs * _MIRROR_POINTS[:, None],
            pose_mean_rotvec=self.pose_mean_rotvec * [1, -1, -1],
            polygons=np.take_along_axis(self.polygons, order, axis=1),
            uv=None if self.uv is None else np.take_along_axis(self.uv, order[..., None], axis=1),
            # The mirror image of a frame is left-handed: the flexion axis turns round, so that flexion stays flexion.
            joint_axes=self.joint_axes * _MIRROR_MATRIX_SIGNS,
            joint_limits_rad=mirrored_limits(self.joint_limits_rad),
        )

    def save(self, path: Path) -> None:
        """Write the model as npz, float32 but for axes and limits (one file a side; the mirror image needs none)."""
        arrays: dict[str, NDArray[np.generic]] = {name: getattr(self, name).astype(np.float32) for name in _ARRAYS}
        arrays["polygons"], arrays["tip_vertices"] = self.polygons, self.tip_vertices
        if self.uv is not None:
            arrays["uv"] = self.uv.astype(np.float32)
        arrays |= {name: getattr(self, name) for name in _ANATOMY_SHAPES}
        text = {"name": self.name, "licence": self.licence, "side": self.side}
        np.savez_compressed(
            path,
            version=np.int32(FILE_VERSION),
            **arrays,
            **{key: np.array(value) for key, value in text.items()},
        )

    @classmethod
    def load(cls, path: Path) -> HandModel:
        """Read a file that `save` wrote.

        Raises
        ------
        HandModelError
            when the file is missing, damaged or of another version
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                if int(file["version"]) != FILE_VERSION:
                    raise HandModelError(
                        f"Hand model file '{path}' has version {file['version']}; this program reads {FILE_VERSION}."
                    )
                anatomy = [name for name in _ANATOMY_SHAPES if name in file.files]
                return cls(
                    **{name: file[name].astype(np.float64) for name in (*_ARRAYS, *anatomy)},
                    name=str(file["name"]),
                    licence=str(file["licence"]),
                    side=cast(Side, str(file["side"])),  # checked with the arrays
                    polygons=file["polygons"].astype(np.int32),
                    tip_vertices=file["tip_vertices"].astype(np.int32),
                    uv=file["uv"].astype(np.float64) if "uv" in file.files else None,
                )
        except HandModelError:
            raise
        except Exception as error:
            raise HandModelError(
                f"Hand model file '{path}' cannot be read ({error}); install the program again or choose another file."
            ) from error


def _are_rotations(matrices: NDArray[np.float64]) -> bool:
    products = np.swapaxes(matrices, -1, -2) @ matrices
    return bool(np.abs(products - np.eye(3)).max() < 1e-5 and np.all(np.linalg.det(matrices) > 0))


def parents_array() -> NDArray[np.int32]:
    """The kinematic tree as an array (16,), the root's parent is -1."""
    return np.array(PARENTS, dtype=np.int32)
