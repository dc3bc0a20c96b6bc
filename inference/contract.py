"""What Blender's side and the worker agree on: errors, records, exit codes and the take file.

Standard library and numpy only; imported by both sides. Documented for other programs in ``docs/contract.md``.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PROTOCOL_VERSION: Final = 1
"""Raised when a record changes in a way that an older reader would misunderstand."""
TAKE_VERSION: Final = 1
"""Raised when the take file changes in a way that an older reader would misunderstand."""
TAKE_SUFFIX: Final = ".hands.npz"


class ErrorCode(Enum):
    """Every way a reconstruction can fail, with the worker's exit code for it."""

    USAGE = ("usage", 2)
    INPUT_MISSING = ("input_missing", 3)
    INPUT_UNREADABLE = ("input_unreadable", 3)
    INPUT_EMPTY = ("input_empty", 3)
    INPUT_TOO_SMALL = ("input_too_small", 3)
    INPUT_TOO_LARGE = ("input_too_large", 3)
    NO_HANDS = ("no_hands", 4)
    OUTPUT_NOT_WRITABLE = ("output_not_writable", 5)
    DISK_FULL = ("disk_full", 5)
    TAKE_DAMAGED = ("take_damaged", 6)
    TAKE_NEWER = ("take_newer", 6)
    MODEL_MISSING = ("model_missing", 7)
    MODEL_DAMAGED = ("model_damaged", 7)
    RUNTIME_MISSING = ("runtime_missing", 7)
    WORKER_LOST = ("worker_lost", 8)
    OUT_OF_MEMORY = ("out_of_memory", 8)
    INTERNAL = ("internal", 9)
    CANCELLED = ("cancelled", 130)

    def __init__(self, label: str, exit_code: int) -> None:
        self.label = label
        self.exit_code = exit_code

    @classmethod
    def from_label(cls, label: str) -> ErrorCode:
        """The code named `label`; an unknown one (a newer worker's) becomes INTERNAL."""
        return next((code for code in cls if code.label == label), cls.INTERNAL)


class HandsError(Exception):
    """One sentence that says what is wrong, and a hint that says what to do."""

    def __init__(self, code: ErrorCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


# --- records: one JSON object a line on the worker's stdout ---------------------------------------------------------


def hello_record(program_version: str) -> dict[str, Any]:
    """First record of every run."""
    return {"record": "hello", "protocol": PROTOCOL_VERSION, "version": program_version}


def progress_record(stage: str, done: int, total: int | None, eta_s: float | None) -> dict[str, Any]:
    """`done` of `total` steps of a stage; None where the length or the time left is unknown."""
    return {"record": "progress", "stage": stage, "done": done, "total": total, "eta_s": eta_s}


def warning_record(code: str, message: str, frame: int | None = None) -> dict[str, Any]:
    """Something that the user should know and that stopped nothing."""
    return {"record": "warning", "code": code, "message": message, "frame": frame}


def result_record(take_path: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Last record of a run that wrote a take (a cancelled run too: then ``complete`` in the summary is false)."""
    return {"record": "result", "take": str(take_path), "summary": dict(summary)}


def error_record(error: HandsError) -> dict[str, Any]:
    """Last record of a run that failed."""
    return {"record": "error", "code": error.code.label, "message": error.message, "hint": error.hint}


def parse_record(line: str) -> dict[str, Any] | None:
    """A record from one line of a worker's stdout, or None where the line is none (a library's chatter, say)."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("record"), str) else None


# --- the take -------------------------------------------------------------------------------------------------------


@dataclass
class Take:
    """A reconstruction as measured, before any smoothing: hand 0 = right, 1 = left; F frames, S shape components.

    Camera axes are OpenCV's (x right, y down, z forward). Pixels count from the centre of the top-left pixel at
    (0, 0) of the upright picture. Entries of a hand where `present` is false mean nothing: rotations are the identity,
    everything else is zero.

    Parameters
    ----------
    source : path of the picture, folder, sequence or movie as the user gave it
    source_sha256 : see `media.source_hash`; tells whether the source is still the same
    picture_size_px : (width, height)
    fps : frames a second; 0 for a single picture and for sequences of unknown rate
    frames : (F,) frame numbers in the source, ascending
    readable : (F,) false where the frame could not be read
    focal_px, principal_px : pinhole intrinsics; `focal_source` is ``given``, ``exif`` or ``default``
    engine : name of the engine; `engine_settings` whatever else must be equal for a run to be resumed
    model_name, model_licence, model_sha256 : the hand model (hash of the right and of the left hand)
    complete : false where the run was cancelled or cut short
    present : (2, F) the hand was seen in this frame
    confidence : (2, F) from 0 to 1
    quat_wxyz : (2, F, 16, 4) local rotations, absolute (mean pose added), joint 0 = the hand in camera axes
    translation_m : (2, F, 3) wrist joint in camera axes, metres
    betas : (2, S) one shape a hand for the whole clip
    joints_px : (2, F, 21, 2) the joints as observed in the picture, MANO order then tips
    joints_px_confidence : (2, F, 21) from 0 to 1
    joints_m : (2, F, 21, 3) the fitted joints in camera axes, metres
    """

    source: str
    source_sha256: str
    picture_size_px: tuple[int, int]
    fps: float
    frames: NDArray[np.int64]
    readable: NDArray[np.bool_]
    focal_px: float
    principal_px: tuple[float, float]
    focal_source: str
    engine: str
    engine_settings: dict[str, Any]
    model_name: str
    model_licence: str
    model_sha256: tuple[str, str]
    complete: bool
    present: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    quat_wxyz: NDArray[np.float64]
    translation_m: NDArray[np.float64]
    betas: NDArray[np.float64]
    joints_px: NDArray[np.float64]
    joints_px_confidence: NDArray[np.float64]
    joints_m: NDArray[np.float64]
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def check(self) -> None:
        """Raise TAKE_DAMAGED where shapes or values contradict each other."""
        count = len(self.frames)
        shapes = {
            "frames": (count,),
            "readable": (count,),
            "present": (2, count),
            "confidence": (2, count),
            "quat_wxyz": (2, count, 16, 4),
            "translation_m": (2, count, 3),
            "betas": (2, self.betas.shape[-1]),
            "joints_px": (2, count, 21, 2),
            "joints_px_confidence": (2, count, 21),
            "joints_m": (2, count, 21, 3),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise _damaged(f"{name} has shape {array.shape}, expected {shape}")
            if not np.all(np.isfinite(array)):
                raise _damaged(f"{name} holds values that are not finite")
        if count == 0 or np.any(np.diff(self.frames) <= 0):
            raise _damaged("the frame numbers do not ascend")
        if np.abs(np.linalg.norm(self.quat_wxyz, axis=-1) - 1).max() > 1e-3:
            raise _damaged("some rotations are no unit quaternions")
        if self.focal_px <= 0 or min(self.picture_size_px) <= 0:
            raise _damaged("focal length or picture size is not positive")

    def project_px(self) -> NDArray[np.float64]:
        """(2, F, 21, 2) `joints_m` seen through the camera; zero where a hand is not present."""
        depth = np.where(self.present[..., None], self.joints_m[..., 2], 1.0)
        return self.focal_px * self.joints_m[..., :2] / depth[..., None] + np.where(
            self.present[..., None, None], np.array(self.principal_px), 0.0
        )

    def reprojection_px(self) -> NDArray[np.float64]:
        """(2, F) mean distance between observed and fitted joints, weighted by confidence; zero where not present."""
        distance = np.linalg.norm(self.project_px() - self.joints_px, axis=-1)
        weight = self.joints_px_confidence * self.present[..., None]
        return (distance * weight).sum(-1) / np.maximum(weight.sum(-1), 1e-9)

    def box_side_px(self) -> NDArray[np.float64]:
        """(2, F) longer side of the observed joints' bounding box; zero where not present."""
        side = (self.joints_px.max(axis=-2) - self.joints_px.min(axis=-2)).max(axis=-1)
        return np.where(self.present, side, 0.0)


_TEXT_FIELDS: Final = ("source", "source_sha256", "focal_source", "engine", "model_name", "model_licence")
_ARRAY_DTYPES: Final = {
    "frames": np.int64,
    "readable": np.bool_,
    "present": np.bool_,
    "confidence": np.float32,
    "quat_wxyz": np.float64,
    "translation_m": np.float64,
    "betas": np.float64,
    "joints_px": np.float32,
    "joints_px_confidence": np.float32,
    "joints_m": np.float64,
}


def write_take(take: Take, path: Path) -> None:
    """Write a take so that a reader sees the old file or the whole new one, never a part.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE or DISK_FULL; nothing half-written remains
    """
    take.check()
    header = {
        "version": TAKE_VERSION,
        **{name: getattr(take, name) for name in _TEXT_FIELDS},
        "picture_size_px": list(take.picture_size_px),
        "fps": take.fps,
        "focal_px": take.focal_px,
        "principal_px": list(take.principal_px),
        "engine_settings": take.engine_settings,
        "model_sha256": list(take.model_sha256),
        "complete": take.complete,
        "warnings": take.warnings,
    }
    arrays = {name: getattr(take, name).astype(dtype) for name, dtype in _ARRAY_DTYPES.items()}
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def output_error(path: Path, error: OSError) -> HandsError:
    """The typed error for a file that could not be written."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HandsError(
            ErrorCode.DISK_FULL,
            f"The disk that holds '{path.parent}' is full.",
            "Free some space or choose another folder.",
        )
    return HandsError(
        ErrorCode.OUTPUT_NOT_WRITABLE,
        f"'{path}' cannot be written ({error.strerror or error}).",
        "Choose a folder that exists and that you may write to.",
    )


def read_take(path: Path) -> Take:
    """Read and check a take.

    Raises
    ------
    HandsError
        INPUT_MISSING, TAKE_DAMAGED or TAKE_NEWER
    """
    if not path.is_file():
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"There is no take at '{path}'.", "Check the path or reconstruct again."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["version"] > TAKE_VERSION:
                raise HandsError(
                    ErrorCode.TAKE_NEWER,
                    f"'{path.name}' was written by a newer version of this program.",
                    "Update the add-on to open it.",
                )
            values = {item.name: header[item.name] for item in fields(Take) if item.name in header}
            values |= {name: file[name] for name in _ARRAY_DTYPES}
    except HandsError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(f"{type(error).__name__}: {error}", path) from error
    for name in ("confidence", "joints_px", "joints_px_confidence"):
        values[name] = values[name].astype(np.float64)
    for name in ("picture_size_px", "principal_px", "model_sha256"):
        values[name] = tuple(values[name])
    take = Take(**values)
    take.check()
    return take


def _damaged(detail: str, path: Path | None = None) -> HandsError:
    name = f"'{path.name}'" if path else "The take"
    return HandsError(ErrorCode.TAKE_DAMAGED, f"{name} is damaged ({detail}).", "Reconstruct again.")
