"""Zip files that are cut, damaged, locked or made to fill the memory."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from inference.models import ModelFolder
from tests.inference.models.made_downloads import OFFICIAL_MEMBERS, PICKLES, mano_zip, refusal, write


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "models ü")


def test_a_cut_archive_says_what_is_there(tmp_path: Path, folder: ModelFolder) -> None:
    whole = mano_zip(tmp_path / "whole", OFFICIAL_MEMBERS).read_bytes()
    path = tmp_path / "mano_v1_2.zip"
    error = refusal(folder, write(path, whole[: len(whole) // 2]))
    assert "is cut off: it has" in error.message
    assert "inside 'mano_v1_2/models/MANO_" in error.message
    end_record = 22
    error = refusal(folder, write(path, whole[:-end_record]))
    assert f"it has {len(whole) - end_record:,} bytes, and its table of contents" in error.message
    for length in range(4, 400, 7):
        assert "is cut off" in refusal(folder, write(path, whole[:length])).message


def test_a_damaged_archive_is_not_called_cut_off(tmp_path: Path, folder: ModelFolder) -> None:
    content = bytearray(mano_zip(tmp_path / "whole", OFFICIAL_MEMBERS).read_bytes())
    content[len(content) // 2] ^= 0xFF
    error = refusal(folder, write(tmp_path / "a", bytes(content)))
    assert "is a damaged zip file" in error.message
    assert error.hint == "Download it again."


def test_an_archive_that_unpacks_to_far_too_much_is_left_packed(tmp_path: Path, folder: ModelFolder) -> None:
    path = mano_zip(tmp_path / "a", {"MANO_LEFT.pkl": bytes(80_000_000)})
    assert path.stat().st_size < 1_000_000
    assert "far larger than a hand model" in refusal(folder, path).message


def test_an_archive_that_unpacks_to_more_than_it_says_costs_no_memory(tmp_path: Path, folder: ModelFolder) -> None:
    content = bytearray(mano_zip(tmp_path / "a", {"MANO_LEFT.pkl": bytes(200_000_000)}).read_bytes())
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(magic) + offset
        content[at : at + 4] = (1000).to_bytes(4, "little")
    path = write(tmp_path / "a", bytes(content))
    tracemalloc.start()
    try:
        assert "is a damaged zip file" in refusal(folder, path).message
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_an_archive_that_can_only_be_unpacked_whole_is_refused(tmp_path: Path, folder: ModelFolder) -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "a", "w", method) as archive:
            archive.writestr("MANO_LEFT.pkl", PICKLES["left"])
        assert "'MANO_LEFT.pkl' is compressed in an unusual way" in refusal(folder, tmp_path / "a").message


def test_a_locked_archive_is_told_so(tmp_path: Path, folder: ModelFolder) -> None:
    content = bytearray(mano_zip(tmp_path / "a", {"MANO_LEFT.pkl": PICKLES["left"]}).read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + offset] |= 1
    assert "encrypted" in refusal(folder, write(tmp_path / "a", bytes(content))).message
