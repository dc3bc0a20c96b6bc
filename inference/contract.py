"""What Blender's side and the worker agree on: errors, records, exit codes and the take file.

Standard library and numpy only; imported by both sides. Documented for other programs in ``docs/contract.md``.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

PROTOCOL_VERSION: Final = 1
"""Raised when a record changes in a way that an older reader would misunderstand."""
TAKE_VERSION: Final = 1
"""Raised when the take file changes in a way that an older reader would misunderstand."""
TAKE_SUFFIX: Final = ".hands.npz"
PARTIAL_SUFFIX: Final = ".hands.partial"
"""Of the file beside a take that holds the frames of a run that was stopped or died (`checkpoint`)."""


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

    def __reduce__(self) -> tuple[type[HandsError], tuple[ErrorCode, str, str]]:
        # The inherited way calls the class with the message alone, which fails on the way out of a process.
        return type(self), (self.code, self.message, self.hint)


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
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("record"), str) else None


def partial_path(take_path: Path) -> Path:
    """Where the unfinished frames of a take lie."""
    return take_path.with_name(take_path.name.removesuffix(TAKE_SUFFIX) + PARTIAL_SUFFIX)


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
    engine : name of the engine; `engine_settings` whatever else must be equal for a run to be resumed, and
        `shape`, which need not be
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
        if detail := self.contradiction():
            raise _damaged(detail)

    def contradiction(self) -> str | None:
        """What is wrong with the shapes or values, or None."""
        count, components = self.frames.size, self.betas.size // 2
        shapes = {
            "frames": (count,),
            "readable": (count,),
            "present": (2, count),
            "confidence": (2, count),
            "quat_wxyz": (2, count, 16, 4),
            "translation_m": (2, count, 3),
            "betas": (2, components),
            "joints_px": (2, count, 21, 2),
            "joints_px_confidence": (2, count, 21),
            "joints_m": (2, count, 21, 3),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape:
                return f"{name} has shape {array.shape}, expected {shape}"
            if not np.all(np.isfinite(array)):
                return f"{name} holds values that are not finite"
        camera = (self.fps, self.focal_px, *self.principal_px)
        lengths = np.linalg.norm(self.quat_wxyz, axis=-1)
        rules = {
            "the frame rate or the camera is not finite": not np.all(np.isfinite(camera)),
            "the frame numbers do not ascend": count == 0 or np.any(np.diff(self.frames) <= 0),
            "some rotations are no unit quaternions": np.any(np.abs(lengths - 1) > 1e-3),
            "focal length or picture size is not positive": min(self.focal_px, *self.picture_size_px) <= 0,
            "the frame rate is negative": self.fps < 0,
        }
        return next((sentence for sentence, broken in rules.items() if broken), None)

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
    arrays = {name: getattr(take, name).astype(dtype, copy=False) for name, dtype in _ARRAY_DTYPES.items()}
    content = BytesIO()  # packed in memory: a zip file that meets a full disk half-way complains again at its own end
    np.savez_compressed(content, header=np.array(json.dumps(header)), **arrays)
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(content.getbuffer())
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path, prefix: str = ".hands-", suffix: str = ".tmp") -> Iterator[Path]:
    """The name of a temporary file that takes the place of `path` when all went well: never is it half written.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE or DISK_FULL for an OSError in the block or in the replacing; nothing remains then
    """
    # A short name of its own: the file's name may already be as long as the file system allows.
    temporary = path.parent / f"{prefix}{secrets.token_hex(6)}{suffix}"
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        with suppress(OSError):  # after a success there is none; after a failure the first error is the one to tell
            temporary.unlink(missing_ok=True)


def output_error(path: Path, error: OSError) -> HandsError:
    """The typed error for a file that could not be written."""
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
        INPUT_MISSING, INPUT_UNREADABLE, TAKE_DAMAGED or TAKE_NEWER
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"There is no take at '{path}'.", "Check the path or reconstruct again."
        ) from error
    except OSError as error:
        raise HandsError(
            ErrorCode.INPUT_UNREADABLE,
            f"The take '{path}' cannot be read ({error.strerror or error}).",
            "Check the permissions of the file and its folder.",
        ) from error
    try:
        with ZipFile(BytesIO(content)) as archive:
            header = json.loads(str(_read_member(archive, "header")))
            if header["version"] > TAKE_VERSION:
                raise HandsError(
                    ErrorCode.TAKE_NEWER,
                    f"'{path.name}' was written by a newer version of this program.",
                    "Update the add-on to open it.",
                )
            take = _take_from(header, {name: _read_member(archive, name) for name in _ARRAY_DTYPES})
        contradiction = take.contradiction()
    except HandsError:
        raise
    except BadZipFile as error:
        raise HandsError(
            ErrorCode.TAKE_DAMAGED, f"'{path.name}' is not a take, or only its beginning.", f"Give a NAME{TAKE_SUFFIX}."
        ) from error
    except Exception as error:  # a damaged zip file raises nearly anything, from zlib.error to NotImplementedError
        raise _damaged(f"{type(error).__name__}: {error}", f"'{path.name}'") from error
    if contradiction:
        raise _damaged(contradiction, f"'{path.name}'")
    return take


def _read_member(archive: ZipFile, name: str) -> NDArray[Any]:
    """One array of an npz file. The member is read whole first, so that its checksum is verified before parsing."""
    return np.lib.format.read_array(BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)


def _take_from(header: Mapping[str, Any], members: Mapping[str, NDArray[Any]]) -> Take:
    arrays: dict[str, Any] = {}
    for name, dtype in _ARRAY_DTYPES.items():
        # The file stores some in single precision; in memory every real number is double.
        wide = np.float64 if np.issubdtype(dtype, np.floating) else dtype
        arrays[name] = members[name].astype(wide, casting="safe")
    width, height = header["picture_size_px"]
    principal_x, principal_y = header["principal_px"]
    right_sha256, left_sha256 = header["model_sha256"]
    return Take(
        **{name: str(header[name]) for name in _TEXT_FIELDS},
        **arrays,
        picture_size_px=(int(width), int(height)),
        fps=float(header["fps"]),
        focal_px=float(header["focal_px"]),
        principal_px=(float(principal_x), float(principal_y)),
        engine_settings=dict(header["engine_settings"]),
        model_sha256=(str(right_sha256), str(left_sha256)),
        complete=bool(header["complete"]),
        warnings=[dict(warning) for warning in header["warnings"]],
    )


def _damaged(detail: str, name: str = "The take") -> HandsError:
    return HandsError(ErrorCode.TAKE_DAMAGED, f"{name} is damaged ({detail}).", "Reconstruct again.")
