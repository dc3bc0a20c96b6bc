"""Predictions in an ``.npz`` file, read piece by piece: the vertices of the whole test split are some 5 GB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..datasets.dataset import HandDataset
from ..hands.joints import POINT_COUNT, SIDES
from .prediction import PredictedHands, wrist_offset_from_trans

BATCH: Final = 256
_OPTIONAL: Final = ("vertices", "trans", "wrist_offset")
_ROW_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "ids": (),
    "joints": (2 * POINT_COUNT, 3),
    "trans": (4,),
    "wrist_offset": (3,),
}


class PredictionFile:
    """A file of predictions; see `PredictionSource`.

    ``ids`` (N,) as ``capture/camera/frame``, Unicode or UTF-8, ``joints`` (N, 42, 3), and optionally ``vertices``
    (N, V + W, 3), right hand first, in mm, camera axes; ``trans`` (N, 4) or ``wrist_offset`` (N, 3) tell how the hands
    lie to each other.

    Raises
    ------
    HandsError
        INPUT_MISSING; while `batches` are read also INPUT_UNREADABLE and USAGE
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise HandsError(ErrorCode.INPUT_MISSING, f"There are no predictions at '{path}'.", "Check the path.")
        self._path = path
        self.name = path.name

    def batches(self, dataset: HandDataset) -> Iterator[tuple[NDArray[np.int64], PredictedHands]]:
        """See `PredictionSource.batches`; predictions for other samples are passed over."""
        try:
            with ZipFile(self._path) as archive, ExitStack() as opened:
                yield from self._read(archive, opened, dataset)
        except HandsError:
            raise
        except Exception as error:  # a damaged file raises nearly anything, and an encrypted one RuntimeError
            raise HandsError(
                ErrorCode.INPUT_UNREADABLE,
                f"The predictions '{self._path}' cannot be read ({str(error) or type(error).__name__}).",
                "It must be an .npz file with 'ids' (N), 'joints' (N,42,3) and 'vertices' (N,V,3).",
            ) from error

    def _read(
        self, archive: ZipFile, opened: ExitStack, dataset: HandDataset
    ) -> Iterator[tuple[NDArray[np.int64], PredictedHands]]:
        members = {name.removesuffix(".npy") for name in archive.namelist()}
        with archive.open("ids.npy") as file:
            ids = _read_ids(file)
        found = dataset.find(ids)
        _refuse_two_for_one(ids, found)
        if np.all(found < 0):
            first = f" (the first is '{ids[0]}')" if ids else ""
            raise HandsError(
                ErrorCode.USAGE,
                f"None of the predictions in '{self._path.name}' belongs to {dataset.name}{first}.",
                "Check the split; ids are 'capture/camera/frame'.",
            )
        names = ["joints", *(name for name in _OPTIONAL if name in members)]
        streams = {name: _Rows(opened.enter_context(archive.open(f"{name}.npy")), name) for name in names}
        for name, stream in streams.items():
            if stream.count != len(ids):
                raise ValueError(f"{name} has {stream.count} rows, but there are {len(ids)} ids")
        for start in range(0, len(ids), BATCH):
            rows = {name: stream.take(min(BATCH, len(ids) - start)) for name, stream in streams.items()}
            samples = found[start : start + BATCH]
            known = samples >= 0
            if np.any(known):
                wide = {name: array[known].astype(np.float64) for name, array in rows.items()}
                yield samples[known], _predicted(wide, dataset)


def _read_ids(file: IO[bytes]) -> list[str]:
    rows = _Rows(file, "ids")
    return [name.decode() if isinstance(name, bytes) else name for name in rows.take(rows.count).tolist()]


def _refuse_two_for_one(ids: list[str], found: NDArray[np.int64]) -> None:
    """ValueError where two predictions are for one sample, be its frame number written with zeros before it or not."""
    rows = np.flatnonzero(found >= 0)
    order = rows[np.argsort(found[rows], kind="stable")]
    same = np.flatnonzero(np.diff(found[order]) == 0)
    if len(same):
        one, other = (ids[row] for row in order[same[0] : same[0] + 2])
        raise ValueError(f"'{one}' has two predictions" if one == other else f"'{one}' and '{other}' are one picture")


def _predicted(rows: dict[str, NDArray[np.float64]], dataset: HandDataset) -> PredictedHands:
    points_mm = rows["joints"].reshape(-1, 2, POINT_COUNT, 3)
    vertices_mm = None
    if "vertices" in rows:
        right = len(dataset.models[SIDES[0]].v_template)
        vertices_mm = (rows["vertices"][:, :right], rows["vertices"][:, right:])
    offset = rows.get("wrist_offset")
    if offset is None and "trans" in rows:
        offset = wrist_offset_from_trans(points_mm, rows["trans"])
    return PredictedHands(points_mm, vertices_mm, offset)


class _Rows:
    """The rows of one array of the file, in order.

    Attributes
    ----------
    count : how many rows its header promises
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        version = np.lib.format.read_magic(file)
        read_header: Any = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"{name} is written in version {version} of numpy's format")
        shape, is_fortran, self._dtype = read_header(file)
        is_text = name == "ids"
        if self._dtype.kind not in ("US" if is_text else "f") or (is_fortran and len(shape) > 1):
            raise ValueError(f"{name} holds no {'texts' if is_text else 'rows of real numbers'}")
        expected = _ROW_SHAPES.get(name, (*shape[1:2], 3))
        if len(shape) == 0 or shape[1:] != expected:
            raise ValueError(f"{name} has shape {shape}, expected N rows of shape {expected}")
        self._file, self._shape = file, shape[1:]
        self.count = int(shape[0])
        self._row_bytes = int(np.prod(self._shape, dtype=np.int64)) * self._dtype.itemsize

    def take(self, count: int) -> NDArray[Any]:
        """The next rows, EOFError or ValueError where there are fewer."""
        content = self._file.read(count * self._row_bytes)
        if len(content) != count * self._row_bytes:
            raise EOFError("it ends too early")
        return np.frombuffer(content, dtype=self._dtype).reshape(count, *self._shape)
