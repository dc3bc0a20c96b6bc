"""Files of tensors: what the safetensors package writes and reads, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.contract import ErrorCode, HandsError
from inference.models.tensor_file import DATA_SHA256, TensorFileError, open_tensor_file, write_tensor_file

ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "wide": np.random.default_rng(1).random((3, 4)),
    "turned": np.asfortranarray(np.arange(6.0, dtype=np.float32).reshape(2, 3)),
    "repeated": np.broadcast_to(np.float32(0.5), (4, 5)),
    "big_endian": np.arange(5, dtype=">i4"),
    "bytes": np.arange(3, dtype=np.uint8),
    "truth": np.array([True, False]),
    "number": np.array(7, dtype=np.int64),
    "none": np.zeros((0, 3)),
}


def test_what_is_written_comes_back_mapped(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "a ü.safetensors"
    write_tensor_file(path, ARRAYS, {"origin": "ü"})
    file = open_tensor_file(path)
    found = file.mapped()
    assert file.metadata["origin"] == "ü"
    assert file.metadata[DATA_SHA256] == file.data_sha256()
    for name, array in ARRAYS.items():
        assert np.array_equal(found[name], array)
        assert found[name].shape == array.shape
        assert found[name].flags.aligned
    found["wide"][0, 0] = 99.0  # a program's own copy: the file stays as it is
    assert open_tensor_file(path).data_sha256() == file.metadata[DATA_SHA256]


def test_the_safetensors_package_agrees(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors", reason="the reference for the format is not installed")
    from safetensors.numpy import save_file

    write_tensor_file(tmp_path / "ours", ARRAYS, {"a": "b"})
    with safetensors.safe_open(tmp_path / "ours", "np") as file:
        assert file.metadata()["a"] == "b"
        assert set(file.keys()) == set(ARRAYS)
        assert all(np.array_equal(file.get_tensor(name), array) for name, array in ARRAYS.items())
    native = {name: np.array(array, dtype=array.dtype.newbyteorder("="), order="C") for name, array in ARRAYS.items()}
    save_file(native, tmp_path / "theirs", metadata={"a": "b"})
    found = open_tensor_file(tmp_path / "theirs").mapped()
    assert all(np.array_equal(found[name], array) for name, array in ARRAYS.items())


def test_every_cut_and_every_surplus_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_tensor_file(path, ARRAYS, {})
    whole = path.read_bytes()
    for length in (0, 7, 8, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(TensorFileError):
            open_tensor_file(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(TensorFileError, match=f"it has {len(whole) - 1:,} bytes of {len(whole):,}"):
        open_tensor_file(path)
    path.write_bytes(whole + b"0")
    with pytest.raises(TensorFileError):
        open_tensor_file(path)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"a": 1},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}},
        {"a": {"dtype": "O", "shape": [1], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [1, 10**30], "data_offsets": [0, 8]}},
        {
            "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        },
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header: Any) -> None:
    text = json.dumps(header).encode()
    (tmp_path / "a").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(TensorFileError):
        open_tensor_file(tmp_path / "a")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 90))
def test_noise_is_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(length.to_bytes(8, "little") + content)
    with pytest.raises(TensorFileError):
        if open_tensor_file(path).places == {}:
            raise TensorFileError("an empty file is harmless")


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, ErrorCode.DISK_FULL), (errno.EACCES, ErrorCode.OUTPUT_NOT_WRITABLE)]
)
def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: ErrorCode
) -> None:
    path = tmp_path / "a"
    write_tensor_file(path, {"x": np.zeros(3)}, {})
    before = path.read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(HandsError) as caught:
        write_tensor_file(path, {"x": np.ones(3)}, {})
    assert caught.value.code is code
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_bytes: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tensor_file(tmp_path / "a", {"x": np.zeros(3)}, {}, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_program_left_is_removed_a_day_later(tmp_path: Path) -> None:
    old, recent, foreign = tmp_path / ".twohand-1.tmp", tmp_path / ".twohand-2.tmp", tmp_path / "notes.tmp"
    for path in (old, recent, foreign):
        path.write_bytes(b"half")
        written_s = time.time() - (100 if path == recent else 100_000)
        os.utime(path, (written_s, written_s))
    write_tensor_file(tmp_path / "a", {"x": np.zeros(3)}, {})
    assert {path.name for path in tmp_path.iterdir()} == {"a", recent.name, foreign.name}
