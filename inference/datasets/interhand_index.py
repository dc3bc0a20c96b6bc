"""The compact index of one InterHand2.6M split: built once from the annotation files, then mapped into memory.

A folder of ``.npy`` columns (one row an annotation, a row a frame for the fits, a row a camera) and one small JSON with
the shared names. No pickles. The folder's name is the fingerprint of its sources, so that a changed annotation file
leads to another index, and it appears whole or not at all. One that is damaged all the same is made anew.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError, output_error, progress_record, warning_record
from .dataset import KINDS
from .interhand_columns import NO_FIT, AnnotationRows, FitRows, PictureRows, frame_keys, places
from .interhand_layout import SplitFiles
from .json_stream import JsonStream, JsonStreamError

Report = Callable[[Mapping[str, Any]], None]
_NAMES_FILE: Final = "names.json"
_BUILDING: Final = ".building-"
_ABANDONED_S: Final = 86_400.0
_MEGABYTE: Final = 1_000_000
_COLUMNS: Final[Mapping[str, Mapping[str, tuple[str, tuple[int, ...]]]]] = {
    "annotations": {
        **dict.fromkeys(("capture", "subject", "frame", "camera", "sequence", "folder", "fit"), ("i4", ())),
        "file_name": ("S", ()),
        "kind": ("i1", ()),
        "kind_valid": ("b1", ()),
        "box_px": ("f4", (4,)),
        "joint_valid_bits": ("u1", (6,)),
    },
    "fits": {
        "fit_pose": ("f4", (2, 48)),
        "fit_shape": ("f4", (2, 10)),
        "fit_trans": ("f4", (2, 3)),
        "fit_valid": ("b1", (2,)),
    },
    "cameras": {
        "camera_rotation": ("f8", (3, 3)),
        "camera_position_mm": ("f8", (3,)),
        "camera_focal_px": ("f8", (2,)),
        "camera_principal_px": ("f8", (2,)),
    },
}
"""Type and shape of a row of each column; columns of one group are equally long."""


@dataclass(frozen=True)
class InterHandIndex:
    """A split's annotation as arrays on disk; N annotations, F frames with fits, C cameras.

    Parameters
    ----------
    folder : where it lies
    columns : by name. Of (N,): ``capture subject frame camera sequence folder file_name kind kind_valid fit``
        (``fit`` is the row of the fit, -1 where the frame has none); ``box_px`` (N, 4) x, y, width, height;
        ``joint_valid_bits`` (N, 6) 42 flags, right then left, InterHand2.6M order; ``fit_pose`` (F, 2, 48),
        ``fit_shape`` (F, 2, 10), ``fit_trans`` (F, 2, 3) in metres, ``fit_valid`` (F, 2); ``camera_rotation``
        (C, 3, 3), ``camera_position_mm`` (C, 3), ``camera_focal_px``, ``camera_principal_px`` (C, 2)
    cameras : capture and name of each camera
    sequences : capture, name and camera of each sequence
    folders : folders of the pictures, below the split's
    """

    folder: Path
    columns: Mapping[str, NDArray[Any]]
    cameras: list[tuple[int, str]]
    sequences: list[tuple[int, str, str]]
    folders: list[str]

    def __len__(self) -> int:
        return len(self.columns["kind"])

    def __reduce__(self) -> tuple[Callable[[Path], InterHandIndex], tuple[Path]]:
        # Goes to another process by its place: that maps the same files, instead of getting a copy of what they hold.
        return read_index, (self.folder,)


def open_index(
    files: SplitFiles, base: Path | None, report: Report, cancelled: threading.Event | None = None
) -> InterHandIndex:
    """Open the index of a split; build it first where there is none, or where its sources have changed.

    Parameters
    ----------
    base : folder for indexes; None: the user's cache folder
    report : takes progress records of the stage ``index`` (in MB) while it is built
    cancelled : stops building; nothing half-built remains

    Raises
    ------
    HandsError
        INPUT_UNREADABLE naming the annotation file; OUTPUT_NOT_WRITABLE, DISK_FULL; CANCELLED
    """
    folder = files.index_folder(base)
    place = folder / files.fingerprint()
    if place.exists():
        try:
            return read_index(place)
        except HandsError as error:
            report(warning_record("index_damaged", f"{error.message} It is made anew."))
    columns, names = _read_annotation(files, report, cancelled or threading.Event())
    try:
        _write(place, columns, names)
    except OSError as error:
        raise output_error(place, error) from error
    _remove_outdated(folder, place)
    return read_index(place)


def read_index(folder: Path) -> InterHandIndex:
    """Map an index into memory.

    Raises
    ------
    HandsError
        INPUT_UNREADABLE where it is damaged or not there
    """
    try:
        names = json.loads((folder / _NAMES_FILE).read_text(encoding="utf-8"))
        index = InterHandIndex(
            folder=folder,
            columns={
                name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="r")
                for group in _COLUMNS.values()
                for name in group
            },
            cameras=[(int(capture), str(name)) for capture, name in names["cameras"]],
            sequences=[(int(capture), str(name), str(camera)) for capture, name, camera in names["sequences"]],
            folders=[str(name) for name in names["folders"]],
        )
        contradiction = _contradiction(index)
    except Exception as error:  # a damaged file raises nearly anything, from EOFError to tokenize.TokenError
        contradiction = f"{type(error).__name__}: {error}"
    else:
        if contradiction is None:
            return index
    raise HandsError(
        ErrorCode.INPUT_UNREADABLE,
        f"The data set's index '{folder}' is damaged ({contradiction}).",
        "Start again: the index is then made anew.",
    )


def _contradiction(index: InterHandIndex) -> str | None:
    """What would lead to wrong rows or to none; None where all is well."""
    columns, counts = index.columns, dict[str, int]()
    for group, expected in _COLUMNS.items():
        for name, (dtype, row_shape) in expected.items():
            column = columns[name]
            kind = "S" if column.dtype.kind == "S" else column.dtype.str[1:]
            if kind != dtype or column.ndim == 0 or column.shape[1:] != row_shape:
                return f"{name} holds {column.dtype} {column.shape}"
            if counts.setdefault(group, len(column)) != len(column):
                return f"{name} has {len(column)} rows instead of {counts[group]}"
    if counts["annotations"] == 0 or counts["cameras"] != len(index.cameras):
        return "rows are missing"
    ends = {
        "kind": len(KINDS),
        "camera": len(index.cameras),
        "sequence": len(index.sequences),
        "folder": len(index.folders),
        "fit": counts["fits"],
    }
    for name, end in ends.items():
        first = NO_FIT if name == "fit" else 0
        if columns[name].min() < first or columns[name].max() >= end:
            return f"{name} points to what is not there"
    return None


def _read_annotation(
    files: SplitFiles, report: Report, cancelled: threading.Event
) -> tuple[dict[str, NDArray[Any]], dict[str, list[Any]]]:
    progress = _Progress(sum(path.stat().st_size for path in files.sources), report, cancelled)
    pictures, annotations, fits = PictureRows(), AnnotationRows(), FitRows()
    with _opened(files.data) as file:
        stream = JsonStream(file, progress)
        for key in stream.members():
            if key in ("images", "annotations"):
                rows = pictures if key == "images" else annotations
                for entry in stream.elements():
                    rows.add(entry)
            else:
                stream.value()
    progress.file_done(files.data)
    with _opened(files.fits) as file:
        stream = JsonStream(file, progress)
        for capture in stream.members():
            for frame in stream.members():
                fits.add(capture, frame, stream.value())
    progress.file_done(files.fits)
    with _opened(files.camera) as file:
        cameras = _camera_arrays(json.load(file), pictures.cameras.as_list())
    progress.file_done(files.camera)

    image_ids, picture_columns = pictures.arrays()
    annotated_ids, columns = annotations.arrays()
    if len(annotated_ids) == 0 or len(image_ids) == 0:
        raise _unreadable(files.data, "it lists no annotated images")
    rows_of_pictures = places(image_ids, annotated_ids)
    if np.any(rows_of_pictures < 0):
        missing = annotated_ids[rows_of_pictures < 0][0]
        raise _unreadable(files.data, f"an annotation speaks of image {missing}, which is not listed")
    columns |= {name: column[rows_of_pictures] for name, column in picture_columns.items()}
    fit_keys, fit_columns = fits.arrays()
    columns["fit"] = places(fit_keys, frame_keys(columns["capture"], columns["frame"])).astype(np.int32)
    names = {
        "cameras": pictures.cameras.as_list(),
        "sequences": pictures.sequences.as_list(),
        "folders": pictures.folders.as_list(),
    }
    return columns | fit_columns | cameras, names


def _camera_arrays(content: Any, cameras: list[tuple[int, str]]) -> dict[str, NDArray[Any]]:
    shapes = {"camrot": (3, 3), "campos": (3,), "focal": (2,), "princpt": (2,)}
    names = ("camera_rotation", "camera_position_mm", "camera_focal_px", "camera_principal_px")
    arrays: dict[str, NDArray[Any]] = {}
    for (key, shape), name in zip(shapes.items(), names, strict=True):
        values = [content[str(capture)][key][camera] for capture, camera in cameras]
        arrays[name] = np.array(values, dtype=np.float64).reshape(-1, *shape)
    return arrays


class _Progress:
    """Tells how far the sources are read, and stops when it is wished."""

    def __init__(self, total_bytes: int, report: Report, cancelled: threading.Event) -> None:
        self._total, self._report, self._cancelled = total_bytes, report, cancelled
        self._before, self._start_s = 0, time.monotonic()

    def __call__(self, bytes_of_file: int) -> None:
        if self._cancelled.is_set():
            raise HandsError(
                ErrorCode.CANCELLED, "Cancelled while the data set was indexed.", "The next run starts it again."
            )
        done = self._before + bytes_of_file
        elapsed_s = time.monotonic() - self._start_s
        eta_s = elapsed_s / done * (self._total - done) if done else None
        self._report(progress_record("index", done // _MEGABYTE, max(1, self._total // _MEGABYTE), eta_s))

    def file_done(self, path: Path) -> None:
        """Count a whole file."""
        self._before += path.stat().st_size
        self(0)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except JsonStreamError as error:
        raise _unreadable(path, str(error)) from error
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _unreadable(path, f"an entry is not as expected: {type(error).__name__} {error}") from error


def _unreadable(path: Path, detail: str) -> HandsError:
    return HandsError(
        ErrorCode.INPUT_UNREADABLE,
        f"The annotation file '{path}' cannot be used ({detail}).",
        "Download the annotations of InterHand2.6M v1.0 again.",
    )


def _write(index: Path, columns: Mapping[str, NDArray[Any]], names: Mapping[str, Any]) -> None:
    """Write beside the place and rename, so that other processes see all of it or nothing."""
    index.parent.mkdir(parents=True, exist_ok=True)
    building = index.parent / f"{_BUILDING}{secrets.token_hex(6)}"
    building.mkdir()
    try:
        for name, column in columns.items():
            np.save(building / f"{name}.npy", column, allow_pickle=False)
        (building / _NAMES_FILE).write_text(json.dumps(names), encoding="utf-8")
        _put_in_place(building, index)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _put_in_place(building: Path, index: Path) -> None:
    try:
        building.rename(index)
    except OSError:
        if not index.exists():
            raise
    else:
        return
    with suppress(HandsError):
        read_index(index)
        return  # another process was faster, with the same result
    damaged = index.parent / f"{_BUILDING}{secrets.token_hex(6)}"
    index.rename(damaged)
    building.rename(index)
    shutil.rmtree(damaged, ignore_errors=True)


def _remove_outdated(folder: Path, current: Path) -> None:
    """Remove indexes of earlier sources, and what a process that was killed left a day ago."""
    for path in folder.iterdir():
        with suppress(OSError):
            abandoned = time.time() - path.stat().st_mtime > _ABANDONED_S
            if path != current and (abandoned or not path.name.startswith(_BUILDING)):
                shutil.rmtree(path, ignore_errors=True)
