"""The take file: comes back as it was, and any damage to it is told in a sentence."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import contract
from inference.contract import ErrorCode, HandsError, Take, read_take, write_take
from tests.stand_in_take import stand_in_take

ARRAYS = (
    "frames",
    "readable",
    "present",
    "confidence",
    "quat_wxyz",
    "translation_m",
    "betas",
    "joints_px",
    "joints_px_confidence",
    "joints_m",
)


def assert_same(first: Take, second: Take) -> None:
    for item in fields(Take):
        left, right = getattr(first, item.name), getattr(second, item.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, item.name
            np.testing.assert_array_equal(left, right, err_msg=item.name)
        else:
            assert left == right, item.name


def error_of(call: Callable[[], object]) -> HandsError:
    with pytest.raises(HandsError) as caught:
        call()
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value


def members_of(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def change_header(path: Path, **changes: Any) -> None:
    members = members_of(path)
    header = json.loads(str(members.pop("header"))) | changes
    kept = {key: value for key, value in header.items() if value is not None}
    np.savez(path.open("wb"), header=np.array(json.dumps(kept)), **members)


def change_members(path: Path, **changes: Any) -> None:
    members = members_of(path) | changes
    np.savez(path.open("wb"), **{name: value for name, value in members.items() if value is not None})


@pytest.fixture
def take_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.hands.npz"
    write_take(stand_in_take(), path)
    return path


# --- the take: there and back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.hands.npz", "two hands.hands.npz", "両手 руки é.hands.npz", "no suffix"])
def test_a_take_comes_back_equal(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "ein Ordner 手"
    folder.mkdir()
    take = stand_in_take()
    write_take(take, folder / name)
    back = read_take(folder / name)
    stored = {
        item: getattr(take, item).astype(np.float32).astype(np.float64)
        for item in ("confidence", "joints_px", "joints_px_confidence")
    }
    assert_same(replace(take, **stored), back)
    assert [item.name for item in folder.iterdir()] == [name]


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 30), text=st.text(max_size=40))
def test_any_take_comes_back_equal(tmp_path_factory: Any, seed: int, frames: int, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.hands.npz"
    take = replace(stand_in_take(frames, seed), source=text, engine_settings={"text": text})
    write_take(take, path)
    back = read_take(path)
    assert (back.source, back.engine_settings) == (text, {"text": text})
    for name in ("quat_wxyz", "translation_m", "betas", "joints_m", "frames", "present", "readable"):
        np.testing.assert_array_equal(getattr(back, name), getattr(take, name))


def test_a_take_holds_its_fields_and_nothing_else(take_path: Path) -> None:
    assert set(members_of(take_path)) == {"header", *ARRAYS}
    assert {item.name for item in fields(Take)} - set(ARRAYS) == set(
        json.loads(str(members_of(take_path)["header"]))
    ) - {"version"}


# --- the take: what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARRAYS)
def test_a_take_with_an_array_of_another_shape_is_refused(name: str, tmp_path: Path) -> None:
    take = stand_in_take()
    array = getattr(take, name)
    for wrong in (array[:-1], array[None], array.ravel()[0]):
        changes: Any = {name: np.asarray(wrong)}
        error = error_of(lambda changes=changes: write_take(replace(take, **changes), tmp_path / "a.hands.npz"))
        assert error.code is ErrorCode.TAKE_DAMAGED
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fps": float("nan")}, "not finite"),
        ({"fps": -1.0}, "frame rate is negative"),
        ({"focal_px": float("inf")}, "not finite"),
        ({"focal_px": 0.0}, "not positive"),
        ({"principal_px": (float("nan"), 0.0)}, "not finite"),
        ({"picture_size_px": (640, 0)}, "not positive"),
        ({"frames": np.array([1, 2, 2, 3, 4])}, "do not ascend"),
        ({"quat_wxyz": np.zeros((2, 5, 16, 4))}, "unit quaternions"),
        ({"betas": np.full((2, 10), np.nan)}, "betas holds values that are not finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_mean_nothing_are_refused(changes: dict[str, Any], sentence: str) -> None:
    error = error_of(replace(stand_in_take(), **changes).check)
    assert error.code is ErrorCode.TAKE_DAMAGED
    assert sentence in error.message


def test_a_take_without_frames_is_refused() -> None:
    take = stand_in_take()
    empty: Any = {
        name: getattr(take, name)[:, :0] if getattr(take, name).ndim > 1 else getattr(take, name)[:0]
        for name in ARRAYS
        if name != "betas"
    }
    assert error_of(replace(take, **empty).check).code is ErrorCode.TAKE_DAMAGED


def test_a_missing_take_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "gone.hands.npz", tmp_path, tmp_path / "file" / "below.hands.npz"):
        error = error_of(lambda path=path: read_take(path))
        assert error.code is ErrorCode.INPUT_MISSING
        assert str(path) in error.message


def test_a_take_that_may_not_be_read(take_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert error_of(lambda: read_take(take_path)).code is ErrorCode.INPUT_UNREADABLE


def test_a_take_of_a_newer_version_asks_for_an_update(take_path: Path) -> None:
    change_header(take_path, version=contract.TAKE_VERSION + 1, fps=None)
    change_members(take_path, quat_wxyz=None)  # whatever else the newer version changed
    error = error_of(lambda: read_take(take_path))
    assert error.code is ErrorCode.TAKE_NEWER
    assert "Update" in error.hint


def test_what_a_later_writer_adds_within_the_version_is_passed_over(take_path: Path) -> None:
    before = read_take(take_path)
    change_header(take_path, colour="blue")
    change_members(take_path, extra=np.zeros(3))
    assert_same(before, read_take(take_path))


HEADER_KEYS = [item.name for item in fields(Take) if item.name not in ARRAYS] + ["version"]


@pytest.mark.parametrize("key", HEADER_KEYS)
def test_a_header_without_one_of_its_keys_is_damage(take_path: Path, key: str) -> None:
    change_header(take_path, **{key: None})
    error = error_of(lambda: read_take(take_path))
    assert error.code is ErrorCode.TAKE_DAMAGED
    assert key in error.message
    assert take_path.name in error.message


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "one"},
        {"fps": "fast"},
        {"picture_size_px": [640]},
        {"picture_size_px": 640},
        {"principal_px": "centre"},
        {"model_sha256": ["one"]},
        {"engine_settings": 3},
        {"warnings": [1]},
    ],
    ids=str,
)
def test_a_header_with_a_wrong_kind_of_value_is_damage(take_path: Path, changes: dict[str, Any]) -> None:
    change_header(take_path, **changes)
    assert error_of(lambda: read_take(take_path)).code is ErrorCode.TAKE_DAMAGED


@pytest.mark.parametrize("name", [*ARRAYS, "header"])
def test_a_missing_or_foreign_array_is_damage(take_path: Path, name: str) -> None:
    whole = take_path.read_bytes()
    for value in (None, np.array(["text"]), np.array(3 + 4j)):
        take_path.write_bytes(whole)
        change_members(take_path, **{name: value})
        assert error_of(lambda: read_take(take_path)).code is ErrorCode.TAKE_DAMAGED


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", ["betas", "header"])
def test_a_pickle_inside_a_take_is_refused_and_never_run(take_path: Path, tmp_path: Path, name: str) -> None:
    marker = tmp_path / "ran"
    bomb = np.empty(1, dtype=object)
    bomb[0] = Bomb(marker)
    change_members(take_path, **{name: bomb})
    assert error_of(lambda: read_take(take_path)).code is ErrorCode.TAKE_DAMAGED
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip file", b"\x93NUMPY\x01\x00"], ids=repr)
def test_any_other_file_is_damage(take_path: Path, content: bytes) -> None:
    take_path.write_bytes(content)
    assert error_of(lambda: read_take(take_path)).code is ErrorCode.TAKE_DAMAGED


def test_a_bare_array_is_damage(take_path: Path) -> None:
    np.save(take_path.open("wb"), np.zeros(3))
    assert error_of(lambda: read_take(take_path)).code is ErrorCode.TAKE_DAMAGED


def test_an_encrypted_or_oddly_packed_member_is_damage(take_path: Path) -> None:
    whole = take_path.read_bytes()
    central = whole.rindex(b"PK\x01\x02")
    for offset, value in ((8, 1), (10, 99)):  # flag bits: encrypted; compression method: none that exists
        content = bytearray(whole)
        content[central + offset] = value
        take_path.write_bytes(content)
        assert error_of(lambda: read_take(take_path)).code is ErrorCode.TAKE_DAMAGED


@pytest.fixture(scope="module")
def whole_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("take") / "a.hands.npz"
    write_take(stand_in_take(), path)
    return path.read_bytes()


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_take_with_a_flipped_bit_is_damage_or_reads_as_before(
    whole_bytes: bytes, tmp_path_factory: Any, data: st.DataObject
) -> None:
    content = bytearray(whole_bytes)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "flipped.hands.npz"
    path.write_bytes(whole_bytes)
    before = read_take(path)
    path.write_bytes(content)
    try:
        after = read_take(path)
    except HandsError as error:
        assert error.code is ErrorCode.TAKE_DAMAGED
    else:
        assert_same(before, after)  # a date inside the archive, say


@settings(deadline=None)
@given(data=st.data())
def test_a_truncated_take_is_damage(whole_bytes: bytes, tmp_path_factory: Any, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "short.hands.npz"
    path.write_bytes(whole_bytes[: data.draw(st.integers(0, len(whole_bytes) - 1))])
    assert error_of(lambda: read_take(path)).code is ErrorCode.TAKE_DAMAGED


# --- what a take computes -------------------------------------------------------------------------------------------


def test_projection_and_its_error() -> None:
    take = stand_in_take()
    seen = take.project_px()
    x, y, z = take.joints_m[0, 2, 7]
    np.testing.assert_allclose(seen[0, 2, 7], [620.5 * x / z + 319.5, 620.5 * y / z + 239.5])
    np.testing.assert_array_equal(seen[1, 1], 0)
    exact = replace(take, joints_px=seen)
    np.testing.assert_allclose(exact.reprojection_px(), 0, atol=1e-9)
    shifted = seen + np.array([3.0, 4.0])
    shifted[0, 0, 3] += 1000
    confidence = take.joints_px_confidence.copy()
    confidence[0, 0, 3] = 0  # a joint nobody trusts does not count
    off = replace(take, joints_px=shifted, joints_px_confidence=confidence).reprojection_px()
    np.testing.assert_allclose(off, take.present * 5.0)


def test_the_box_side_is_the_longer_one_and_zero_where_no_hand_is() -> None:
    take = stand_in_take()
    points = take.joints_px[0, 0]
    assert take.box_side_px()[0, 0] == pytest.approx(max(np.ptp(points[:, 0]), np.ptp(points[:, 1])))
    assert take.box_side_px()[1, 1] == 0
