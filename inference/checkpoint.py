"""Frames done so far, kept beside the take (``NAME.hands.partial.npz``) so that a second run can go on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from .clip import CLIP_ARRAYS, Clip
from .contract import TAKE_SUFFIX, output_error

CHECKPOINT_SUFFIX: Final = ".hands.partial.npz"
_FORMAT: Final = 2


def checkpoint_path(take_path: Path) -> Path:
    """Where the unfinished frames of a take lie."""
    name = take_path.name.removesuffix(TAKE_SUFFIX)
    return take_path.with_name(name + CHECKPOINT_SUFFIX)


@dataclass(frozen=True)
class Checkpoint:
    """What an unfinished run knows.

    Parameters
    ----------
    clip : its frames, at least one
    tracked : (2, F) `clip.present` before anything was added by looking back
    warnings : warning records about single frames
    engine_state : JSON values from `EngineRun.state`
    """

    clip: Clip
    tracked: NDArray[np.bool_]
    warnings: list[dict[str, Any]]
    engine_state: dict[str, Any]


def write_checkpoint(path: Path, identity: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    """Write the frames so that a reader sees the old file or the whole new one.

    Parameters
    ----------
    identity : JSON values that must be equal for a run to be resumed

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE or DISK_FULL
    """
    temporary = path.parent / f".hands-{secrets.token_hex(6)}.tmp"
    header = {
        "format": _FORMAT,
        "identity": dict(identity),
        "warnings": checkpoint.warnings,
        "engine_state": checkpoint.engine_state,
    }
    arrays = {name: getattr(checkpoint.clip, name) for name in CLIP_ARRAYS} | {"tracked": checkpoint.tracked}
    try:
        with temporary.open("xb") as file:
            np.savez(file, header=np.array(json.dumps(header)), **arrays)  # not compressed: written while frames wait
        temporary.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_checkpoint(path: Path, identity: Mapping[str, Any]) -> Checkpoint | None:
    """What an earlier run of the same work left; None where there is nothing or the work was another.

    A damaged file counts as none: its frames are made again.
    """
    try:
        with ZipFile(BytesIO(path.read_bytes())) as archive:
            members = {name: _array(archive, name) for name in ("header", "tracked", *CLIP_ARRAYS)}
        header, tracked = json.loads(str(members.pop("header"))), members.pop("tracked")
        if header["format"] != _FORMAT or header["identity"] != json.loads(json.dumps(dict(identity))):
            return None
        clip = Clip(**members)
        count = len(clip.frames)
        lengths = {len(clip.readable), *(getattr(clip, name).shape[1] for name in CLIP_ARRAYS[2:])}
        if count == 0 or lengths != {count} or tracked.shape != clip.present.shape:
            return None
        return Checkpoint(clip, tracked, list(header["warnings"]), dict(header["engine_state"]))
    except Exception:  # a damaged zip file raises nearly anything, from zlib.error to NotImplementedError
        return None


def remove_checkpoint(path: Path) -> None:
    """Remove the file once its frames are in a finished take."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _array(archive: ZipFile, name: str) -> Any:
    return np.lib.format.read_array(BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
