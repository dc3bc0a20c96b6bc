"""Downloads become files of the model folder, or get a sentence of their own; nothing half-written remains."""

from __future__ import annotations

import os
import pickle
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.contract import ErrorCode, HandsError
from inference.hands.joints import SIDES
from inference.models import ModelFolder
from inference.models.importing import Acceptance, import_files, recognise_files
from inference.models.licences import INTERSHAPE, MANO
from inference.models.recognise import FileKind, recognise
from inference.models.tensor_file import open_tensor_file
from tests.inference.models.made_downloads import OFFICIAL_MEMBERS, PICKLES, bring, mano_zip, refusal, write
from tests.python2_pickle import official_mano_pickle, python2_dumps
from tests.stand_in_hand import SEEDS, mano_arrays


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "models ü")


# --- hand models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [SIDES, SIDES[::-1]])
@pytest.mark.parametrize("together", [True, False])
def test_the_pickles_come_in_any_order_under_any_name(
    tmp_path: Path, folder: ModelFolder, order: tuple[Any, ...], together: bool
) -> None:
    paths = [write(tmp_path / f"my hand {number} ü.bin", PICKLES[side]) for number, side in enumerate(order)]
    if together:
        assert set(bring(folder, *paths)) == {"mano_right", "mano_left"}
    else:
        assert [bring(folder, path) for path in paths] == [[f"mano_{side}"] for side in order]
    right, left = folder.hand_models()
    assert np.allclose(right.posedirs, mano_arrays(SEEDS["right"], "right")["posedirs"], rtol=0, atol=1e-9)
    assert left.side == "left"


def test_the_official_archive_gives_both_hands(tmp_path: Path, folder: ModelFolder) -> None:
    path = mano_zip(tmp_path / "mano_v1_2.zip", OFFICIAL_MEMBERS)
    assert bring(folder, path) == ["mano_right", "mano_left"]
    recorded = folder.entries()[0].metadata
    assert recorded["origin_member"] == "mano_v1_2/models/MANO_RIGHT.pkl"
    assert recorded["origin_sha256"] == sha256(path.read_bytes()).hexdigest()


def test_an_archive_with_other_names_gives_its_hands(tmp_path: Path, folder: ModelFolder) -> None:
    assert bring(folder, mano_zip(tmp_path / "a", {"rechts.pkl": PICKLES["right"]})) == ["mano_right"]


def test_where_it_comes_from_and_what_was_accepted_is_recorded(tmp_path: Path, folder: ModelFolder) -> None:
    path = write(tmp_path / "Rechte Hand ü.pkl", PICKLES["right"])
    bring(folder, path)
    (entry,) = folder.entries()
    recorded = dict(entry.metadata)
    assert recorded.pop("imported_at") > "2026"
    assert len(recorded.pop("data_sha256")) == 64
    assert recorded.pop("program").startswith("twohand ")
    assert recorded == {
        "name": "mano_right",
        "format_version": "1",
        "origin_name": path.name,
        "origin_sha256": sha256(PICKLES["right"]).hexdigest(),
        "origin_bytes": str(len(PICKLES["right"])),
        "licence": MANO.name,
        "licence_addresses": " ".join(MANO.addresses),
        "licence_accepted_at": "2026-01-02T03:04:05+00:00",
        "licence_accepted_how": "in a test",
    }


def test_a_licence_that_nobody_accepted_stops_everything(tmp_path: Path, folder: ModelFolder) -> None:
    files = recognise_files([write(tmp_path / "a", PICKLES["right"])])
    with pytest.raises(HandsError) as caught:
        import_files(files, folder, [Acceptance.now(INTERSHAPE, "another one")])
    assert caught.value.code is ErrorCode.USAGE
    assert MANO.addresses[0] in caught.value.hint
    assert not folder.path.exists()


def test_one_bad_file_among_good_ones_keeps_all_out(tmp_path: Path, folder: ModelFolder) -> None:
    good = write(tmp_path / "good", PICKLES["right"])
    bad = write(tmp_path / "bad", PICKLES["left"][:-100])
    with pytest.raises(HandsError, match="'bad' is cut off"):
        bring(folder, good, bad)
    assert not folder.path.exists()


# --- sentences ------------------------------------------------------------------------------------------------------


def tar_of(path: Path) -> bytes:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("snapshot_99.pth.tar"))
    return path.read_bytes()


WRONG_FILES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "empty": (lambda _: b"", "is empty: it has 0 bytes"),
    "page": (lambda _: b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>Please log in</body>", "is a web page"),
    "old page": (lambda _: b"<HTML><HEAD><title>Google Drive", "is a web page"),
    "xhtml": (lambda _: b'<?xml version="1.0"?>\n<!-- x --><html xmlns="x">', "is a web page"),
    "tar": (tar_of, "is a tar archive"),
    "gzip": (lambda _: b"\x1f\x8b\x08" + bytes(50), "is compressed with gzip"),
    "7z": (lambda _: b"7z\xbc\xaf\x27\x1c" + bytes(50), "is compressed with 7z"),
    "picture": (lambda _: b"\xff\xd8\xff\xe0" + bytes(500), "is none of the files that can be imported"),
    "text": (lambda _: b"caption\nof a picture\n", "is none of the files that can be imported"),
    "other zip": (lambda path: mano_zip(path, {"readme.txt": b"hello"}).read_bytes(), "without hand models in it"),
    "bodies": (lambda path: mano_zip(path, {"SMPLH_male.pkl": b"x"}).read_bytes(), "without hand models in it"),
    "other pickle": (lambda _: pickle.dumps({"poses": 1}), "no hand model of MANO: it is no MANO hand model: it lacks"),
    "list": (lambda _: pickle.dumps([1, 2]), "is no hand model: it does not hold a dictionary"),
    "evil": (
        lambda _: b"cos\nsystem\n(S'touch /tmp/ran'\ntR.",
        "refused, it tries to run code: it asks for 'os.system'",
    ),
    "evil in zip": (
        lambda path: mano_zip(path, {"MANO_LEFT.pkl": b"\x80\x02cposix\nsystem\nq\x00."}).read_bytes(),
        "refused, it tries to run code: it asks for 'posix.system'",
    ),
    "NaN": (
        lambda _: official_mano_pickle({**mano_arrays(11, "right"), "posedirs": np.full((778, 3, 135), np.nan)}),
        "posedirs holds values that are not finite",
    ),
    "cut pickle": (lambda _: PICKLES["left"][:2_000_000], "is cut off: it has 2,000,000 bytes of at least 2,"),
    "cut in zip": (
        lambda path: mano_zip(path, {"MANO_LEFT.pkl": PICKLES["left"][:2_000_000]}).read_bytes(),
        "holds a damaged hand model",
    ),
    "cut old checkpoint": (lambda _: b"\x80\x02\x8a\nl\xfc", "is cut off: it has 6 bytes"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_each_wrong_file_has_its_own_sentence(tmp_path: Path, folder: ModelFolder, case: str) -> None:
    make, sentence = WRONG_FILES[case]
    path = tmp_path / "snapshot ü.pth.tar"
    error = refusal(folder, write(path, make(tmp_path / "made")))
    assert error.code is (ErrorCode.INPUT_EMPTY if case == "empty" else ErrorCode.INPUT_UNREADABLE)
    assert error.message.startswith("'snapshot ü.pth.tar' ")
    assert sentence in error.message
    assert error.message.count(".") >= 1
    assert error.hint


def test_sentences_differ(tmp_path: Path, folder: ModelFolder) -> None:
    kinds = ("empty", "page", "tar", "picture", "other zip", "other pickle", "evil", "NaN", "cut pickle")
    path = tmp_path / "a"
    messages = {refusal(folder, write(path, WRONG_FILES[kind][0](tmp_path / "made"))).message for kind in kinds}
    assert len(messages) == len(kinds)


def test_what_is_no_file_is_told_so(tmp_path: Path) -> None:
    cases = {tmp_path / "none": ErrorCode.INPUT_MISSING, tmp_path: ErrorCode.INPUT_UNREADABLE}
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        cases[tmp_path / "pipe"] = ErrorCode.INPUT_UNREADABLE
    messages = set()
    for path, code in cases.items():
        with pytest.raises(HandsError) as caught:
            recognise(path)
        assert caught.value.code is code
        messages.add(caught.value.message.replace(str(path), "").replace(path.name, ""))
    assert len(messages) == len(cases)


def test_a_name_that_is_too_long_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(HandsError, match="cannot be read"):
        recognise(tmp_path / ("a" * 5000))


# --- archives that are cut off or damaged ---------------------------------------------------------------------------


# --- writing --------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a", PICKLES["right"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 1000}))
    error = refusal(folder, path)
    assert error.code is ErrorCode.DISK_FULL
    assert not folder.path.exists()


def test_a_folder_that_cannot_be_made_is_told_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a", PICKLES["right"])
    with pytest.raises(HandsError) as caught:
        bring(ModelFolder(path / "models"), path)
    assert caught.value.code is ErrorCode.OUTPUT_NOT_WRITABLE


@pytest.mark.parametrize("when", [0.0, 0.6], ids=["while reading", "while writing"])
def test_a_cancelled_import_leaves_what_was_there(tmp_path: Path, folder: ModelFolder, when: float) -> None:
    path = write(tmp_path / "a", PICKLES["right"])
    bring(folder, path)
    cancelled = threading.Event()

    def report(record: Mapping[str, Any]) -> None:
        assert record["record"] == "progress"
        if record["done"] >= when * len(PICKLES["right"]) / 1e6:
            cancelled.set()

    other = official_mano_pickle({**mano_arrays(99, "right")})
    # Two hands, so that something is still to be written when the first is done.
    both = mano_zip(tmp_path / "both", {"MANO_RIGHT.pkl": other, "MANO_LEFT.pkl": PICKLES["left"]})
    before = folder.entry_path("mano_right").read_bytes()
    with pytest.raises(HandsError) as caught:
        bring(folder, both, report=report, cancelled=cancelled)
    assert caught.value.code is ErrorCode.CANCELLED
    assert not list(folder.path.glob(".*"))
    assert not folder.entry_path("mano_left").exists()
    if when == 0:
        assert folder.entry_path("mano_right").read_bytes() == before


def test_progress_goes_up_to_its_end(tmp_path: Path, folder: ModelFolder) -> None:
    records: list[Mapping[str, Any]] = []
    bring(folder, write(tmp_path / "a", PICKLES["right"]), report=records.append)
    done = [record["done"] for record in records]
    assert done == sorted(done)
    assert all(record["stage"] == "import" and record["done"] <= record["total"] for record in records)


def test_pickles_of_other_protocols_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for protocol in range(6):
        write(path, pickle.dumps({"v_template": np.zeros(3)}, protocol))
        assert recognise(path) is FileKind.MANO_PICKLE
    for protocol in range(3):
        assert recognise(write(path, python2_dumps({"v_template": 1}, protocol))) is FileKind.MANO_PICKLE


# --- the paper's network --------------------------------------------------------------------------------------------


def torch_parts() -> Any:
    pytest.importorskip("torch", reason="the paper's network needs torch")
    from tests import stand_in_checkpoint

    return stand_in_checkpoint


def test_a_checkpoint_becomes_weights_and_both_hands(tmp_path: Path, folder: ModelFolder) -> None:
    made = torch_parts()
    import torch

    tensors = made.network_tensors()
    path = made.write_checkpoint(tmp_path / "downloaded ü", tensors, optimizer={"state": {0: torch.ones(3)}})
    assert bring(folder, path) == ["intershape"]
    file = open_tensor_file(folder.entry_path("intershape"))
    assert file.metadata["epoch"] == "99"
    assert file.metadata["licence"] == INTERSHAPE.name
    weights = folder.paper_weights()
    assert len(weights) == 568
    for name, weight in weights.items():
        assert weight.flatten()[-1] == tensors[name].flatten()[-1]
    from_checkpoint = folder.hand_models()
    bring(folder, *[write(tmp_path / side, PICKLES[side]) for side in SIDES])
    folder.remove("intershape")  # 569 MB
    assert [model.sha256 for model in folder.hand_models()] == [model.sha256 for model in from_checkpoint]


def test_each_wrong_checkpoint_has_its_own_sentence(tmp_path: Path, folder: ModelFolder) -> None:
    made = torch_parts()
    import torch

    tensors = made.network_tensors()
    path = tmp_path / "a.pth"
    weight = "mesh_reg.base_net.conv1.weight"
    torch.save({"encoder.weight": torch.zeros(3)}, path)
    assert "first release's model.pts" in refusal(folder, path).message
    made.write_checkpoint(path, {**tensors, weight: tensors[weight].double()})
    assert f"cannot be used: {weight} is of type torch.float64" in refusal(folder, path).message
    mano_zip(path, {"net/data.pkl": b"", "net/constants.pkl": b"", "net/code/__torch__.py": b"import os"})
    assert "is a program in TorchScript" in refusal(folder, path).message
    for zipped in (True, False):
        made.write_checkpoint(path, tensors, zipped=zipped, more=print)
        assert "is refused, it tries to run code: it asks for " in refusal(folder, path).message


def test_a_cut_checkpoint_says_how_many_bytes_of_how_many(tmp_path: Path, folder: ModelFolder) -> None:
    made = torch_parts()
    import torch

    path = tmp_path / "a.pth"
    large = {f"w{number}": torch.zeros(50_000) for number in range(10)}
    whole = made.write_checkpoint(path, large).read_bytes()
    message = refusal(folder, write(path, whole[:300_000])).message
    assert "it has 300,000 bytes of about 2,000,000" in message
    message = refusal(folder, write(path, whole[:500])).message
    assert "it has 500 bytes; a whole snapshot_99.pth.tar has some 569,000,000" in message
    message = refusal(folder, write(path, whole[:-30])).message
    assert f"it has {len(whole) - 30:,} bytes, and its table of contents" in message
    old = made.write_checkpoint(path, large, zipped=False).read_bytes()
    message = refusal(folder, write(path, old[:300_000])).message
    assert "is cut off: it has 300,000 bytes of at least" in message


def test_a_flipped_bit_in_a_checkpoint_is_noticed(tmp_path: Path, folder: ModelFolder) -> None:
    made = torch_parts()
    path = made.write_checkpoint(tmp_path / "a.pth")
    with zipfile.ZipFile(path) as archive:
        info = next(info for info in archive.infolist() if info.file_size > 100_000)
    content = bytearray(path.read_bytes())
    content[info.header_offset + info.file_size // 2] ^= 1
    message = refusal(folder, write(path, bytes(content))).message
    assert f"is damaged: the checksum of its part '{info.filename}' is wrong" in message
