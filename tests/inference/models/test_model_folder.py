"""The model folder: where it is, what it gives, and what it says about what is missing or damaged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.contract import ErrorCode, HandsError
from inference.hands.joints import SIDES, Side
from inference.hands.mano_file import read_mano_pickle
from inference.models import ModelFolder, default_models_dir
from inference.models.folder import FORMAT_VERSION, HAND_PREFIX, MANO_NAMES, PAPER_NAME
from inference.models.tensor_file import write_tensor_file
from tests.python2_pickle import official_mano_pickle
from tests.stand_in_hand import SEEDS, mano_arrays

RIGHT, LEFT = MANO_NAMES["right"], MANO_NAMES["left"]


def arrays_of(side: Side) -> dict[str, Any]:
    return read_mano_pickle(official_mano_pickle(mano_arrays(SEEDS[side], side)))[1]


def put(folder: ModelFolder, name: str, tensors: dict[str, Any], **metadata: str) -> None:
    write_tensor_file(folder.entry_path(name), tensors, {"name": name, "format_version": FORMAT_VERSION, **metadata})


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "models")


def failure(folder: ModelFolder) -> HandsError:
    with pytest.raises(HandsError) as caught:
        folder.hand_models()
    return caught.value


# --- where it is ----------------------------------------------------------------------------------------------------


def test_the_variable_goes_before_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOHAND_MODELS", "~/hands of mine")
    monkeypatch.setenv("HOME", "/home/ü")
    monkeypatch.setenv("USERPROFILE", "/home/ü")
    assert default_models_dir() == Path("/home/ü/hands of mine")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/home/me/.local/share/twohand/models"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/twohand/models"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "/home/me/.local/share/twohand/models"),
        ("darwin", {}, "/home/me/Library/Application Support/twohand/models"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/twohand/models"),
        ("win32", {}, "/home/me/AppData/Local/twohand/models"),
    ],
)
def test_each_platform_has_its_own_place(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
) -> None:
    for name in ("TWOHAND_MODELS", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", "USERPROFILE": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert default_models_dir() == Path(expected)


def test_a_user_without_a_home_is_told_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("TWOHAND_MODELS", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(HandsError, match="TWOHAND_MODELS") as caught:
        default_models_dir()
    assert caught.value.code is ErrorCode.MODEL_MISSING


# --- hand models ----------------------------------------------------------------------------------------------------


def test_the_hands_of_the_pickles(folder: ModelFolder) -> None:
    for side in SIDES:
        put(folder, MANO_NAMES[side], arrays_of(side))
    right, left = folder.hand_models()
    assert (right.side, left.side) == SIDES
    assert np.allclose(right.v_template, mano_arrays(SEEDS["right"], "right")["v_template"], rtol=0, atol=1e-8)
    assert np.allclose(left.shapedirs, mano_arrays(SEEDS["left"], "left")["shapedirs"], rtol=0, atol=1e-9)


def test_the_official_left_hand_is_corrected_when_both_are_there(folder: ModelFolder) -> None:
    wrong = arrays_of("left")
    wrong["shapedirs"][:, 0] = arrays_of("right")["shapedirs"][:, 0]
    put(folder, LEFT, wrong)  # alone: there is nothing yet to compare it with
    assert failure(folder).code is ErrorCode.MODEL_MISSING
    put(folder, RIGHT, arrays_of("right"))
    for _ in range(2):
        assert np.array_equal(folder.hand_models()[1].shapedirs[:, 0], -wrong["shapedirs"][:, 0].astype("f4"))
    right_already = {**wrong, "shapedirs": wrong["shapedirs"] * np.array([-1.0, 1, 1])[:, None]}
    put(folder, LEFT, right_already)
    assert np.array_equal(folder.hand_models()[1].shapedirs, right_already["shapedirs"].astype("f4"))


def test_the_checkpoint_s_hands_do_where_the_pickles_are_not_both_there(folder: ModelFolder) -> None:
    inside = {f"{HAND_PREFIX}{side}.{name}": array for side in SIDES for name, array in arrays_of(side).items()}
    put(folder, PAPER_NAME, {**inside, "mesh_reg.x": np.zeros(1)})
    other = arrays_of("right")
    other["mean_rotvec"] = other["mean_rotvec"] + 0.5
    put(folder, RIGHT, other)
    right, left = folder.hand_models()
    assert np.array_equal(right.pose_mean_rotvec.ravel(), arrays_of("right")["mean_rotvec"].astype("f4"))
    put(folder, LEFT, arrays_of("left"))
    assert np.array_equal(folder.hand_models()[0].pose_mean_rotvec.ravel(), other["mean_rotvec"].astype("f4"))
    assert np.array_equal(folder.hand_models()[1].v_template, left.v_template)


def test_what_is_missing_comes_with_the_command_to_import_it(folder: ModelFolder) -> None:
    error = failure(folder)
    assert error.code is ErrorCode.MODEL_MISSING
    assert "models import mano_v1_2.zip" in error.hint
    put(folder, RIGHT, arrays_of("right"))
    error = failure(folder)
    assert "The left hand of MANO is missing" in error.message
    assert "models import MANO_LEFT.pkl" in error.hint
    with pytest.raises(HandsError) as caught:
        folder.paper_weights()
    assert caught.value.code is ErrorCode.MODEL_MISSING
    assert "models import snapshot_99.pth.tar" in caught.value.hint


def test_damage_is_told_with_the_file_s_name(folder: ModelFolder) -> None:
    for side in SIDES:
        put(folder, MANO_NAMES[side], arrays_of(side))
    path = folder.entry_path(LEFT)
    whole = path.read_bytes()
    lacking = arrays_of("left")
    del lacking["faces"]
    for spoil in (
        lambda: path.write_bytes(whole[:-5]),
        lambda: path.write_bytes(b"<html>"),
        lambda: put(folder, LEFT, lacking),
        lambda: put(folder, LEFT, arrays_of("right")),
        lambda: put(folder, LEFT, arrays_of("left") | {"mean_rotvec": np.full(45, np.nan)}),
        lambda: put(folder, LEFT, arrays_of("left"), format_version="99"),
        lambda: path.write_bytes(folder.entry_path(RIGHT).read_bytes()),
    ):
        spoil()
        error = failure(folder)
        assert error.code is ErrorCode.MODEL_DAMAGED
        assert str(path) in error.message
        assert "models import" in error.hint
    assert folder.entries()[1].problem


def test_weights_of_another_network_are_damage(folder: ModelFolder) -> None:
    pytest.importorskip("torch", reason="the paper's network needs torch")
    put(folder, PAPER_NAME, {"mesh_reg.base_net.conv1.weight": np.zeros((64, 3, 7, 7), dtype=np.float32)})
    with pytest.raises(HandsError, match="567 of its tensors are missing") as caught:
        folder.paper_weights()
    assert caught.value.code is ErrorCode.MODEL_DAMAGED


# --- removing -------------------------------------------------------------------------------------------------------


def test_only_files_of_ours_are_removed(folder: ModelFolder) -> None:
    put(folder, RIGHT, arrays_of("right"))
    foreign = folder.path / "thesis.safetensors"
    foreign.write_bytes(b"mine")
    for name in ("thesis", "../models/mano_right", "mano_right.safetensors", ""):
        with pytest.raises(HandsError) as caught:
            folder.remove(name)
        assert caught.value.code is ErrorCode.USAGE
    assert folder.remove(RIGHT) == folder.entry_path(RIGHT)
    assert list(folder.path.iterdir()) == [foreign]
    with pytest.raises(HandsError) as caught:
        folder.remove(RIGHT)
    assert caught.value.code is ErrorCode.MODEL_MISSING
