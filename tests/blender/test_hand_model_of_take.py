# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# conftest.py makes the package `twohand_extension`; bpy.ops.twohand exists while it is registered
"""Takes made with the user's own hand model: built with it where it is there, a sentence where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from addon_session import registered
from take_factory import make_take, open_models
from twohand_extension.inference.contract import Take, write_take
from twohand_extension.inference.hands.joints import SIDES, Side
from twohand_extension.inference.models.hand_files import FORMAT_VERSION, MANO_NAMES, HandModelFolder
from twohand_extension.inference.models.tensor_file import write_tensor_file

VERTICES, FACES = 778, 1538


@pytest.fixture(autouse=True)
def addon(empty_file: None) -> Iterator[None]:
    with registered():
        yield


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my models"
    monkeypatch.setenv("TWOHAND_MODELS", str(path))
    return path


def write_stand_in(folder: Path, side: Side) -> None:
    """A hand with MANO's layout, made of some of the open hand's vertices."""
    rng = np.random.default_rng(1)
    hand = open_models()[side]
    chosen = np.linspace(0, len(hand.v_template) - 1, VERTICES).astype(int)
    vertices = hand.v_template[chosen]
    # The smallest weights that give the joints from these vertices, their sums being one.
    known = np.column_stack([vertices, np.ones(VERTICES)])
    wanted = np.column_stack([hand.joint_template, np.ones(16)])
    arrays = {
        "v_template": vertices,
        "shapedirs": hand.shapedirs[chosen],
        "posedirs": hand.posedirs[chosen],
        "joint_regressor": (np.linalg.pinv(known.T) @ wanted.T).T,
        "lbs_weights": hand.lbs_weights[chosen],
        "parents": np.array([-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14]),
        "faces": np.array([rng.permutation(VERTICES)[:3] for _ in range(FACES)]),
        "mean_rotvec": np.zeros(45),
    }
    metadata = {"name": MANO_NAMES[side], "format_version": FORMAT_VERSION}
    write_tensor_file(folder / f"{MANO_NAMES[side]}.safetensors", arrays, metadata)


def mano_take(folder: Path) -> Take:
    models = HandModelFolder(folder).hand_models()
    return replace(
        make_take(4),
        engine="intershape",
        model_name=models[0].name,
        model_licence=models[0].licence,
        model_sha256=(models[0].sha256, models[1].sha256),
    )


def test_the_user_s_hand_model_is_built(tmp_path: Path, models_dir: Path) -> None:
    for side in SIDES:
        write_stand_in(models_dir, side)
    path = tmp_path / "clip.hands.npz"
    write_take(mano_take(models_dir), path)
    assert bpy.ops.twohand.import_take(filepath=str(path)) == {"FINISHED"}
    meshes = [item.data for item in bpy.data.objects if isinstance(item.data, bpy.types.Mesh)]
    assert [len(mesh.vertices) for mesh in meshes] == [VERTICES] * 2


def test_a_missing_hand_model_is_one_sentence(tmp_path: Path, models_dir: Path) -> None:
    path = tmp_path / "clip.hands.npz"
    write_take(replace(make_take(4), engine="intershape", model_name="mano"), path)
    with pytest.raises(RuntimeError, match=r"made with the hand model MANO\. .* is missing from .*my models") as caught:
        bpy.ops.twohand.import_take(filepath=str(path))
    assert "mano_v1_2.zip" in str(caught.value)
    assert not [item for item in bpy.data.objects if item.type == "MESH"]
