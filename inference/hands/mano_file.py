"""A MANO hand from the arrays of the user's own file: an official pickle or the authors' checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .joints import JOINT_COUNT, MIDDLE_MCP, PARENTS, Side
from .model import HandModel, HandModelError
from .restricted_pickle import as_array, read_pickled_mapping

VERTEX_COUNT: Final = 778
FACE_COUNT: Final = 1538
SHAPE_COMPONENTS: Final = 10
POSE_COMPONENTS: Final = 9 * (JOINT_COUNT - 1)
MODEL_NAME: Final = "mano"
LICENCE: Final = "MANO (non-commercial scientific research, mano.is.tue.mpg.de/license.html)"
TIP_VERTICES: Final = (745, 317, 444, 556, 673)
"""Thumb, index, middle, ring, pinky, both hands: the tips that InterShape's numbers refer to."""

_PICKLE_KEYS: Final = {
    "v_template": "v_template",
    "shapedirs": "shapedirs",
    "posedirs": "posedirs",
    "joint_regressor": "J_regressor",
    "lbs_weights": "weights",
    "parents": "kintree_table",
    "faces": "f",
    "mean_rotvec": "hands_mean",
}
"""`mano_model`'s arguments and the keys of the official file."""
_LARGEST_COORDINATE_M: Final = 1.0
_MIRROR: Final = np.array([-1.0, 1.0, 1.0])


def read_mano_pickle(content: bytes) -> tuple[Side, dict[str, NDArray[Any]]]:
    """MANO_RIGHT.pkl or MANO_LEFT.pkl: the side, told by the geometry, and the checked arguments of `mano_model`.

    Raises
    ------
    RefusedPickleError
        for what is no pickle of plain values and arrays
    HandModelError
        when it is no MANO model or is damaged
    """
    mapping = read_pickled_mapping(content)
    missing = [key for key in _PICKLE_KEYS.values() if key not in mapping]
    if missing:
        raise HandModelError(f"It is no MANO hand model: it lacks {', '.join(missing)}.")
    arrays = {name: as_array(mapping[key]) for name, key in _PICKLE_KEYS.items()}
    table = arrays["parents"]
    if table.ndim != 2 or table.shape[0] != 2:
        raise HandModelError(f"The MANO model's kintree_table has shape {table.shape}, expected (2, 16).")
    arrays["parents"] = table[0].astype(np.int64)
    # Files with more shape components exist (300 in the body models'); the network knows ten.
    if arrays["shapedirs"].ndim == 3:
        arrays["shapedirs"] = arrays["shapedirs"][:, :, :SHAPE_COMPONENTS]
    return mano_model(**arrays).side, arrays


def mano_model(
    side: Side | None = None,
    /,
    *,
    v_template: NDArray[Any],
    shapedirs: NDArray[Any],
    posedirs: NDArray[Any],
    joint_regressor: NDArray[Any],
    lbs_weights: NDArray[Any],
    parents: NDArray[Any],
    faces: NDArray[Any],
    mean_rotvec: NDArray[Any],
) -> HandModel:
    """Check MANO's arrays and make a model of them.

    Parameters
    ----------
    side : which hand it must be; None: whichever it is, told by the side of the wrist that the fingers point to
    v_template : (778, 3) metres; shapedirs : (778, 3, 10); posedirs : (778, 3, 135); joint_regressor : (16, 778);
        lbs_weights : (778, 16); parents : (16,), the root's entry is ignored; faces : (1538, 3);
        mean_rotvec : (45,) radians

    Raises
    ------
    HandModelError
        naming the array that is wrong
    """
    _check_array("v_template", v_template, (VERTEX_COUNT, 3), "f")
    _check_array("shapedirs", shapedirs, (VERTEX_COUNT, 3, SHAPE_COMPONENTS), "f")
    _check_array("posedirs", posedirs, (VERTEX_COUNT, 3, POSE_COMPONENTS), "f")
    _check_array("J_regressor", joint_regressor, (JOINT_COUNT, VERTEX_COUNT), "f")
    _check_array("weights", lbs_weights, (VERTEX_COUNT, JOINT_COUNT), "f")
    _check_array("kintree_table", parents, (JOINT_COUNT,), "iu")
    _check_array("f", faces, (FACE_COUNT, 3), "iu")
    _check_array("hands_mean", mean_rotvec, (3 * (JOINT_COUNT - 1),), "f")
    if tuple(int(parent) for parent in parents[1:]) != PARENTS[1:]:
        raise HandModelError("The MANO model's joints hang together in another way than a hand's.")
    if int(faces.min()) < 0 or int(faces.max()) >= VERTEX_COUNT:
        raise HandModelError("The MANO model's f names vertices that do not exist.")
    if np.abs(v_template).max() > _LARGEST_COORDINATE_M:
        raise HandModelError("The MANO model's v_template is no hand in metres.")
    regressor = _double(joint_regressor)
    if np.abs(regressor.sum(axis=1) - 1).max() > 1e-3:
        raise HandModelError("The MANO model's J_regressor rows do not sum to one.")
    template, shapes = _double(v_template), _double(shapedirs)
    joints = regressor @ template
    pointing: Side = "right" if joints[MIDDLE_MCP, 0] < joints[0, 0] else "left"
    if side not in (None, pointing):
        raise HandModelError(f"The MANO model is a {pointing} hand where the {side} one is expected.")
    triangles = faces.astype(np.int32)
    return HandModel(
        name=MODEL_NAME,
        licence=LICENCE,
        side=pointing,
        v_template=template,
        shapedirs=shapes,
        posedirs=_double(posedirs),
        lbs_weights=_double(lbs_weights),
        joint_template=joints,
        joint_shapedirs=np.einsum("jv,vcs->jcs", regressor, shapes),
        pose_mean_rotvec=_double(mean_rotvec).reshape(JOINT_COUNT - 1, 3),
        polygons=np.concatenate([triangles, np.full((FACE_COUNT, 1), -1, dtype=np.int32)], axis=1),
        tip_vertices=np.array(TIP_VERTICES, dtype=np.int32),
    )


def with_left_shapedirs_fixed(left: HandModel, right: HandModel) -> HandModel:
    """The left hand with its shapedirs' x parts negated where they carry the right hand's sign (official left file).

    Decided by comparison, so that a model that is already right stays as it is (reference/mano.md).
    """
    if np.abs(left.shapedirs[:, 0] - right.shapedirs[:, 0]).sum() >= 1:
        return left
    sign = _MIRROR[:, None]
    # The regressor acts on each axis alone, so the joints' offsets change sign with the vertices'.
    return replace(left, shapedirs=left.shapedirs * sign, joint_shapedirs=left.joint_shapedirs * sign)


def _double(array: NDArray[Any]) -> NDArray[np.float64]:
    """Rounded to single precision, as the checkpoint holds them, and in one order in memory.

    So MANO is the same model to the last digit, whichever file it comes from, and a take finds it again by its hash.
    """
    return np.ascontiguousarray(array, dtype=np.float32).astype(np.float64)


def _check_array(name: str, array: NDArray[Any], shape: tuple[int, ...], kinds: str) -> None:
    if array.shape != shape:
        raise HandModelError(f"The MANO model's {name} has shape {array.shape}, expected {shape}.")
    if array.dtype.kind not in kinds:
        wanted = "real" if kinds == "f" else "whole"
        raise HandModelError(f"The MANO model's {name} is of type {array.dtype}, expected {wanted} numbers.")
    # Held in single precision (`_double`), where what is beyond its range would be infinite.
    if kinds == "f" and not np.all(np.abs(array) <= np.finfo(np.float32).max):
        raise HandModelError(f"The MANO model's {name} holds values that are not finite.")
