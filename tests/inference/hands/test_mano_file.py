"""MANO files are checked array by array, the side is told by the geometry, the left file's error is corrected once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inference.hands.joints import SIDES, Side
from inference.hands.mano_file import mano_model, read_mano_pickle, with_left_shapedirs_fixed
from inference.hands.model import HandModelError
from tests.python2_pickle import official_mano_pickle, python2_dumps
from tests.stand_in_hand import SEEDS, mano_arrays, mano_like


def read(arrays: dict[str, Any]) -> tuple[Side, dict[str, Any]]:
    return read_mano_pickle(official_mano_pickle(arrays))


@pytest.mark.parametrize("side", SIDES)
def test_an_official_file_gives_the_model_that_its_arrays_describe(side: Side) -> None:
    found, arrays = read(mano_arrays(SEEDS[side], side))
    assert found == side
    model = mano_model(side, **arrays)
    expected = mano_like(side)
    for name in ("v_template", "shapedirs", "posedirs", "lbs_weights", "joint_template", "joint_shapedirs"):
        assert np.allclose(getattr(model, name), getattr(expected, name), rtol=0, atol=1e-7), name
    assert np.allclose(model.pose_mean_rotvec, expected.pose_mean_rotvec, atol=1e-7)
    assert np.array_equal(model.polygons, expected.polygons)


def test_single_and_double_precision_files_hold_the_same_model() -> None:
    _, double = read(mano_arrays(11, "right"))
    single = {name: array.astype("f4") if array.dtype.kind == "f" else array for name, array in double.items()}
    turned = {name: np.asfortranarray(array) for name, array in single.items()}
    assert mano_model(**double).sha256 == mano_model(**single).sha256 == mano_model(**turned).sha256


def test_more_shape_components_than_ten_are_left_out() -> None:
    arrays = mano_arrays(11, "right")
    wide = np.concatenate([arrays["shapedirs"], np.ones((778, 3, 5))], axis=2)
    _, found = read({**arrays, "shapedirs": wide})
    assert np.array_equal(found["shapedirs"], arrays["shapedirs"])


def changed(key: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    arrays = mano_arrays(11, "right")
    return {**arrays, key: change(arrays[key])}


def with_value(value: float) -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    def change(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        array = array.copy()
        array.flat[7] = value
        return array

    return change


@pytest.mark.parametrize(
    ("key", "change", "sentence"),
    [
        ("v_template", lambda array: array[:-1], "v_template has shape (777, 3)"),
        ("v_template", lambda array: array * 1000, "no hand in metres"),
        ("v_template", with_value(np.nan), "v_template holds values that are not finite"),
        ("shapedirs", lambda array: array[:, :, :9], "shapedirs has shape (778, 3, 9)"),
        ("shapedirs", with_value(np.inf), "shapedirs holds values that are not finite"),
        ("posedirs", lambda array: array.reshape(-1, 135), "posedirs has shape (2334, 135)"),
        ("posedirs", with_value(1e300), "posedirs holds values that are not finite"),
        ("posedirs", with_value(np.nan), "posedirs holds values that are not finite"),
        ("J_regressor", lambda array: array * 2, "J_regressor rows do not sum to one"),
        ("J_regressor", lambda array: array[:, :-1], "J_regressor has shape (16, 777)"),
        ("weights", lambda array: array * 0.9, "do not sum to one"),
        ("weights", with_value(-5.0), "negative"),
        ("weights", lambda array: array.astype(np.int64), "weights is of type int64"),
        ("f", with_value(778), "vertices that do not exist"),
        ("f", lambda array: array[:-2], "f has shape (1536, 3)"),
        ("f", lambda array: array.astype(np.float64), "f is of type float64"),
        ("hands_mean", lambda array: array[:44], "hands_mean has shape (44,)"),
        ("kintree_table", with_value(3), "hang together in another way"),
        ("kintree_table", lambda array: array[:1], "kintree_table has shape (1, 16)"),
    ],
)
def test_each_array_is_checked(key: str, change: Callable[[Any], Any], sentence: str) -> None:
    with pytest.raises(HandModelError) as caught:
        read(changed(key, change))
    assert sentence in str(caught.value)


def test_another_pickle_is_no_hand() -> None:
    with pytest.raises(HandModelError, match="it lacks v_template"):
        read_mano_pickle(python2_dumps({"poses": np.zeros(3)}))


def test_a_hand_of_the_other_side_is_noticed() -> None:
    _, arrays = read(mano_arrays(11, "right"))
    with pytest.raises(HandModelError, match="a right hand where the left one is expected"):
        mano_model("left", **arrays)


def test_the_left_file_is_corrected_by_comparison_and_once() -> None:
    right = mano_like("right")
    good = right.mirrored()
    bad = replace(
        good,
        shapedirs=good.shapedirs * np.array([-1.0, 1, 1])[:, None],
        joint_shapedirs=good.joint_shapedirs * np.array([-1.0, 1, 1])[:, None],
    )
    fixed = with_left_shapedirs_fixed(bad, right)
    assert np.array_equal(fixed.shapedirs, good.shapedirs)
    assert np.array_equal(fixed.joint_shapedirs, good.joint_shapedirs)
    assert with_left_shapedirs_fixed(fixed, right) is fixed
    assert with_left_shapedirs_fixed(good, right) is good
