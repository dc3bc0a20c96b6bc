"""Every bad input through the whole command line: a typed error of one sentence, or the sensible result."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from inference import contract
from inference.__main__ import main
from inference.contract import ErrorCode, parse_record, read_take, write_take
from tests.pictures import quadrants, save, save_movie
from tests.stand_in_take import stand_in_take

HANDS = Path(__file__).parent / "detect" / "data" / "two_apart.jpg"
"""A rendered picture of both hands (tools/render_hand_pictures.py), 480 x 480."""
TRUTH = json.loads(HANDS.with_suffix(".json").read_text(encoding="utf-8"))


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and records of a command."""
    code = main([*map(str, arguments), "--records"])
    records = [record for line in capsys.readouterr().out.splitlines() if (record := parse_record(line))]
    assert records[0]["record"] == "hello"
    return code, records


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """The error record of a command that must fail: one sentence, a hint, the exit code of its kind."""
    code, records = run(capsys, *arguments)
    error = records[-1]
    assert error["record"] == "error"
    assert code == ErrorCode.from_label(error["code"]).exit_code
    assert error["message"].endswith(".")
    assert "\n" not in error["message"]
    assert error["hint"]
    assert error["code"] != "internal"
    return error


def hands_rgb() -> np.ndarray:
    return np.asarray(Image.open(HANDS).convert("RGB"))


def name_of(make: Callable[[Path], Path]) -> str:
    return getattr(make, "__name__", "")


# --- pictures that cannot be used -----------------------------------------------------------------------------------


def missing(folder: Path) -> Path:
    return folder / "nothing.png"


def empty(folder: Path) -> Path:
    (folder / "empty.png").touch()
    return folder / "empty.png"


def web_page(folder: Path) -> Path:
    (folder / "page.png").write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    return folder / "page.png"


def noise(folder: Path) -> Path:
    (folder / "noise.jpg").write_bytes(np.random.default_rng(0).bytes(5000))
    return folder / "noise.jpg"


def cut(folder: Path) -> Path:
    (folder / "cut.jpg").write_bytes(HANDS.read_bytes()[:4000])
    return folder / "cut.jpg"


def cut_png(folder: Path) -> Path:
    content = save(folder / "cut.png", hands_rgb()).read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    return folder / "cut.png"


def one_pixel(folder: Path) -> Path:
    return save(folder / "one.png", np.zeros((1, 1, 3), np.uint8))


def sliver(folder: Path) -> Path:
    return save(folder / "sliver.png", np.zeros((5, 4000, 3), np.uint8))


def beyond_the_limit(folder: Path) -> Path:
    Image.new("1", (20000, 20000)).save(folder / "huge.png")
    return folder / "huge.png"


def openexr(folder: Path) -> Path:
    (folder / "a.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(100))
    return folder / "a.exr"


def floating_point(folder: Path) -> Path:
    Image.fromarray(np.ones((64, 64), np.float32)).save(folder / "a.tif")
    return folder / "a.tif"


def heic(folder: Path) -> Path:
    (folder / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    return folder / "a.heic"


def empty_folder(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    return folder / "pictures"


def folder_without_pictures(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    (folder / "pictures" / "notes.txt").write_text("none")
    return folder / "pictures"


def movie_without_frames(folder: Path) -> Path:
    path = save_movie(folder / "a.mp4", 1)
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = bytes(end - start)
    path.write_bytes(content)
    return path


def movie_cut_before_its_index(folder: Path) -> Path:
    path = save_movie(folder / "a.mp4", 30)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def no_hands(folder: Path) -> Path:
    return save(folder / "wall.png", quadrants(480, 360))


BAD: dict[Callable[[Path], Path], str] = {
    missing: "input_missing",
    empty: "input_empty",
    web_page: "input_unreadable",
    noise: "input_unreadable",
    cut: "input_unreadable",
    cut_png: "input_unreadable",
    one_pixel: "input_too_small",
    sliver: "input_too_small",
    beyond_the_limit: "input_too_large",
    openexr: "input_unreadable",
    floating_point: "input_unreadable",
    heic: "input_unreadable",
    empty_folder: "input_empty",
    folder_without_pictures: "input_empty",
    movie_without_frames: "input_empty",
    movie_cut_before_its_index: "input_unreadable",
    no_hands: "no_hands",
}


@pytest.mark.parametrize("make", BAD, ids=name_of)
def test_a_typed_error(capsys: pytest.CaptureFixture[str], tmp_path: Path, make: Callable[[Path], Path]) -> None:
    source = make(tmp_path)
    error = error_of(capsys, "reconstruct", source, "--out", tmp_path / "a.hands.npz")
    assert error["code"] == BAD[make]
    assert source.name in error["message"]
    assert not list(tmp_path.glob("*.npz"))
    assert not list(tmp_path.glob(".hands-*"))


def test_a_file_that_may_not_be_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "secret.png")
    real = Path.open

    def refuse(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == "secret.png":
            raise PermissionError(errno.EACCES, "Permission denied")  # file rights do not bind the tests' superuser
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    error = error_of(capsys, "reconstruct", path)
    assert error["code"] == "input_unreadable"
    assert "Permission denied" in error["message"]


def test_a_folder_that_may_not_be_looked_into(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "locked" / "a.png", Path.stat

    def refuse(self: Path, **options: Any) -> Any:
        if "locked" in self.parts:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(self, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    assert error_of(capsys, "reconstruct", path)["code"] == "input_unreadable"
    assert error_of(capsys, "reconstruct", HANDS, "--out", path)["code"] == "output_not_writable"


def test_names_that_are_too_long(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300 + ".png")
    assert error_of(capsys, "reconstruct", long)["code"] == "input_unreadable"
    assert error_of(capsys, "reconstruct", HANDS, "--out", long)["code"] == "output_not_writable"


# --- odd pictures that can ------------------------------------------------------------------------------------------


def sixteen_bit(folder: Path) -> Path:
    assert cv2.imwrite(str(folder / "a.png"), hands_rgb()[..., ::-1].astype(np.uint16) * 257)
    return folder / "a.png"


def grey(folder: Path) -> Path:
    Image.open(HANDS).convert("L").save(folder / "a.png")
    return folder / "a.png"


def rgba(folder: Path) -> Path:
    Image.open(HANDS).convert("RGBA").save(folder / "a.png")
    return folder / "a.png"


def cmyk(folder: Path) -> Path:
    Image.open(HANDS).convert("CMYK").save(folder / "a.jpg")
    return folder / "a.jpg"


def exif_rotated(folder: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(HANDS).transpose(Image.Transpose.ROTATE_90).save(folder / "a.png", exif=exif.tobytes())
    return folder / "a.png"


def odd_path(folder: Path) -> Path:
    odd = folder / "мои руки 両手 & co"
    odd.mkdir()
    return save(odd / "zwei Hände (1) #%d.png", hands_rgb())


@pytest.mark.parametrize("make", [sixteen_bit, grey, rgba, cmyk, exif_rotated, odd_path], ids=name_of)
def test_the_hands_are_found_where_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    source = make(tmp_path)
    code, records = run(capsys, "reconstruct", source, "--focal-mm", "46.5")
    assert (code, records[-1]["record"]) == (0, "result")
    take_path = Path(records[-1]["take"])
    assert take_path.parent == source.parent
    take = read_take(take_path)
    assert take.picture_size_px == (480, 480)
    assert take.present.all()
    for index, side in enumerate(("right", "left")):
        truth = np.array(TRUTH[side])
        error = np.linalg.norm(take.joints_px[index, 0] - truth, axis=1).mean()
        assert error < 0.12 * np.ptp(truth, axis=0).max()
    code, records = run(capsys, "preview", take_path)
    assert code == 0
    assert Image.open(records[-1]["summary"]["preview"]).size == (480, 480)


def test_100_megapixels(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Image.open(HANDS).resize((10000, 10000), Image.Resampling.BILINEAR).save(tmp_path / "big.jpg", quality=80)
    code, records = run(capsys, "reconstruct", tmp_path / "big.jpg", "--fov", "42.3")
    assert code == 0
    take = read_take(Path(records[-1]["take"]))
    assert take.picture_size_px == (10000, 10000)
    scale = 10000 / 480
    for index, side in enumerate(("right", "left")):
        truth = (np.array(TRUTH[side]) + 0.5) * scale - 0.5
        error = np.linalg.norm(take.joints_px[index, 0] - truth, axis=1).mean()
        assert error < 0.12 * np.ptp(truth, axis=0).max()


def test_one_hand(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = HANDS.with_name("right_spread.jpg")
    code, records = run(capsys, "reconstruct", source, "--out", tmp_path / "a.hands.npz")
    assert code == 0
    take = read_take(tmp_path / "a.hands.npz")
    assert take.present.tolist() == [[True], [False]]
    assert records[-1]["summary"]["hands"]["left"] == {
        "frames": 0, "reprojection_px": None, "reprojection_share": None,
    }  # fmt: skip


def test_a_damaged_frame_inside_a_sequence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for number in (7, 8, 9, 11):
        save(tmp_path / f"shot.{number:04d}.png", hands_rgb())
    (tmp_path / "shot.0008.png").write_bytes(b"damaged")
    save(tmp_path / "shot.0009.png", quadrants(100, 100))
    code, records = run(capsys, "reconstruct", tmp_path / "shot.####.png", "--fps", "24")
    assert code == 0
    warnings = {record["code"]: record["frame"] for record in records if record["record"] == "warning"}
    assert warnings == {"frames_missing": 10, "focal_guessed": None, "frame_unreadable": 9}
    told = [record["frame"] for record in records if record.get("code") == "frame_unreadable"]
    assert told == [8, 9]
    take = read_take(tmp_path / "shot.hands.npz")
    assert take.frames.tolist() == [7, 8, 9, 10, 11]
    assert take.readable.tolist() == [True, False, False, False, True]
    assert take.present[:, [0, 4]].all()
    assert take.fps == 24.0


def test_a_cut_movie(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 24.0, (480, 480))
    for _ in range(8):
        writer.write(np.ascontiguousarray(hands_rgb()[..., ::-1]))
    writer.release()
    content = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "a.avi").write_bytes(content[: len(content) // 2])
    code, records = run(capsys, "reconstruct", tmp_path / "a.avi")
    assert code == 0
    assert 2 <= records[-1]["summary"]["frames"] <= 5
    assert records[-1]["summary"]["hands"]["right"]["frames"] >= 2


# --- output ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["nowhere/a.hands.npz", "file.txt/a.hands.npz"])
def test_a_folder_that_cannot_be_written_to(capsys: pytest.CaptureFixture[str], tmp_path: Path, out: str) -> None:
    (tmp_path / "file.txt").touch()
    error = error_of(capsys, "reconstruct", HANDS, "--out", tmp_path / out)
    assert error["code"] == "output_not_writable"


def test_an_output_folder_is_refused_before_the_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, records = run(capsys, "reconstruct", HANDS, "--out", tmp_path / "nowhere" / "a.hands.npz")
    assert not [record for record in records if record["record"] == "progress"]


def test_a_full_disk(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(contract.os, "fsync", full)
    error = error_of(capsys, "reconstruct", HANDS, "--out", tmp_path / "a.hands.npz")
    assert error["code"] == "disk_full"
    assert not list(tmp_path.iterdir())


# --- takes ----------------------------------------------------------------------------------------------------------


def test_a_damaged_take(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_take(stand_in_take(), tmp_path / "a.hands.npz")
    content = (tmp_path / "a.hands.npz").read_bytes()
    (tmp_path / "a.hands.npz").write_bytes(content[: len(content) // 2])
    assert error_of(capsys, "preview", tmp_path / "a.hands.npz")["code"] == "take_damaged"


def test_a_take_of_a_newer_version(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(contract, "TAKE_VERSION", contract.TAKE_VERSION + 1)
        write_take(stand_in_take(), tmp_path / "a.hands.npz")
    assert error_of(capsys, "preview", tmp_path / "a.hands.npz")["code"] == "take_newer"


def test_a_missing_take(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert error_of(capsys, "preview", tmp_path / "a.hands.npz")["code"] == "input_missing"


def test_a_take_of_another_hand_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_take(stand_in_take(), tmp_path / "a.hands.npz")
    assert error_of(capsys, "preview", tmp_path / "a.hands.npz")["code"] == "model_missing"
