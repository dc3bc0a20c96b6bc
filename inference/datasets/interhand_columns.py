"""Collecting InterHand2.6M's annotation row by row into arrays, and joining them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .dataset import KINDS

JOINT_FLAGS: Final = 42
NO_FIT: Final = -1
_KIND_NUMBERS: Final = {name: number for number, name in enumerate(KINDS)}
_FIT_LENGTHS: Final = {"pose": 48, "shape": 10, "trans": 3}
_FRAME_BITS: Final = 32

Arrays = dict[str, NDArray[Any]]


class Names:
    """Texts that many rows share, kept once and numbered."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def number(self, name: Any) -> int:
        """The number of a name, a new one where it has not been seen."""
        return self._numbers.setdefault(name, len(self._numbers))

    def as_list(self) -> list[Any]:
        """The names by number."""
        return list(self._numbers)


class PictureRows:
    """The entries of ``images``."""

    def __init__(self) -> None:
        self._image_id = array("q")
        self._numbers = array("i")  # capture, subject, frame, camera, sequence, folder of each row
        self._file_names: list[bytes] = []
        self.cameras, self.sequences, self.folders = Names(), Names(), Names()

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take one entry; KeyError, ValueError or TypeError where it is not as it should be."""
        capture, camera, name = int(entry["capture"]), str(entry["camera"]), str(entry["file_name"])
        if not _is_inside(name):
            raise ValueError(f"file_name {name!r} is no path inside of the folder of pictures")
        folder, _, file_name = name.rpartition("/")
        self._image_id.append(int(entry["id"]))
        self._file_names.append(file_name.encode())
        self._numbers.extend(
            (
                capture,
                int(entry["subject"]),
                int(entry["frame_idx"]),
                self.cameras.number((capture, camera)),
                self.sequences.number((capture, str(entry["seq_name"]), camera)),
                self.folders.number(folder),
            )
        )

    def arrays(self) -> tuple[NDArray[np.int64], Arrays]:
        """The images' ids, and their columns."""
        names = ("capture", "subject", "frame", "camera", "sequence", "folder")
        table = np.array(self._numbers, dtype=np.int32).reshape(-1, len(names))
        columns: Arrays = {name: np.ascontiguousarray(table[:, place]) for place, name in enumerate(names)}
        columns["file_name"] = np.array(self._file_names, dtype=np.bytes_)
        return np.array(self._image_id, dtype=np.int64), columns


def _is_inside(name: str) -> bool:
    """Whether a file name stays below the folder it is joined to, on any system."""
    parts = name.replace("\\", "/").split("/")
    return name.isprintable() and ":" not in name and not any(part in ("", ".", "..") for part in parts)


class AnnotationRows:
    """The entries of ``annotations``."""

    def __init__(self) -> None:
        self._image_id = array("q")
        self._box_px = array("f")
        self._kind, self._kind_valid, self._joint_valid = bytearray(), bytearray(), bytearray()

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take one entry; KeyError, ValueError or TypeError where it is not as it should be."""
        flags = entry["joint_valid"]
        if flags and isinstance(flags[0], list):
            flags = [flag[0] for flag in flags]
        if len(flags) != JOINT_FLAGS or len(entry["bbox"]) != 4:
            raise ValueError("joint_valid has not 42 or bbox has not 4 entries")
        self._joint_valid.extend(bytes(map(bool, flags)))
        self._image_id.append(int(entry["image_id"]))
        self._box_px.extend(map(float, entry["bbox"]))
        self._kind.append(_KIND_NUMBERS[entry["hand_type"]])
        self._kind_valid.append(bool(entry["hand_type_valid"]))

    def arrays(self) -> tuple[NDArray[np.int64], Arrays]:
        """The ids of the annotated images, and the columns; joint flags are packed to bits, InterHand order."""
        flags = np.frombuffer(bytes(self._joint_valid), dtype=np.uint8).reshape(-1, JOINT_FLAGS)
        return np.array(self._image_id, dtype=np.int64), {
            "box_px": np.array(self._box_px, dtype=np.float32).reshape(-1, 4),
            "kind": np.frombuffer(bytes(self._kind), dtype=np.int8),
            "kind_valid": np.frombuffer(bytes(self._kind_valid), dtype=np.bool_),
            "joint_valid_bits": np.packbits(flags, axis=1),
        }


class FitRows:
    """The hand model fits: a row a frame of a capture, right hand then left."""

    def __init__(self) -> None:
        self._keys, self._valid = array("q"), bytearray()
        self._values = {name: array("f") for name in _FIT_LENGTHS}

    def add(self, capture: str, frame: str, hands: Mapping[str, Any]) -> None:
        """Take one frame; KeyError, ValueError or TypeError where it is not as it should be."""
        fits = [hands.get(side) for side in ("right", "left")]
        for name, length in _FIT_LENGTHS.items():
            for fit in fits:
                values = [0.0] * length if fit is None else fit[name]
                if len(values) != length:
                    raise ValueError(f"{name} has {len(values)} numbers, expected {length}")
                self._values[name].extend(map(float, values))
        self._keys.append(int(capture) << _FRAME_BITS | int(frame))
        self._valid.extend(fit is not None for fit in fits)

    def arrays(self) -> tuple[NDArray[np.int64], Arrays]:
        """Keys (see `frame_keys`) and columns."""
        columns: Arrays = {
            f"fit_{name}": np.array(values, dtype=np.float32).reshape(-1, 2, _FIT_LENGTHS[name])
            for name, values in self._values.items()
        }
        columns["fit_valid"] = np.frombuffer(bytes(self._valid), dtype=np.bool_).reshape(-1, 2)
        return np.array(self._keys, dtype=np.int64), columns


def frame_keys(high: NDArray[Any], frames: NDArray[Any]) -> NDArray[np.int64]:
    """One number for a pair of a capture (or camera) number and a frame number."""
    return (high.astype(np.int64) << _FRAME_BITS) | frames.astype(np.int64)


def places(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each wanted key stands in `keys`, -1 where it does not."""
    if len(keys) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    found = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    rows = order[found]
    return np.where(keys[rows] == wanted, rows, -1)
