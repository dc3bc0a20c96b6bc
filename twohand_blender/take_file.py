"""The take file behind a result: read for building, and found again to key its motion anew (no bpy in here)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ..inference.contract import ErrorCode, HandsError, Take, read_take


def fingerprint(path: Path) -> str:
    """SHA-256 of a take file; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def reread_take(name: str, places: Iterable[Path], sha256: str) -> Take:
    """The take that a result was built from.

    Parameters
    ----------
    name : of the result, for messages
    places : where the file may be, the likeliest first
    sha256 : the file's fingerprint when the result was built

    Raises
    ------
    HandsError
        INPUT_MISSING where it is in none of these places, USAGE where another one is there now
    """
    there = [path for path in places if path.is_file()]
    if not there:
        raise HandsError(
            ErrorCode.INPUT_MISSING,
            f"The take file of '{name}' is gone.",
            "Put it back, or import a take again.",
        )
    for path in there:
        if fingerprint(path) == sha256:
            return read_take(path)
    raise HandsError(
        ErrorCode.USAGE,
        f"'{there[0].name}' has changed since '{name}' was built.",
        "Import the take again; the hands are then replaced.",
    )
