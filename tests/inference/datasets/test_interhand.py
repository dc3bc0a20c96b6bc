"""InterHand2.6M's layout: what is indexed, when it is indexed again, and what samples say."""

from __future__ import annotations

import json
import os
import pickle
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.contract import ErrorCode, HandsError
from inference.crops import dataset_crop
from inference.datasets import INTERACTING, InterHandDataset, PictureReader, SampleFilter, open_interhand
from inference.datasets import interhand_index as index_module
from inference.datasets.interhand import INTERHAND_TO_MANO
from inference.datasets.interhand_layout import Split, cache_folder, find_split
from inference.hands.joints import MANO_TO_INTERHAND, SIDES
from inference.hands.rotations import rotvec_to_matrix
from inference.hands.skinning import pose_hand, shaped_rest
from tests.made_interhand import CAMERAS, MODELS, write_interhand

MINI = Path(__file__).resolve().parents[4] / "shared" / "fixtures" / "interhand_mini"
DATA_FILE = "annotations/test/InterHand2.6M_test_data.json"


def silent(record: Mapping[str, Any]) -> None:
    pass


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_interhand(tmp_path_factory.mktemp("interhand"))


def opened(root: Path, base: Path, wanted: SampleFilter | None = None, report: Any = silent) -> InterHandDataset:
    return open_interhand(root, "test", MODELS, wanted=wanted or SampleFilter(), report=report, index_base=base)


def edit(root: Path, part: str, change: Any) -> None:
    path = root / f"annotations/test/InterHand2.6M_test_{part}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


# --- samples --------------------------------------------------------------------------------------------------------


def test_samples_are_those_whose_frames_have_fits(root: Path, tmp_path: Path) -> None:
    dataset = opened(root, tmp_path)
    expected = [f"{capture}/{camera}/{frame}" for capture in (0, 1) for frame in (100, 103, 106) for camera in CAMERAS]
    samples = np.arange(len(dataset))
    assert dataset.ids(samples) == expected
    assert np.array_equal(dataset.find(list(reversed(expected))), samples[::-1])
    assert dataset.find(["0/400262/109", "0/999/100", "nonsense", "0/400262/x", "7/400262/100"]).tolist() == [-1] * 5
    # Also numbers that, cut to 32 or 64 bits, would be another's.
    for number in (2**32 + 100, 2**64 + 100, "9" * 5000, "\u00b2", "-1", ""):
        assert dataset.find([f"0/400262/{number}", "0/400262/0100"]).tolist() == [-1, 0]
    assert dataset.sequence_name(int(dataset.sequences[0])) == "Capture0/0390_made/cam400262"
    assert dataset.frames[:4].tolist() == [100, 100, 103, 103]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (SampleFilter(), 12),
        (SampleFilter(hands="interacting"), 8),
        (SampleFilter(hands="single"), 4),
        (SampleFilter(subjects=frozenset({1})), 6),
    ],
)
def test_filters(root: Path, tmp_path: Path, wanted: SampleFilter, count: int) -> None:
    dataset = opened(root, tmp_path, wanted)
    assert len(dataset) == count
    if wanted.hands != "both":
        assert np.all((dataset.kinds == INTERACTING) == (wanted.hands == "interacting"))


def test_filters_that_leave_nothing_are_an_error(root: Path, tmp_path: Path) -> None:
    with pytest.raises(HandsError) as caught:
        opened(root, tmp_path, SampleFilter(subjects=frozenset({9})))
    assert caught.value.code is ErrorCode.INPUT_EMPTY


def test_points_are_the_posed_fits_in_camera_axes(root: Path, tmp_path: Path) -> None:
    dataset = opened(root, tmp_path)
    fits = json.loads((root / "annotations/test/InterHand2.6M_test_MANO_NeuralAnnot.json").read_text())
    cameras = json.loads((root / "annotations/test/InterHand2.6M_test_camera.json").read_text())
    truth = dataset.truth(np.arange(len(dataset)))
    for sample, name in enumerate(dataset.ids(np.arange(len(dataset)))):
        capture, camera, frame = name.split("/")
        rotation = np.array(cameras[capture]["camrot"][camera])
        position = np.array(cameras[capture]["campos"][camera])
        for hand, side in enumerate(SIDES):
            fit = fits[capture][frame][side]
            if fit is None:
                assert not truth.fit_valid[sample, hand]
                continue
            rotvec = np.array(fit["pose"]).reshape(16, 3)
            rotvec[1:] += MODELS[side].pose_mean_rotvec
            wrist = shaped_rest(MODELS[side], fit["shape"])[1][0] + fit["trans"]
            posed = pose_hand(MODELS[side], rotvec_to_matrix(rotvec), fit["shape"], wrist)
            for given, expected in (
                (truth.points_mm[sample, hand], posed.points_m),
                (truth.vertices_mm[hand][sample], posed.vertices_m),
            ):
                assert np.allclose(given, (1000 * expected - position) @ rotation.T, atol=1e-3)


def test_parameters_pose_the_hand_as_the_camera_sees_it(root: Path, tmp_path: Path) -> None:
    dataset = opened(root, tmp_path, SampleFilter(hands="interacting"))
    samples = np.arange(len(dataset))
    truth, parameters = dataset.truth(samples), dataset.parameters(samples)
    for hand, side in enumerate(SIDES):
        rotvec = parameters.pose_rotvec[:, hand].reshape(-1, 16, 3).copy()
        rotvec[:, 1:] += MODELS[side].pose_mean_rotvec
        posed = pose_hand(MODELS[side], rotvec_to_matrix(rotvec), parameters.betas[:, hand], np.zeros(3))
        valid = parameters.fit_valid[:, hand]
        given = truth.points_mm[valid, hand] - truth.points_mm[valid, hand, :1]
        assert np.allclose(given, 1000 * posed.points_m[valid], atol=1e-3)
    assert not np.any(parameters.pose_rotvec[~parameters.fit_valid])


def test_only_the_annotated_hand_of_a_single_one_counts(root: Path, tmp_path: Path) -> None:
    dataset = opened(root, tmp_path, SampleFilter(hands="single"))
    truth = dataset.truth(np.arange(len(dataset)))
    assert truth.fit_valid.tolist() == [[True, False]] * 2 + [[False, True]] * 2


def test_joint_flags_are_mapped_to_the_order_of_the_points(root: Path, tmp_path: Path) -> None:
    flags = [[int(joint % 3 == 0)] for joint in range(42)]
    copy = write_interhand(tmp_path / "copy", pictures=False)
    edit(copy, "data", lambda content: content["annotations"][0].update(joint_valid=flags))
    valid = opened(copy, tmp_path).truth(np.array([0])).points_valid[0]
    for hand in range(2):
        stored = np.array(flags)[21 * hand : 21 * hand + 21, 0].astype(bool)
        # InterHand2.6M's entry i is point MANO_TO_INTERHAND[i].
        assert np.array_equal(valid[hand][MANO_TO_INTERHAND], stored)
        assert np.array_equal(valid[hand], stored[INTERHAND_TO_MANO])


@pytest.mark.skipif(not MINI.is_dir(), reason="the fixtures are not beside this copy of the project")
def test_the_first_sample_is_the_one_that_the_authors_loader_gives(tmp_path: Path) -> None:
    folder = MINI / "some_invalid"
    dataset = opened(folder / "dataset", tmp_path, SampleFilter(hands="interacting"))
    with np.load(folder / "first_sample.npz") as golden:
        samples = np.arange(len(dataset))
        truth = dataset.truth(samples)
        assert dataset.ids(samples) == golden["ids"].tolist()
        assert np.allclose(truth.points_mm.reshape(-1, 42, 3), golden["cam_coord"], atol=1e-3)
        crop = dataset_crop(dataset.box_px(0))
        assert np.allclose((*crop.corner_px, crop.side_px, crop.side_px), golden["bbox"][0], atol=1e-3)
        picture = crop.cut(dataset.picture(0), smooth=False).transpose(2, 0, 1) / 255.0
        assert np.abs(picture - golden["crop"]).max() < 0.004  # within one grey level


# --- pictures -------------------------------------------------------------------------------------------------------


def test_pictures_and_cameras(root: Path, tmp_path: Path) -> None:
    dataset = opened(root, tmp_path)
    assert dataset.picture(3).shape == (128, 96, 3)
    assert dataset.picture_path(3) == root / "images/test/Capture0/0390_made/cam400263/image103.jpg"
    assert dataset.box_px(0) == (10.5, 20.25, 60.0, 80.0)
    camera = dataset.intrinsics(0)
    points = dataset.truth(np.array([0])).points_mm[0]
    assert camera.focal_px[0] != camera.focal_px[1]
    x_px = camera.focal_px[0] * points[0, 0, 0] / points[0, 0, 2] + camera.principal_px[0]
    assert camera.project(points)[0, 0, 0] == pytest.approx(x_px)


def test_pictures_are_not_turned(tmp_path: Path) -> None:
    """Boxes and joints are annotated in the pixels as stored, whatever a tool wrote into the file beside them."""
    dataset = opened(write_interhand(tmp_path / "set"), tmp_path)
    as_stored = dataset.picture(0)
    path, exif = dataset.picture_path(0), Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    content, segment = path.read_bytes(), exif.tobytes()
    length = (len(segment) + 2).to_bytes(2, "big")
    path.write_bytes(content[:2] + b"\xff\xe1" + length + segment + content[2:])
    assert np.array_equal(dataset.picture(0), as_stored)


def test_broken_pictures_are_named_counted_and_skipped_or_fatal(tmp_path: Path) -> None:
    dataset = opened(write_interhand(tmp_path / "set"), tmp_path)
    dataset.picture_path(1).unlink()
    whole = dataset.picture_path(2).read_bytes()
    dataset.picture_path(2).write_bytes(whole[: len(whole) // 2])
    dataset.picture_path(3).write_bytes(b"")
    dataset.picture_path(4).write_bytes(b"no picture at all")
    huge = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = (huge, b"IDAT", b"IEND")
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    dataset.picture_path(5).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))

    reader = PictureReader(dataset, "skip")
    assert [reader(sample) is None for sample in range(7)] == [False, True, True, True, True, True, False]
    assert (reader.read, reader.skipped) == (2, 5)
    for sample, word in ((1, "missing"), (2, "cut short"), (3, "empty"), (4, "decoded"), (5, "PIXELS")):
        assert word in reader.problems[sample - 1]
        assert dataset.picture_path(sample).name in reader.problems[sample - 1]
    assert reader.summary().startswith("5 of 7 pictures were skipped")
    fatal = PictureReader(dataset)
    for sample, code in ((1, ErrorCode.INPUT_MISSING), (2, ErrorCode.INPUT_UNREADABLE)):
        with pytest.raises(HandsError) as caught:
            fatal(sample)
        assert caught.value.code is code


# --- the index ------------------------------------------------------------------------------------------------------


def test_the_second_time_nothing_is_read_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[Mapping[str, Any]] = []
    first = opened(root, tmp_path, report=records.append)
    assert records[-1]["stage"] == "index"
    assert records[-1]["done"] <= records[-1]["total"]

    def never(*_: object) -> None:
        raise AssertionError("the annotation was read again")

    monkeypatch.setattr(index_module, "_read_annotation", never)
    second = opened(root, tmp_path, report=never)
    samples = np.arange(len(first))
    assert np.array_equal(first.truth(samples).points_mm, second.truth(samples).points_mm)
    assert not list(root.rglob("*.npy")), "the data set's own folder stays as it is"


def test_a_changed_source_is_indexed_again_and_the_old_index_goes(tmp_path: Path) -> None:
    copy = write_interhand(tmp_path / "set", pictures=False)
    base = tmp_path / "base"
    assert len(opened(copy, base)) == 12
    before = list(base.glob("*/*"))
    edit(copy, "data", lambda content: content["annotations"].pop(0))
    assert len(opened(copy, base)) == 11
    after = list(base.glob("*/*"))
    assert len(before) == len(after) == 1
    assert before != after
    # The same size at another time is another file, too.
    os.utime(copy / DATA_FILE, ns=(1, 1))
    opened(copy, base)
    assert list(base.glob("*/*")) != after


def shorten(name: str) -> Callable[[Path], None]:
    """Cuts the last byte of a file of the index off."""
    return lambda index: os.truncate(index / name, (index / name).stat().st_size - 1)


def replace_column(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    return lambda index: np.save(index / f"{name}.npy", change(np.load(index / f"{name}.npy")))


@pytest.mark.parametrize(
    "damage",
    [
        shorten("fit_pose.npy"),
        shorten("names.json"),
        lambda index: (index / "box_px.npy").write_bytes(b""),
        lambda index: (index / "box_px.npy").write_bytes(b"\x93NUMPY\x01\x00\x09\x00" + b"(" * 9),
        lambda index: (index / "camera.npy").unlink(),
        lambda index: (index / "names.json").unlink(),
        lambda index: (index / "names.json").write_text('{"cameras": [3], "sequences": [], "folders": []}'),
        lambda index: (index / "names.json").write_text('{"cameras": [], "sequences": [], "folders": []}'),
        replace_column("kind", lambda column: column[:-1]),
        replace_column("fit_shape", lambda column: column[:, :, :9]),
        replace_column("subject", lambda column: column.astype(np.float32)),
        replace_column("camera", lambda column: column + 1),
        replace_column("fit", lambda column: column - 2),
    ],
)
def test_a_damaged_index_is_made_anew(root: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    whole = opened(root, tmp_path)
    samples = np.arange(len(whole))
    points_mm = whole.truth(samples).points_mm
    (index,) = tmp_path.glob("*/*")
    damage(index)
    records: list[Mapping[str, Any]] = []
    again = opened(root, tmp_path, report=records.append)
    assert np.array_equal(again.truth(samples).points_mm, points_mm)
    assert records[0]["code"] == "index_damaged"
    assert str(index) in records[0]["message"]
    assert records[0]["message"].endswith("It is made anew.")
    assert list(tmp_path.glob("*/*")) == [index]
    opened(root, tmp_path, report=lambda record: pytest.fail(str(record)))


def test_a_process_that_was_faster_is_left_its_index(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_annotation = index_module._read_annotation

    def read_slowly(*arguments: Any) -> Any:
        monkeypatch.setattr(index_module, "_read_annotation", read_annotation)
        opened(root, tmp_path)
        others.extend((path, path.stat().st_ino) for path in tmp_path.glob("*/*"))
        return read_annotation(*arguments)

    others: list[tuple[Path, int]] = []
    monkeypatch.setattr(index_module, "_read_annotation", read_slowly)
    assert len(opened(root, tmp_path)) == 12
    assert [(path, path.stat().st_ino) for path in tmp_path.glob("*/*")] == others


def test_another_process_maps_the_same_files(tmp_path: Path) -> None:
    """Where processes are not forked they get the data set pickled: it must not bring the annotation with it."""
    sizes: list[int] = []
    for frames in (4, 40):
        root = write_interhand(tmp_path / f"set{frames}", frames=frames, pictures=False)
        dataset = opened(root, tmp_path)
        content = pickle.dumps(dataset)
        sizes.append(len(content))
        other: InterHandDataset = pickle.loads(content)  # noqa: S301 - made the line before
        samples = np.arange(len(dataset))
        assert other.ids(samples) == dataset.ids(samples)
        assert np.array_equal(other.truth(samples).points_mm, dataset.truth(samples).points_mm)
    assert abs(sizes[1] - sizes[0]) < 100
    assert sizes[1] - len(pickle.dumps(MODELS)) < 2000


def test_without_any_fit_there_is_no_sample(tmp_path: Path) -> None:
    copy = write_interhand(tmp_path / "set", pictures=False)
    edit(copy, "MANO_NeuralAnnot", lambda content: content.clear())
    with pytest.raises(HandsError) as caught:
        opened(copy, tmp_path)
    assert caught.value.code is ErrorCode.INPUT_EMPTY


def test_cancelling_leaves_nothing(root: Path, tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(HandsError) as caught:
        open_interhand(
            root, "test", MODELS, wanted=SampleFilter(), report=silent, index_base=tmp_path, cancelled=cancelled
        )
    assert caught.value.code is ErrorCode.CANCELLED
    assert not list(tmp_path.rglob("*.npy"))


def test_a_failed_write_leaves_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_module.np, "save", full)
    with pytest.raises(HandsError) as caught:
        opened(root, tmp_path)
    assert caught.value.code is ErrorCode.DISK_FULL
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize(
    ("part", "change", "word"),
    [
        ("data", lambda content: content["annotations"][3].pop("bbox"), "bbox"),
        ("data", lambda content: content["annotations"][3].update(hand_type="foot"), "foot"),
        ("data", lambda content: content["annotations"][3].update(image_id=5), "image 5"),
        ("data", lambda content: content["annotations"][3].update(joint_valid=[1, 0]), "joint_valid"),
        ("data", lambda content: content.update(annotations=[]), "no annotated"),
        ("MANO_NeuralAnnot", lambda content: content["0"]["100"]["right"]["pose"].pop(), "pose has 47"),
        ("camera", lambda content: content.pop("1"), "KeyError '1'"),
    ],
)
def test_annotation_that_is_not_as_expected_is_named(tmp_path: Path, part: str, change: Any, word: str) -> None:
    copy = write_interhand(tmp_path / "set", pictures=False)
    edit(copy, part, change)
    with pytest.raises(HandsError) as caught:
        opened(copy, tmp_path)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE
    assert f"test_{part}.json" in caught.value.message
    assert word in caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        "../x.jpg",
        "a/../../x.jpg",
        "/etc/x.jpg",
        "a\\..\\..\\x.jpg",
        "C:/x.jpg",
        "C:x.jpg",
        "//host/x.jpg",
        "a/",
        "\0",
        "..",
    ],
)
def test_pictures_outside_of_the_data_set_are_refused(tmp_path: Path, name: str) -> None:
    copy = write_interhand(tmp_path / "set", pictures=False)
    edit(copy, "data", lambda content: content["images"][3].update(file_name=name))
    with pytest.raises(HandsError) as caught:
        opened(copy, tmp_path)
    assert caught.value.code is ErrorCode.INPUT_UNREADABLE
    assert "test_data.json" in caught.value.message
    assert "inside" in caught.value.message


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    copy = write_interhand(tmp_path / "set", pictures=False)
    text = (copy / DATA_FILE).read_text()
    (copy / DATA_FILE).write_text(text[: len(text) // 2])
    with pytest.raises(HandsError, match=r"test_data\.json.*ends too early"):
        opened(copy, tmp_path)


# --- where things lie -----------------------------------------------------------------------------------------------


def test_the_downloads_folders_are_told_apart_by_their_rate(tmp_path: Path) -> None:
    for name in ("InterHand2.6M_5fps_batch1", "InterHand2.6M_30fps_batch1"):
        write_interhand(tmp_path / name, pictures=False)
    assert "30fps" in str(find_split(tmp_path, "test", 30).data)
    assert "_5fps" in str(find_split(tmp_path, "test", 5).data)
    assert "_5fps" in str(find_split(tmp_path / "InterHand2.6M_5fps_batch1", "test").data)
    for fps, code in ((None, ErrorCode.USAGE), (60, ErrorCode.INPUT_MISSING)):
        with pytest.raises(HandsError) as caught:
            find_split(tmp_path, "test", fps)
        assert caught.value.code is code


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    write_interhand(tmp_path / "set", pictures=False)
    cases: tuple[tuple[Path, Split, str], ...] = (
        (tmp_path / "nowhere", "test", "nowhere"),
        (tmp_path / "set" / "annotations" / "test", "test", "annotations"),
        (tmp_path / "set", "train", "train_data.json"),
    )
    for path, split, word in cases:
        with pytest.raises(HandsError) as caught:
            find_split(path, split)
        assert caught.value.code is ErrorCode.INPUT_MISSING
        assert word in caught.value.message


def test_indexes_are_kept_in_the_user_s_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "twohand" / "index"
