"""One set up or removal at a time: two Blenders of one version share the runtime's folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from ...inference.contract import ErrorCode, HandsError, output_error

_LOCK_FILE: Final = "in_use.lock"
"""Always empty, and it stays: taking it away would let two others each lock a file of that name."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Have a runtime's folder to oneself until the end of the block, or of the process, however that ends.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE where another process has it; DISK_FULL
    """
    path = folder / _LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise output_error(path, error) from error
    with file:
        if not _lock(file):
            raise HandsError(
                ErrorCode.OUTPUT_NOT_WRITABLE,
                "Another Blender is setting up in the same folder.",
                "Wait until it is done there.",
            )
        yield


def _lock(file: IO[bytes]) -> bool:
    """False where another process has it; the system unlocks it when the file is closed."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a network disk without locks: better without than not at all
        return True
    return True
