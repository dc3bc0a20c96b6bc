"""InterHand2.6M v1.0 as a data set: annotated pictures of one split, hand model fits as ground truth."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..hands.joints import MANO_TO_INTERHAND, POINT_COUNT, Side
from ..hands.model import HandModel
from ..hands.rotations import matrix_to_rotvec, rotvec_to_matrix
from .dataset import INTERACTING, GroundTruth, Intrinsics, ModelParameters
from .fits import FitPoser
from .interhand_columns import JOINT_FLAGS, NO_FIT, frame_keys, places
from .interhand_index import InterHandIndex, Report, open_index
from .interhand_layout import Split, find_split
from .pictures import read_rgb

HandFilter = Literal["interacting", "single", "both"]
HAND_FILTERS: Final[tuple[HandFilter, ...]] = ("interacting", "single", "both")
_LARGEST_FRAME: Final = 2**31 - 1
INTERHAND_TO_MANO: Final = np.argsort(MANO_TO_INTERHAND)
"""``points[INTERHAND_TO_MANO]`` re-orders InterHand2.6M's 21 joints of a hand to MANO order then tips."""


@dataclass(frozen=True)
class SampleFilter:
    """Which annotations belong to a data set, of those whose frames have hand model fits (the authors' rule).

    Parameters
    ----------
    hands : pictures annotated as two interacting hands, as a single hand, or both
    subjects : numbers of the people; empty: all
    """

    hands: HandFilter = "both"
    subjects: frozenset[int] = field(default_factory=frozenset)


class InterHandDataset:
    """See `HandDataset`; made by `open_interhand`.

    Parameters
    ----------
    name : for reports
    index : the split's annotation
    pictures : the split's folder of pictures
    models : the hand models that the fits refer to (MANO)
    wanted : which annotations of the index are samples
    """

    def __init__(
        self,
        name: str,
        index: InterHandIndex,
        pictures: Path,
        models: Mapping[Side, HandModel],
        wanted: SampleFilter,
    ) -> None:
        self.name, self.models, self._wanted = name, models, wanted
        rows = _chosen_rows(index, wanted)
        self._index, self._columns, self._pictures, self._rows = index, index.columns, pictures, rows
        self.kinds: NDArray[np.int8] = self._columns["kind"][rows]
        self.kinds_valid: NDArray[np.bool_] = self._columns["kind_valid"][rows]
        self.sequences: NDArray[np.int32] = self._columns["sequence"][rows]
        self.frames: NDArray[np.int64] = self._columns["frame"][rows].astype(np.int64)
        self._poser = FitPoser(
            models, self._columns["fit_pose"], self._columns["fit_shape"], self._columns["fit_trans"]
        )

    def __reduce__(self) -> tuple[type[InterHandDataset], tuple[Any, ...]]:
        # A worker process finds the samples by itself, in the index's files: theirs is memory that all processes share.
        return InterHandDataset, (self.name, self._index, self._pictures, self.models, self._wanted)

    def __len__(self) -> int:
        return len(self._rows)

    def sequence_name(self, number: int) -> str:
        """``Capture0/0390_dh_touchROM/cam410028``."""
        capture, name, camera = self._index.sequences[number]
        return f"Capture{capture}/{name}/cam{camera}"

    def ids(self, samples: NDArray[np.int64]) -> list[str]:
        """See `HandDataset.ids`."""
        cameras = (self._index.cameras[number] for number in self._of("camera", samples))
        frames = self._of("frame", samples)
        return [f"{capture}/{camera}/{frame}" for (capture, camera), frame in zip(cameras, frames, strict=True)]

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """See `HandDataset.find`."""
        numbers = {f"{capture}/{camera}": row for row, (capture, camera) in enumerate(self._index.cameras)}
        parts = [text.rpartition("/") for text in ids]
        cameras = np.array([numbers.get(camera, -1) for camera, _, _ in parts], dtype=np.int64)
        frames = np.array([_frame_number(frame) for _, _, frame in parts], dtype=np.int64)
        known = (cameras >= 0) & (frames >= 0)
        own = frame_keys(self._columns["camera"][self._rows], self.frames)
        found = places(own, frame_keys(np.where(known, cameras, 0), np.where(known, frames, 0)))
        return np.where(known, found, -1)

    def truth(self, samples: NDArray[np.int64]) -> GroundTruth:
        """See `HandDataset.truth`: MANO joints and vertices of the fits, not the data set's own triangulated joints."""
        fits = self._of("fit", samples)
        posed = self._poser.frames(fits)
        cameras = self._of("camera", samples)
        rotation = self._columns["camera_rotation"][cameras][:, None]
        position_mm = self._columns["camera_position_mm"][cameras][:, None, None]

        def in_camera(world_mm: NDArray[np.float64]) -> NDArray[np.float64]:
            flat = world_mm.reshape(len(samples), -1, 3)
            turned = np.einsum("nij,nkj->nki", rotation[:, 0], flat - position_mm[:, 0])
            return turned.reshape(world_mm.shape)

        bits = self._of("joint_valid_bits", samples)
        flags = np.unpackbits(bits, axis=1, count=JOINT_FLAGS).astype(bool).reshape(-1, 2, POINT_COUNT)
        return GroundTruth(
            points_mm=in_camera(np.stack([frame.points_mm for frame in posed])),
            vertices_mm=(
                in_camera(np.stack([frame.vertices_mm[0] for frame in posed])),
                in_camera(np.stack([frame.vertices_mm[1] for frame in posed])),
            ),
            fit_valid=self._fit_valid(samples),
            points_valid=flags[..., INTERHAND_TO_MANO],
        )

    def parameters(self, samples: NDArray[np.int64]) -> ModelParameters:
        """See `HandDataset.parameters`."""
        fits = self._of("fit", samples)
        valid = self._fit_valid(samples)
        pose = self._columns["fit_pose"][fits].astype(np.float64)
        camera = self._columns["camera_rotation"][self._of("camera", samples)][:, None]
        pose[..., :3] = matrix_to_rotvec(camera @ rotvec_to_matrix(pose[..., :3]))
        betas = self._columns["fit_shape"][fits].astype(np.float64)
        return ModelParameters(pose * valid[..., None], betas * valid[..., None], valid)

    def picture_path(self, sample: int) -> Path:
        """Where a sample's picture lies."""
        row = self._rows[sample]
        folder = self._index.folders[self._columns["folder"][row]]
        return self._pictures / folder / bytes(self._columns["file_name"][row]).decode()

    def picture(self, sample: int) -> NDArray[np.uint8]:
        """See `HandDataset.picture`."""
        return read_rgb(self.picture_path(sample))

    def box_px(self, sample: int) -> tuple[float, float, float, float]:
        """See `HandDataset.box_px`."""
        x, y, width, height = (float(value) for value in self._columns["box_px"][self._rows[sample]])
        return x, y, width, height

    def intrinsics(self, sample: int) -> Intrinsics:
        """See `HandDataset.intrinsics`."""
        camera = self._columns["camera"][self._rows[sample]]
        focal_x, focal_y = (float(value) for value in self._columns["camera_focal_px"][camera])
        principal_x, principal_y = (float(value) for value in self._columns["camera_principal_px"][camera])
        return Intrinsics((focal_x, focal_y), (principal_x, principal_y))

    def _of(self, column: str, samples: NDArray[np.int64]) -> NDArray[Any]:
        return self._columns[column][self._rows[samples]]

    def _fit_valid(self, samples: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, 2) hands that are annotated in the picture and have a fit."""
        kinds = self.kinds[samples][:, None]
        annotated = (kinds == INTERACTING) | (kinds == np.array([0, 1]))
        return self._columns["fit_valid"][self._of("fit", samples)] & annotated


def open_interhand(
    root: Path,
    split: Split,
    models: Mapping[Side, HandModel],
    *,
    wanted: SampleFilter,
    report: Report,
    fps: int | None = None,
    index_base: Path | None = None,
    cancelled: threading.Event | None = None,
) -> InterHandDataset:
    """Open a split of the data set below `root`; the first time its annotation is indexed.

    Parameters
    ----------
    root : folder with ``images`` and ``annotations``, or with the downloads' folders that hold them
    fps : 5 or 30: which of the downloads' folders
    index_base : where indexes are kept; None: the user's cache folder

    Raises
    ------
    HandsError
        as `find_split` and `open_index`; INPUT_EMPTY where nothing passes the filter
    """
    files = find_split(root, split, fps)
    index = open_index(files, index_base, report, cancelled)
    dataset = InterHandDataset(f"InterHand2.6M v1.0 {split}", index, files.pictures, models, wanted)
    if len(dataset) == 0:
        raise HandsError(
            ErrorCode.INPUT_EMPTY,
            f"No sample of '{root}', split {split}, passes the filters.",
            "Choose other hands or subjects, or check that the annotations are complete.",
        )
    return dataset


def _frame_number(text: str) -> int:
    """-1 for what is no number, or larger than any frame's."""
    digits = text.lstrip("0") or text[:1]
    is_short = digits.isascii() and digits.isdigit() and len(digits) <= len(str(_LARGEST_FRAME))
    return int(digits) if is_short and int(digits) <= _LARGEST_FRAME else -1


def _chosen_rows(index: InterHandIndex, wanted: SampleFilter) -> NDArray[np.int64]:
    columns = index.columns
    chosen = np.asarray(columns["fit"]) != NO_FIT
    if wanted.hands != "both":
        chosen &= (columns["kind"] == INTERACTING) == (wanted.hands == "interacting")
    if wanted.subjects:
        chosen &= np.isin(columns["subject"], list(wanted.subjects))
    return np.flatnonzero(chosen)
