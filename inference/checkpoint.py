"""Frames done so far, kept beside the take (``NAME.hands.partial``) so that a second run can go on.

The file is a journal: every save adds one part with the frames that are new or have changed since the save before, so
that saving costs a frame of a long movie no more than one of a short movie. A part is its length (8 bytes, least
significant first) and an npz archive: ``header`` (JSON) and, for the rows it speaks of, the arrays of `clip`. What a
program that died, or a full disk, left of a last part is passed over by readers and overwritten by the next save.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final
from zipfile import ZipFile

import numpy as np

from .clip import RECORD_ARRAYS, ClipBuilder
from .contract import output_error

_FORMAT: Final = 3
_LENGTH: Final = struct.Struct("<Q")


@dataclass
class RunState:
    """What an unfinished run knows besides its frames.

    Parameters
    ----------
    warnings : warning records about single frames
    engine_state : JSON values from `EngineRun.state`
    """

    warnings: list[dict[str, Any]] = field(default_factory=list)
    engine_state: dict[str, Any] = field(default_factory=dict)


class Checkpoint:
    """The journal of one run.

    Parameters
    ----------
    path : its file; there need be none yet
    identity : JSON values that must be equal for a run to be resumed
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self._path = path
        self._identity: dict[str, Any] = json.loads(json.dumps(dict(identity)))
        self._end = 0  # of the parts that count
        self._saved_warnings = 0

    def resume(self, builder: ClipBuilder) -> RunState | None:
        """Put the frames of an earlier run of the same work into an empty builder.

        None, and nothing put, where there is no such file or the work was another. Parts count up to the first one
        that is damaged; the frames after it are made again.
        """
        state = RunState()
        try:
            size = self._path.stat().st_size
            with self._path.open("rb") as file:
                while self._read_part(file, size, builder, state):
                    self._end = file.tell()
        except Exception:  # noqa: S110 - a damaged zip file raises nearly anything, from zlib.error to MemoryError
            pass
        builder.mark_saved()
        self._saved_warnings = len(state.warnings)
        return state if len(builder) else None

    def save(self, builder: ClipBuilder, state: RunState) -> None:
        """Add what is new since the last save.

        Raises
        ------
        HandsError
            OUTPUT_NOT_WRITABLE or DISK_FULL; what was saved before still counts
        """
        rows = builder.unsaved_rows()
        if not self._is_intact():
            self._end, self._saved_warnings, rows = 0, 0, np.arange(len(builder))
        header = {
            "format": _FORMAT,
            "identity": self._identity,
            "warnings": state.warnings[self._saved_warnings :],
            "engine_state": state.engine_state,
        }
        content = BytesIO()
        # Not compressed: written while frames wait.
        np.savez(content, header=np.array(json.dumps(header)), rows=rows, **builder.records(rows))
        try:
            with self._path.open("r+b" if self._end else "wb") as file:
                file.seek(self._end)
                file.truncate()
                file.write(_LENGTH.pack(content.getbuffer().nbytes))
                file.write(content.getbuffer())
        except OSError as error:
            raise output_error(self._path, error) from error
        builder.mark_saved()
        self._end += _LENGTH.size + content.getbuffer().nbytes
        self._saved_warnings = len(state.warnings)

    def remove(self) -> None:
        """Remove the file once its frames are in a finished take."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _is_intact(self) -> bool:
        """Whether what was saved is still there; a user may have removed it."""
        try:
            return self._path.stat().st_size >= self._end
        except OSError:
            return False

    def _read_part(self, file: BinaryIO, size: int, builder: ClipBuilder, state: RunState) -> bool:
        """Take one part over; false at the end of the file, and where the part was cut off or belongs to other work."""
        start = file.read(_LENGTH.size)
        if len(start) < _LENGTH.size or (length := _LENGTH.unpack(start)[0]) > size - file.tell():
            return False
        with ZipFile(BytesIO(file.read(length))) as archive:
            members = {name: _array(archive, name) for name in ("header", "rows", *RECORD_ARRAYS)}
        header = json.loads(str(members.pop("header")))
        if header["format"] != _FORMAT or header["identity"] != self._identity:
            return False
        warnings, engine_state = list(header["warnings"]), dict(header["engine_state"])
        builder.put_records(members.pop("rows"), members)
        state.warnings += warnings
        state.engine_state = engine_state
        return True


def _array(archive: ZipFile, name: str) -> Any:
    # The member is read whole first, so that its checksum is verified before parsing.
    return np.lib.format.read_array(BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
