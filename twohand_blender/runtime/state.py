"""How an environment stands, told quickly enough to be asked whenever Blender draws."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from ...inference.contract import HandsError, output_error, replacing
from .environment import PYTHON_FOLDER, interpreter_in
from .lock import Lock
from .one_at_a_time import alone_in
from .target import Target

INSTALLED_FILE: Final = "installed.json"
"""Written when all is done, so that without it nothing counts."""
CACHE_FOLDER: Final = "downloads"
"""Files that were downloaded and not yet unpacked; gone when all is done."""
WANTED_FILE: Final = "variant.txt"
"""Among the downloads: the variant that was begun, so that whoever goes on goes on with that one."""
_FORMAT: Final = 1


class RuntimeStanding(Enum):
    """Whether there is an environment that can be used."""

    NONE = "none"
    UNFINISHED = "unfinished"
    READY = "ready"
    BROKEN = "broken"


@dataclass(frozen=True)
class RuntimeState:
    """How it stands.

    Parameters
    ----------
    standing : see `RuntimeStanding`
    folder : where it is, or would be
    variant : its variant; of an unfinished one the one that was begun, empty where that is not known
    byte_count : its size on disk when it was made
    reason : why it is broken or unfinished, a sentence; of a ready one, why it should be mended all the same
    """

    standing: RuntimeStanding
    folder: Path
    variant: str = ""
    byte_count: int = 0
    reason: str = ""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return interpreter_in(self.folder)


def read_state(folder: Path, lock: Lock, target: Target) -> RuntimeState:
    """Look at an environment without starting anything."""
    try:
        noted = json.loads((folder / INSTALLED_FILE).read_text(encoding="utf-8"))
        variant, byte_count = str(noted["variant"]), int(noted["bytes"])
        made_for, made_by = str(noted["target"]), str(noted["lock"])
    except (OSError, ValueError, KeyError, TypeError):
        if (folder / PYTHON_FOLDER).is_dir() or (folder / CACHE_FOLDER).is_dir():
            reason = "The set up was not finished; it goes on where it stopped."
            variant = _wanted_variant(folder)
            if variant not in lock.variants_of(target):
                variant = ""
            return RuntimeState(RuntimeStanding.UNFINISHED, folder, variant, reason=reason)
        return RuntimeState(RuntimeStanding.NONE, folder)
    standing, reason = RuntimeStanding.READY, ""
    if made_for != target.name:
        standing = RuntimeStanding.BROKEN
        reason = f"It was made for another Python than this Blender's ({target.in_words})."
    elif not interpreter_in(folder).is_file():  # of a link that leads nowhere this is false
        standing = RuntimeStanding.BROKEN
        reason = "The Blender that it was made with is gone or has moved."
    elif made_by != lock.digest:
        reason = "This version of the add-on was tested with other packages."
    return RuntimeState(standing, folder, variant, byte_count, reason)


def note_wanted(folder: Path, variant: str) -> None:
    """Write down, before anything is done, which variant is set up; makes the folder of downloads.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    cache = folder / CACHE_FOLDER
    try:
        cache.mkdir(parents=True, exist_ok=True)
        (cache / WANTED_FILE).write_text(variant, encoding="utf-8")
    except OSError as error:
        raise output_error(cache, error) from error


def _wanted_variant(folder: Path) -> str:
    try:
        return (folder / CACHE_FOLDER / WANTED_FILE).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def note_installed(folder: Path, variant: str, lock: Lock, target: Target, byte_count: int) -> None:
    """Write down that all is done.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    noted: Mapping[str, Any] = {
        "format": _FORMAT,
        "variant": variant,
        "target": target.name,
        "lock": lock.digest,
        "bytes": byte_count,
    }
    path = folder / INSTALLED_FILE
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(noted, indent=1), encoding="utf-8")


def forget_installed(folder: Path) -> None:
    """Before anything is changed: from here on the environment counts as unfinished."""
    try:
        (folder / INSTALLED_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(folder / INSTALLED_FILE, error) from error


def remove_runtime(folder: Path) -> None:
    """Remove an environment, finished or not, and its folder.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE where another Blender sets up there, or a file cannot be removed, most often since a worker
        still runs; what is left counts as unfinished then
    """
    if not folder.is_dir():
        return
    with alone_in(folder):  # not until the end, since Windows removes no file that is open
        forget_installed(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise HandsError(
            output_error(folder, error).code,
            f"'{folder}' cannot be removed ({error.strerror or error}).",
            "Restart Blender, so that nothing uses it any more, and press Remove again.",
        ) from error
