"""Files in the safetensors format: eight bytes of header length, a JSON header, raw numbers. Nothing in one can run.

Written a tensor at a time straight to disk (the safetensors package first makes a second copy of everything in memory)
and mapped when read; numpy alone, so that hand models can be had without torch.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import replacing

DATA_SHA256: Final = "data_sha256"
"""Metadata key of the hash over the numbers, filled in when a file is written."""
CHUNK_BYTES: Final = 1 << 24
_LARGEST_HEADER_BYTES: Final = 1 << 24
_DTYPES: Final = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_DTYPE_NAMES: Final = {np.dtype(code): name for name, code in _DTYPES.items()}
_TEMPORARY: Final = (".twohand-", ".tmp")
_LEFTOVER_AGE_S: Final = 24 * 3600.0


class TensorFileError(ValueError):
    """The file is no whole safetensors file; the message says what is wrong with it, without its name."""


@dataclass(frozen=True)
class TensorPlace:
    """Where a tensor lies: type and shape, first byte in the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    @property
    def byte_count(self) -> int:
        """Size on disk."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class TensorFile:
    """A safetensors file whose header was read and found to agree with the file's size.

    Parameters
    ----------
    path : the file
    metadata : text by text
    places : where each tensor lies, by name
    data_offset : first byte after the header
    byte_count : size of the whole file
    """

    path: Path
    metadata: Mapping[str, str]
    places: Mapping[str, TensorPlace]
    data_offset: int
    byte_count: int

    def mapped(self) -> dict[str, NDArray[Any]]:
        """Every tensor as an array on the file's pages: read when touched, and never written back."""
        content = np.asarray(np.memmap(self.path, dtype=np.uint8, mode="c"))
        return {
            name: content[place.offset : place.offset + place.byte_count].view(place.dtype).reshape(place.shape)
            for name, place in self.places.items()
        }

    def data_sha256(self, advance: Callable[[int], None] = lambda _bytes: None) -> str:
        """Hash over the numbers as they are on disk now."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            file.seek(self.data_offset)
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                advance(len(chunk))
        return digest.hexdigest()


def open_tensor_file(path: Path) -> TensorFile:
    """Read and check the header; cheap, whatever the size.

    Raises
    ------
    TensorFileError
        where the header is damaged or the file has another size than it says
    OSError
        where the file is not there or may not be read
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(_LARGEST_HEADER_BYTES, size - 8):
            raise TensorFileError("its header is cut off")
        text = file.read(length)
    try:
        header = json.loads(text)
        metadata = {str(key): str(value) for key, value in header.pop("__metadata__", {}).items()}
        places = {name: _place(entry, 8 + length) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TensorFileError("its header is damaged") from error
    end = 8 + length
    for place in sorted(places.values(), key=lambda place: (place.offset, place.byte_count)):
        if place.offset != end:
            raise TensorFileError("its header is damaged: tensors overlap or leave gaps")
        end += place.byte_count
    if end != size:
        raise TensorFileError(f"it has {size:,} bytes of {end:,}")
    return TensorFile(path, metadata, places, 8 + length, size)


def _place(entry: Mapping[str, Any], data_offset: int) -> TensorPlace:
    start, end = (int(offset) for offset in entry["data_offsets"])
    place = TensorPlace(
        np.dtype(_DTYPES[entry["dtype"]]), tuple(int(size) for size in entry["shape"]), data_offset + start
    )
    if min(place.shape, default=0) < 0 or start < 0 or end - start != place.byte_count:
        raise ValueError("a tensor's size contradicts its shape")
    return place


def write_tensor_file(
    path: Path,
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
    advance: Callable[[int], None] = lambda _bytes: None,
) -> None:
    """Write a file so that a reader sees the old one or the whole new one, never a part.

    Parameters
    ----------
    path : the file; its folder is made where it is missing
    tensors : arrays by name, mapped ones too: they are read as they are written
    metadata : text by text; the hash over the numbers is added as `DATA_SHA256`
    advance : is told how many bytes more were written; what it raises ends the writing

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE or DISK_FULL; nothing half-written remains
    """
    # Wide types first, as the safetensors package does: every tensor is then aligned to its type.
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    with replacing(path, *_TEMPORARY) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        with temporary.open("xb") as file:
            file.write(_header(tensors, names, {**metadata, DATA_SHA256: "0" * 64}))
            digest = hashlib.sha256()
            for name in names:
                _write_tensor(file, tensors[name], digest, advance)
            # The header again, with the hash that is known now; its length is the same.
            file.seek(0)
            file.write(_header(tensors, names, {**metadata, DATA_SHA256: digest.hexdigest()}))
            file.flush()
            os.fsync(file.fileno())


def remove_leftovers(folder: Path) -> None:
    """Remove what a program that was killed while it wrote has left; another one's work of today stays."""
    for path in folder.glob(f"{_TEMPORARY[0]}*{_TEMPORARY[1]}"):
        with suppress(OSError):  # not ours to remove: it harms nothing
            if time.time() - path.stat().st_mtime > _LEFTOVER_AGE_S:
                path.unlink()


def _header(tensors: Mapping[str, NDArray[Any]], names: list[str], metadata: Mapping[str, str]) -> bytes:
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for name in names:
        array = tensors[name]
        end = offset + array.size * array.dtype.itemsize
        dtype = _DTYPE_NAMES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _write_tensor(file: BinaryIO, array: NDArray[Any], digest: Any, advance: Callable[[int], None]) -> None:
    flat = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(-1)
    content = flat.view(np.uint8).data
    for start in range(0, len(content), CHUNK_BYTES):
        chunk = content[start : start + CHUNK_BYTES]
        file.write(chunk)
        digest.update(chunk)
        advance(len(chunk))
