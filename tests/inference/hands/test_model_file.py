"""The hand model's checks, its mirror image and its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.hands.joints import SIDES, Side
from inference.hands.model import HandModel, HandModelError, parents_array
from inference.hands.rotations import rotvec_to_matrix
from tests.stand_in_hand import mano_like, small_hand

FLOATS = (
    "v_template",
    "shapedirs",
    "posedirs",
    "lbs_weights",
    "joint_template",
    "joint_shapedirs",
    "pose_mean_rotvec",
)
INTEGERS = ("polygons", "tip_vertices")
MIRROR = np.array([-1.0, 1.0, 1.0])
SHIPPED = Path(__file__).resolve().parents[3] / "weights" / "open_hand.npz"


def with_value(model: HandModel, name: str, index: Any, value: float) -> dict[str, Any]:
    array = getattr(model, name).copy()
    array[index] = value
    return {name: array}


# --- checks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FLOATS, *INTEGERS, "uv"])
def test_an_array_of_another_shape_is_named(name: str) -> None:
    model = small_hand("right")
    array = getattr(model, name)
    for wrong in (array[..., :-1], array[None], array.ravel()[:-1], array.ravel()[0]):
        changes: Any = {name: wrong}
        with pytest.raises(HandModelError, match="has shape"):
            replace(model, **changes)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", [*FLOATS, "uv"])
def test_an_array_with_values_that_are_not_finite_is_named(name: str, value: float) -> None:
    model = small_hand("right")
    index = (0,) * getattr(model, name).ndim
    with pytest.raises(HandModelError, match=f"{name} holds values that are not finite"):
        replace(model, **with_value(model, name, index, value))


@pytest.mark.parametrize(
    ("name", "index", "value", "sentence"),
    [
        ("lbs_weights", (7, 3), 5.0, "do not sum to one"),
        ("polygons", (0, 1), 40, "do not exist"),
        ("polygons", (0, 1), -1, "do not exist"),
        ("polygons", (0, 3), 40, "do not exist"),
        ("polygons", (0, 3), -2, "do not exist"),
        ("tip_vertices", 4, 40, "do not exist"),
        ("tip_vertices", 4, -1, "do not exist"),
    ],
)
def test_values_that_contradict_each_other_are_explained(name: str, index: Any, value: float, sentence: str) -> None:
    model = small_hand("right")
    with pytest.raises(HandModelError, match=sentence):
        replace(model, **with_value(model, name, index, value))


def test_negative_weights_are_refused_even_where_they_sum_to_one() -> None:
    model = small_hand("right")
    weights = model.lbs_weights.copy()
    weights[0] = [1.5, -0.5, *[0.0] * 14]
    with pytest.raises(HandModelError, match="negative"):
        replace(model, lbs_weights=weights)


def test_an_unknown_side_is_refused() -> None:
    broken: Any = {"side": "middle"}
    with pytest.raises(HandModelError, match="'middle'"):
        replace(small_hand("right"), **broken)


def test_a_model_without_polygons_is_refused() -> None:
    with pytest.raises(HandModelError, match="no polygons"):
        replace(small_hand("right"), polygons=np.zeros((0, 4), np.int32), uv=None)


# --- derived --------------------------------------------------------------------------------------------------------


def test_triangles_cover_the_polygons_with_their_winding() -> None:
    model = small_hand("right")
    quads = model.polygons[model.polygons[:, 3] >= 0]
    assert len(model.triangles) == len(model.polygons) + len(quads)
    for a, b, c, d in quads:
        assert [a, b, c] in model.triangles.tolist()
        assert [a, c, d] in model.triangles.tolist()


def test_parents_are_those_of_mano() -> None:
    np.testing.assert_array_equal(parents_array(), [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14])


def test_the_mirrored_surface_is_the_mirror_image_triangle_by_triangle() -> None:
    right = small_hand("right")
    left = right.mirrored()
    assert left.side == "left"
    normals: list[Any] = []
    for model in (right, left):
        a, b, c = (model.v_template[model.triangles[:, corner]] for corner in range(3))
        normals.append(np.cross(b - a, c - a))
    # The halves of a quad may change places; the winding turns, so outward normals mirror.
    key = [np.sort(model.triangles, axis=1).tolist() for model in (right, left)]
    assert sorted(key[0]) == sorted(key[1])
    for triangle, normal in zip(key[0], normals[0], strict=True):
        np.testing.assert_allclose(normals[1][key[1].index(triangle)], normal * MIRROR, rtol=0, atol=1e-18)


def test_a_mirrored_corner_keeps_its_texture_coordinate() -> None:
    right, left = small_hand("right"), small_hand("right").mirrored()
    assert right.uv is not None
    assert left.uv is not None
    for polygon in range(len(right.polygons)):
        corners = right.polygons[polygon], left.polygons[polygon]
        uv_of_right = dict(zip(corners[0].tolist(), right.uv[polygon].tolist(), strict=True))
        uv_of_left = dict(zip(corners[1].tolist(), left.uv[polygon].tolist(), strict=True))
        assert uv_of_right == uv_of_left


def test_the_mirrored_mean_pose_turns_every_joint_as_in_a_mirror() -> None:
    right, flip = small_hand("right"), np.diag(MIRROR)
    turns = rotvec_to_matrix(right.pose_mean_rotvec)
    np.testing.assert_allclose(rotvec_to_matrix(right.mirrored().pose_mean_rotvec), flip @ turns @ flip, atol=1e-15)


@pytest.mark.parametrize("model", [mano_like("left"), small_hand("right")], ids=["triangles", "quads"])
def test_mirrored_twice_is_the_same_hand(model: HandModel) -> None:
    twice = model.mirrored().mirrored()
    assert twice.side == model.side
    assert twice.sha256 == model.sha256
    for name in (*FLOATS, *INTEGERS):
        np.testing.assert_array_equal(getattr(twice, name), getattr(model, name))


# --- hash -----------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([*FLOATS, *INTEGERS]),
    st.integers(0, 10**6),
)
def test_the_hash_sees_every_number(name: str, place: int) -> None:
    model = small_hand("right")
    array = getattr(model, name).copy()
    flat = array.reshape(-1)
    place %= flat.size
    if name in INTEGERS:
        flat[place] = 1 if flat[place] == 0 else 0
    else:
        flat[place] += 2e-5
    changes: Any = {name: array}
    assert replace(model, **changes).sha256 != model.sha256


def test_the_hash_depends_on_the_side_and_not_on_the_name_or_on_how_arrays_lie_in_memory() -> None:
    model = small_hand("right")
    assert replace(model, side="left").sha256 != model.sha256
    assert replace(model, name="other", licence="other").sha256 == model.sha256
    assert replace(model, posedirs=np.asfortranarray(model.posedirs)).sha256 == model.sha256
    single: Any = {name: getattr(model, name).astype(np.float32) for name in FLOATS}
    assert replace(model, **single).sha256 == model.sha256


def test_the_hash_is_the_same_on_every_machine_and_version() -> None:
    """A take refers to a model by its hash: a change here makes every take of before foreign."""
    count = 5
    model = HandModel(
        name="counted",
        licence="CC0-1.0",
        side="right",
        v_template=np.arange(count * 3.0).reshape(count, 3) / 8,
        shapedirs=np.arange(count * 6.0).reshape(count, 3, 2) / 8,
        posedirs=np.arange(count * 405.0).reshape(count, 3, 135) / 8,
        lbs_weights=np.tile(np.eye(16)[2], (count, 1)),
        joint_template=np.arange(48.0).reshape(16, 3) / 8,
        joint_shapedirs=np.arange(96.0).reshape(16, 3, 2) / 8,
        pose_mean_rotvec=np.arange(45.0).reshape(15, 3) / 8,
        polygons=np.array([[0, 1, 2, 3], [0, 1, 2, -1]], dtype=np.int32),
        tip_vertices=np.arange(5, dtype=np.int32),
    )
    assert model.sha256 == "16fd889c744df1e96161c210e7c393dbce26219ddce10d274e5f67ebef82770c"


# --- file -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("with_uv", [True, False], ids=["uv", "no uv"])
def test_a_saved_model_comes_back(tmp_path: Path, side: Side, with_uv: bool) -> None:
    model = small_hand(side) if with_uv else replace(small_hand(side), uv=None)
    path = tmp_path / "手 hand.npz"
    model.save(path)
    back = HandModel.load(path)
    assert (back.name, back.licence, back.side) == (model.name, model.licence, model.side)
    assert back.sha256 == model.sha256
    assert back.shape_count == 10
    for name in FLOATS:
        assert getattr(back, name).dtype == np.float64
        np.testing.assert_array_equal(getattr(back, name), getattr(model, name).astype(np.float32))
    for name in INTEGERS:
        np.testing.assert_array_equal(getattr(back, name), getattr(model, name))
    assert (back.uv is None) == (model.uv is None)
    if back.uv is not None and model.uv is not None:
        np.testing.assert_array_equal(back.uv, model.uv.astype(np.float32))


def test_the_shipped_hand_is_a_right_hand_in_the_frame_of_mano() -> None:
    model = HandModel.load(SHIPPED)
    tip_of = dict(zip(("thumb", "index", "middle", "ring", "pinky"), model.v_template[model.tip_vertices], strict=True))
    wrist = model.joint_template[0]
    assert model.side == "right"
    assert np.argmin(tip_of["middle"] - wrist) == 0  # fingers along -x
    assert tip_of["thumb"][2] > tip_of["index"][2] > tip_of["pinky"][2]  # thumb towards +z
    assert np.linalg.norm(tip_of["middle"] - wrist) == pytest.approx(0.18, abs=0.005)


def test_a_missing_file_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(HandModelError, match="gone"):
        HandModel.load(tmp_path / "gone.npz")


def rewrite(path: Path, **changes: Any) -> None:
    with np.load(path) as file:
        members = {name: file[name] for name in file.files}
    members |= changes
    np.savez(path, **{name: value for name, value in members.items() if value is not None})


@pytest.mark.parametrize(
    "changes",
    [
        {"version": np.int32(2)},
        {"version": None},
        {"side": np.array("middle")},
        {"posedirs": None},
        {"posedirs": np.array(["text"])},
        {"v_template": np.array([object()])},
        {"tip_vertices": np.array([0, 1, 2, 3, 99])},
    ],
    ids=str,
)
def test_a_file_that_is_not_a_model_of_this_version_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "hand.npz"
    small_hand("right").save(path)
    rewrite(path, **changes)
    with pytest.raises(HandModelError):
        HandModel.load(path)


@pytest.fixture(scope="module")
def saved_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "hand.npz"
    small_hand("right").save(path)
    return path.read_bytes()


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_harmless(saved_bytes: bytes, tmp_path_factory: Any, data: st.DataObject) -> None:
    content = bytearray(saved_bytes)
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(content)
    try:
        model = HandModel.load(path)
    except HandModelError:
        return
    assert model.sha256 == small_hand("right").sha256  # a date inside the archive, say
