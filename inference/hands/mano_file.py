"""A MANO hand from the arrays of the user's own file: an official pickle or the authors' checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .joints import JOINT_COUNT, PARENTS, Side
from .model import HandModel, HandModelError
from .restricted_pickle import RefusedPickleError, as_array, read_pickled_mapping

VERTEX_COUNT: Final = 778
FACE_COUNT: Final = 1538
MODEL_NAME: Final = "mano"
LICENCE: Final = "MANO (non-commercial scientific research, mano.is.tue.mpg.de/license.html)"
TIP_VERTICES: Final = (745, 317, 444, 556, 673)
"""Thumb, index, middle, ring, pinky, both hands: the tips that InterShape's numbers refer to."""

_PICKLE_KEYS: Final = (
    "v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f", "hands_mean"
)  # fmt: skip


def is_mano_mapping(mapping: Mapping[str, Any]) -> bool:
    """Whether a pickle's dictionary looks like an official MANO file."""
    return all(key in mapping for key in _PICKLE_KEYS)


def read_mano_pickle(path: Path) -> HandModel:
    """Read MANO_RIGHT.pkl or MANO_LEFT.pkl; the side is told by the geometry, not by the name.

    Raises
    ------
    HandModelError
        when the file is no MANO model or is damaged
    """
    try:
        mapping = read_pickled_mapping(path)
        if not is_mano_mapping(mapping):
            missing = ", ".join(key for key in _PICKLE_KEYS if key not in mapping)
            raise HandModelError(f"'{path.name}' is no MANO hand model (it lacks {missing}).")
        arrays = {key: as_array(mapping[key]) for key in _PICKLE_KEYS}
    except RefusedPickleError as error:
        raise HandModelError(f"'{path.name}' is refused: {error}.") from error
    parents = arrays["kintree_table"].reshape(2, -1)[0].astype(np.int64)
    return mano_model(
        v_template=arrays["v_template"],
        shapedirs=arrays["shapedirs"],
        posedirs=arrays["posedirs"],
        joint_regressor=arrays["J_regressor"],
        lbs_weights=arrays["weights"],
        parents=parents,
        faces=arrays["f"],
        mean_rotvec=arrays["hands_mean"],
    )


def mano_model(
    *,
    v_template: NDArray[Any],
    shapedirs: NDArray[Any],
    posedirs: NDArray[Any],
    joint_regressor: NDArray[Any],
    lbs_weights: NDArray[Any],
    parents: NDArray[Any],
    faces: NDArray[Any],
    mean_rotvec: NDArray[Any],
    side: Side | None = None,
) -> HandModel:
    """Check MANO's arrays and make a model of them.

    Parameters
    ----------
    v_template : (778, 3) metres; shapedirs : (778, 3, 10 or more); posedirs : (778, 3, 135); joint_regressor :
        (16, 778); lbs_weights : (778, 16); parents : (16,), the root's entry is ignored; faces : (1538, 3);
        mean_rotvec : (45,) radians
    side : which hand; None: told by the side of the wrist that the fingers point to

    Raises
    ------
    HandModelError
        naming the array that is wrong
    """
    expected = {
        "v_template": (v_template, (VERTEX_COUNT, 3)),
        "posedirs": (posedirs, (VERTEX_COUNT, 3, 9 * (JOINT_COUNT - 1))),
        "J_regressor": (joint_regressor, (JOINT_COUNT, VERTEX_COUNT)),
        "weights": (lbs_weights, (VERTEX_COUNT, JOINT_COUNT)),
        "f": (faces, (FACE_COUNT, 3)),
        "hands_mean": (mean_rotvec, (3 * (JOINT_COUNT - 1),)),
        "kintree_table": (parents, (JOINT_COUNT,)),
    }
    for name, (array, shape) in expected.items():
        if array.shape != shape:
            raise HandModelError(f"The MANO model's {name} has shape {array.shape}, expected {shape}.")
    if shapedirs.shape[:2] != (VERTEX_COUNT, 3) or shapedirs.shape[2] < 10:
        raise HandModelError(f"The MANO model's shapedirs has shape {shapedirs.shape}, expected (778, 3, 10).")
    if tuple(int(parent) for parent in parents[1:]) != PARENTS[1:]:
        raise HandModelError("The MANO model's joints hang together in another way than a hand's.")
    regressor = joint_regressor.astype(np.float64)
    if not np.all(np.isfinite(regressor)) or np.abs(regressor.sum(axis=1) - 1).max() > 1e-3:
        raise HandModelError("The MANO model's J_regressor rows do not sum to one.")
    template, shapes = v_template.astype(np.float64), shapedirs[:, :, :10].astype(np.float64)
    joints = regressor @ template
    if side is None:
        side = "right" if joints[4, 0] < joints[0, 0] else "left"
    triangles = faces.astype(np.int64)
    return HandModel(
        name=MODEL_NAME,
        licence=LICENCE,
        side=side,
        v_template=template,
        shapedirs=shapes,
        posedirs=posedirs.astype(np.float64),
        lbs_weights=lbs_weights.astype(np.float64),
        joint_template=joints,
        joint_shapedirs=np.einsum("jv,vcs->jcs", regressor, shapes),
        pose_mean_rotvec=mean_rotvec.astype(np.float64).reshape(JOINT_COUNT - 1, 3),
        polygons=np.concatenate([triangles, np.full((FACE_COUNT, 1), -1)], axis=1).astype(np.int32),
        tip_vertices=np.array(TIP_VERTICES, dtype=np.int32),
    )


def with_left_shapedirs_fixed(left: HandModel, right: HandModel) -> HandModel:
    """The left hand with its shapedirs' x parts negated where they carry the right hand's sign (official left file).

    Decided by comparison, so that a model that is already right stays as it is (reference/mano.md).
    """
    if np.abs(left.shapedirs[:, 0] - right.shapedirs[:, 0]).sum() >= 1:
        return left
    from dataclasses import replace

    sign = np.array([-1.0, 1.0, 1.0])[:, None]
    # The regressor acts on each axis alone, so the joints' offsets change sign with the vertices'.
    return replace(left, shapedirs=left.shapedirs * sign, joint_shapedirs=left.joint_shapedirs * sign)
