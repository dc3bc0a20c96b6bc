"""``paper-demo``: the authors' numbers, meshes and drawings from whole pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.__main__ import main
from inference.commands.paper_demo import named_pictures
from inference.contract import ErrorCode
from inference.crops import whole_picture
from inference.fit.placement import trans_between
from inference.hands.joints import SIDES
from inference.hands.rotations import quat_wxyz_to_matrix
from inference.hands.skinning import pose_hand
from inference.paper_demo import drawing, in_right_palms, obj_text
from tests.inference.engines.conftest import FIXTURES
from tests.inference.engines.made_network import CAMERA, HEIGHT, WIDTH, Pair
from tests.inference.fit.made_hands import models
from tests.inference.fit.made_predictions import interacting_pair
from tests.pictures import save

TOLERANCE_MM = 0.01
NAMES = ("image20817", "image21869", "image26408")


def demo(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[str], str]:
    code = main(["paper-demo", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def outputs_of(pair: Pair) -> dict[str, NDArray[Any]]:
    """What a faultless network gives for hands in a picture of 640 x 480, as raw outputs."""
    crop = whole_picture((WIDTH, HEIGHT))
    joints, vertices, xyc = [], [], []
    for side in SIDES:
        hand = pair[side]
        posed = pose_hand(models()[side], quat_wxyz_to_matrix(hand.quat_wxyz), hand.betas, np.zeros(3))
        joints.append(1000 * posed.points_m)
        vertices.append(1000 * posed.vertices_m)
        peaks = crop.to_crop(CAMERA.project(hand.points_m)) / 4
        xyc.append(np.column_stack([peaks, np.full(21, 200.0)]))
    return {
        "joints": np.concatenate(joints),
        "vertices": np.concatenate(vertices),
        "xyc": np.concatenate(xyc),
        "trans": trans_between(pair["right"].points_m, pair["left"].points_m),
        "hand_presence": np.ones(2),
    }


def read_obj(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    lines = [line.split() for line in path.read_text().splitlines()]
    vertices = np.array([[float(value) for value in words[1:]] for words in lines if words[0] == "v"])
    faces = np.array([[int(value) for value in words[1:]] for words in lines if words[0] == "f"])
    return vertices, faces, [words[1] for words in lines if words[0] == "o"]


def test_the_authors_numbers_come_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, paper_folder: Path, loaded_network: Any
) -> None:
    photos = FIXTURES / "photos"
    if not photos.is_dir():
        pytest.skip("the pictures are not beside this copy of the project")
    golden = np.load(FIXTURES / "network" / "golden.npz")
    out = tmp_path / "out"
    code, written, err = demo(capsys, tmp_path / "gone.png", photos, "--out", out, "--models", paper_folder)
    assert code == ErrorCode.INPUT_MISSING.exit_code
    assert "gone.png" in err
    assert "Traceback" not in err
    assert written == [str(out / f"interhand_{name}.npz") for name in NAMES]
    for name in NAMES:
        with np.load(out / f"interhand_{name}.npz", allow_pickle=False) as file:
            wanted = {key.split("/")[1]: golden[key] for key in golden.files if key.startswith(name)}
            assert set(file.files) == set(wanted)
            for key, expected in wanted.items():
                assert file[key].shape == expected.shape, key
                assert np.abs(file[key] - expected).max() < TOLERANCE_MM, key
            np.testing.assert_array_equal(file["xyc"][:, :2], wanted["xyc"][:, :2])
        drawn = cv2.imread(str(out / f"interhand_{name}_overlay.png"))
        assert drawn is not None
        both, faces, objects = read_obj(out / f"interhand_{name}_interacting.obj")
        right, _, _ = read_obj(out / f"interhand_{name}_right.obj")
        left, _, _ = read_obj(out / f"interhand_{name}_left.obj")
        np.testing.assert_array_equal(both, np.concatenate([right, left]))
        assert objects == ["right", "left"]
        assert faces.min() == 1
        assert faces.max() <= len(both)


def test_the_pair_stands_in_right_palms_where_the_transform_says() -> None:
    for seed in range(5):
        pair = interacting_pair(np.random.default_rng(seed))
        hands = in_right_palms(outputs_of(pair))
        right, left = pair["right"].points_m, pair["left"].points_m
        palm = np.linalg.norm(right[4] - right[0])
        np.testing.assert_allclose(hands["right"][1], (right - right[4]) / palm, atol=1e-6)
        np.testing.assert_allclose(hands["left"][1], (left - right[4]) / palm, atol=1e-6)


def test_the_drawing_covers_the_hands_and_leaves_the_rest() -> None:
    pair = interacting_pair(np.random.default_rng(3), np.array([-0.05, 0.03, 0.8]))
    crop = whole_picture((WIDTH, HEIGHT))
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    outputs = outputs_of(pair)
    drawn = drawing(picture, crop, outputs, models(), 64)
    covered = np.any(drawn != picture, axis=-1)
    for side in SIDES:
        at = np.rint(CAMERA.project(pair[side].points_m[:16])).astype(int)
        assert covered[at[:, 1], at[:, 0]].mean() > 0.8
    everything = CAMERA.project(np.concatenate([pair[side].points_m for side in SIDES]))
    rows, columns = np.nonzero(covered)
    assert columns.min() > everything[:, 0].min() - 40
    assert rows.max() < everything[:, 1].max() + 40
    alone = drawing(picture, crop, outputs | {"hand_presence": np.array([0.9, 0.1])}, models(), 64)
    assert np.any(alone != picture, axis=-1).sum() < 0.8 * covered.sum()
    nobody = drawing(picture, crop, outputs | {"hand_presence": np.zeros(2)}, models(), 64)
    np.testing.assert_array_equal(nobody, picture)
    unsure = outputs["xyc"] * [1, 1, 0]
    np.testing.assert_array_equal(drawing(picture, crop, outputs | {"xyc": unsure}, models(), 64), picture)


def test_small_pictures_are_drawn_larger() -> None:
    outputs = outputs_of(interacting_pair(np.random.default_rng(3)))
    drawn = drawing(np.zeros((60, 80, 3), np.uint8), whole_picture((80, 60)), outputs, models(), 64)
    assert drawn.shape == (420, 560, 3)


def test_an_obj_counts_its_corners_from_one() -> None:
    model = models()["left"]
    text = obj_text({"left": model.v_template}, models())
    assert text.count("\nv ") == len(model.v_template)
    assert text.count("\nf ") == len(model.triangles)
    assert text.splitlines()[1] == "o left"


def test_equal_names_get_files_of_their_own() -> None:
    paths = [Path("a/hand.png"), Path("b/hand.png"), Path("b/hand.jpg"), Path("c/hand.png"), Path("c/other.png")]
    assert list(named_pictures(paths)) == ["hand", "hand_png", "hand_jpg", "hand_2", "other"]
    assert list(named_pictures(paths).values()) == paths


def test_without_the_network_one_sentence_says_what_to_get(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = save(tmp_path / "hand.png")
    code, written, err = demo(capsys, picture, "--out", tmp_path / "out", "--models", tmp_path / "none")
    assert code == ErrorCode.MODEL_MISSING.exit_code
    assert "snapshot_99.pth.tar" in err
    assert written == []


def test_threads_are_a_number_above_zero(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = demo(capsys, tmp_path, "--out", tmp_path / "out", "--threads", "-3")
    assert code == ErrorCode.USAGE.exit_code
    assert "'-3' is not a whole number above 0" in err


def test_an_empty_folder_and_a_locked_place_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, loaded_network: Any
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    code, _, err = demo(capsys, empty, "--out", tmp_path / "out")
    assert code == ErrorCode.INPUT_EMPTY.exit_code
    assert "empty" in err
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    code, _, err = demo(capsys, save(tmp_path / "hand.png"), "--out", blocked / "out")
    assert code == ErrorCode.OUTPUT_NOT_WRITABLE.exit_code
    assert "Traceback" not in err
