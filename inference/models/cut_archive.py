"""How much of a zip file there is, where a download stopped early: a zip file's table of contents is its end."""

from __future__ import annotations

import pickletools
import struct
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

_END_RECORD: Final = b"PK\x05\x06"
_LONGEST_END_BYTES: Final = 22 + 0xFFFF
_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_SIZES_FOLLOW: Final = 8
"""Flag of members whose sizes stand behind them (torch writes such files, and macOS)."""
_LARGEST_PICKLE_BYTES: Final = 1 << 24
_FLOAT_BYTES: Final = 4
_NUMBERS: Final = frozenset({"BININT", "BININT1", "BININT2", "LONG1"})


def is_cut_off(path: Path) -> bool:
    """Whether a file that begins as a zip file lacks the end of one."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LONGEST_END_BYTES))
        return _END_RECORD not in file.read()


def describe_cut(path: Path) -> str:
    """In words, how many bytes of how many there are, as far as what is there tells."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        offset = 0
        while True:
            file.seek(offset)
            head = file.read(_LOCAL_HEADER.size)
            if len(head) < _LOCAL_HEADER.size or head[:4] != _LOCAL_MAGIC:
                return f"it has {size:,} bytes, and its table of contents, at the end, is missing"
            _, _, flags, _, _, _, _, compressed, _, name_length, extra_length = _LOCAL_HEADER.unpack(head)
            name = file.read(name_length)
            start = offset + _LOCAL_HEADER.size + name_length + extra_length
            if offset == 0 and name.endswith(b"/data.pkl"):
                file.seek(start)
                return _describe_checkpoint(size, _storage_bytes(file))
            if flags & _SIZES_FOLLOW and not compressed:
                return f"it has {size:,} bytes, and its table of contents, at the end, is missing"
            if start + compressed > size:
                there = max(0, size - start)
                return (
                    f"it has {size:,} bytes and ends inside '{_printable(name)}', of which {there:,} bytes "
                    f"of {compressed:,} are there"
                )
            offset = start + compressed


def _describe_checkpoint(size: int, storage_bytes: int | None) -> str:
    if storage_bytes is None:
        return f"it has {size:,} bytes; a whole snapshot_99.pth.tar has some 569,000,000, or more than twice as many"
    if size < storage_bytes:
        return f"it has {size:,} bytes of about {storage_bytes:,}"
    return f"it has {size:,} bytes, and its table of contents, at the end, is missing"


def _storage_bytes(file: BinaryIO) -> int | None:
    """Size of all tensors that the pickle at the file's position speaks of; None where that is cut off, too.

    Nothing is unpickled: in front of each mention of a tensor's storage, the last number is how many elements it has.
    """
    total = number = 0
    try:
        for instruction, argument, _ in pickletools.genops(BytesIO(file.read(_LARGEST_PICKLE_BYTES))):
            if instruction.name in _NUMBERS:
                number = int(argument or 0)
            elif instruction.name == "BINPERSID":
                total += number * _FLOAT_BYTES
    except ValueError:
        return None
    return total


def _printable(name: bytes) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name.decode("utf-8", "replace"))[:100]
