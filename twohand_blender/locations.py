"""Where things are: the extension's package, its folder, the worker's interpreter, the takes (no bpy at import)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from ..inference.contract import TAKE_SUFFIX, ErrorCode, HandsError

EXTENSION_PACKAGE: Final = __name__.rpartition(".")[0].rpartition(".")[0]
"""The name under which Blender loaded the extension; the key of its preferences."""
EXTENSION_FOLDER: Final = Path(__file__).resolve().parents[1]
"""Holds `inference` and `weights`; the worker runs here."""
PYTHON_VARIABLE: Final = "TWOHAND_WORKER_PYTHON"
"""Environment variable that names the interpreter where the preferences do not: for studios and tests."""


def worker_python(preferred: str) -> Path:
    """The Python interpreter that runs the worker.

    Parameters
    ----------
    preferred : path from the preferences or of what Set Up made, empty for neither; the folder of a virtual
        environment will do

    Raises
    ------
    HandsError
        RUNTIME_MISSING where none is set or the one set is not there
    """
    text = preferred.strip() or os.environ.get(PYTHON_VARIABLE, "").strip()
    if not text:
        raise HandsError(
            ErrorCode.RUNTIME_MISSING,
            "The reconstruction is not set up yet.",
            "Press Set Up in the Hands tab or in Preferences > Add-ons > Two Hands.",
        )
    path = Path(text).expanduser()
    for candidate in (path, path / "bin" / "python", path / "Scripts" / "python.exe", path / "python.exe"):
        if candidate.is_file():
            return candidate.absolute()  # not resolved: a virtual environment is found by the link's own place
    raise HandsError(
        ErrorCode.RUNTIME_MISSING,
        f"There is no Python interpreter at '{path}'.",
        "Choose another one in Preferences > Add-ons > Two Hands.",
    )


def default_take_path(source: Path, folder: Path) -> Path:
    """A take's path for a source: the source's name, and a few digits that tell equal names apart."""
    digits = hashlib.sha256(os.fsencode(source)).hexdigest()[:8]
    stem = source.stem.strip("#._- ") or source.name.strip("#._- ") or "take"
    return folder / f"{stem[:80]}-{digits}{TAKE_SUFFIX}"
