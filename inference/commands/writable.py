"""Looking, before hours of work, whether its result can be written at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from ..contract import output_error


def require_writable_file(path: Path) -> None:
    """Whether a file can be written there; one that exists keeps its content, and none is left behind.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE or DISK_FULL
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists():
            if path.is_file():  # a pipe or a terminal would wait for its other end
                path.open("ab").close()
        else:
            path.open("xb").close()
            path.unlink()
    except OSError as error:
        raise output_error(path, error) from error


def require_writable_folder(path: Path) -> None:
    """Whether files can be written into a folder, which is made later where it is missing.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE or DISK_FULL
    """
    try:
        existing = path.absolute()
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise output_error(path, error) from error
