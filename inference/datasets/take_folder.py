"""A folder of takes whose hands are the truth (what the synthesiser writes), as a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..contract import TAKE_SUFFIX, ErrorCode, HandsError, Take, read_take
from ..hands.joints import POINT_COUNT, SIDES, Side
from ..hands.model import HandModel
from ..hands.rotations import matrix_to_rotvec, quat_wxyz_to_matrix
from ..hands.skinning import pose_hand
from ..media import FrameSelection, Source, open_source
from .dataset import INTERACTING, GroundTruth, Intrinsics, ModelParameters

MILLIMETRES: Final = 1000.0
_CAMERA: Final = "0"


class TakeFolder:
    """See `HandDataset`. A take is a sequence; ids are ``TAKE/0/FRAME``, TAKE being the file's name without its ending.

    Pictures are read from the take's source: where it says it was, else beside the take. Each source is opened once.

    Parameters
    ----------
    paths : the takes, all of one hand model
    models : that hand model
    hands : ``interacting``: frames with both hands, ``single`` with one, ``both`` any; frames without a hand never
    """

    def __init__(self, paths: Sequence[Path], models: Mapping[Side, HandModel], hands: str = "both") -> None:
        self.models = models
        self.name = f"takes of {paths[0].parent.name}"
        self._paths = list(paths)
        self._takes = [read_take(path) for path in paths]
        rows: list[tuple[int, int, int]] = []
        for number, take in enumerate(self._takes):
            for frame in range(len(take.frames)):
                right, left = (bool(take.present[hand, frame]) for hand in range(2))
                if right or left:
                    rows.append((number, frame, INTERACTING if right and left else int(left)))
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        single = table[:, 2] != INTERACTING
        table = table[{"interacting": ~single, "single": single}.get(hands, slice(None))]
        if len(table) == 0:
            raise HandsError(
                ErrorCode.INPUT_EMPTY, f"No frame of the takes in '{paths[0].parent}' has such hands.", "See --hands."
            )
        self._take_numbers, self._rows = table[:, 0], table[:, 1]
        self.kinds: NDArray[np.int8] = table[:, 2].astype(np.int8)
        self.kinds_valid: NDArray[np.bool_] = np.ones(len(table), dtype=bool)
        self.sequences: NDArray[np.int32] = table[:, 0].astype(np.int32)
        self.frames: NDArray[np.int64] = np.array(
            [self._takes[number].frames[row] for number, row, _ in table], dtype=np.int64
        )
        self._numbers = {name: place for place, name in enumerate(self.ids(np.arange(len(table))))}
        self._sources: dict[int, Source] = {}
        self._boxes_px: dict[int, tuple[float, float, float, float]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def sequence_name(self, number: int) -> str:
        """The take's name."""
        return self._paths[number].name.removesuffix(TAKE_SUFFIX)

    def ids(self, samples: NDArray[np.int64]) -> list[str]:
        """See `HandDataset.ids`."""
        names = (self.sequence_name(int(self._take_numbers[sample])) for sample in samples)
        return [f"{name}/{_CAMERA}/{self.frames[sample]}" for name, sample in zip(names, samples, strict=True)]

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """See `HandDataset.find`."""
        return np.array([self._numbers.get(name, -1) for name in ids], dtype=np.int64)

    def truth(self, samples: NDArray[np.int64]) -> GroundTruth:
        """See `HandDataset.truth`; every point of a present hand is valid."""
        present = self._present(samples)
        points = np.zeros((len(samples), 2, POINT_COUNT, 3))
        vertices: list[NDArray[np.float64]] = []
        for hand, side in enumerate(SIDES):
            parts = [self._of(sample) for sample in samples]
            posed = pose_hand(
                self.models[side],
                quat_wxyz_to_matrix(np.stack([take.quat_wxyz[hand, row] for take, row in parts])),
                np.stack([take.betas[hand] for take, _ in parts]),
                np.stack([take.translation_m[hand, row] for take, row in parts]),
            )
            points[:, hand] = MILLIMETRES * posed.points_m
            vertices.append(MILLIMETRES * posed.vertices_m)
        valid = np.repeat(present[..., None], POINT_COUNT, axis=2)
        return GroundTruth(points, (vertices[0], vertices[1]), present, valid)

    def parameters(self, samples: NDArray[np.int64]) -> ModelParameters:
        """See `HandDataset.parameters`."""
        present = self._present(samples)
        parts = [self._of(sample) for sample in samples]
        quat = np.stack([take.quat_wxyz[:, row] for take, row in parts])
        rotvec = matrix_to_rotvec(quat_wxyz_to_matrix(quat))
        for hand, side in enumerate(SIDES):
            rotvec[:, hand, 1:] -= self.models[side].pose_mean_rotvec
        betas = np.stack([take.betas for take, _ in parts])
        pose = rotvec.reshape(len(samples), 2, -1)
        return ModelParameters(pose * present[..., None], betas * present[..., None], present)

    def picture(self, sample: int) -> NDArray[np.uint8]:
        """See `HandDataset.picture`; a frame of a movie is sought from the movie's start."""
        take, row = self._of(sample)
        source = self._source(int(self._take_numbers[sample]))
        number = int(take.frames[row])
        frame = next(source.read(FrameSelection(number, number)), None)
        if frame is None or frame.rgb is None:
            problem = "it ends earlier" if frame is None else frame.problem or "its file is missing"
            raise HandsError(
                ErrorCode.INPUT_UNREADABLE, f"Frame {number} of '{source.info.path}' cannot be read ({problem}).", ""
            )
        return frame.rgb

    def box_px(self, sample: int) -> tuple[float, float, float, float]:
        """See `HandDataset.box_px`: around the projected points of the present hands."""
        sample = int(sample)
        if sample not in self._boxes_px:
            self._boxes_px[sample] = self._box_around_hands(sample)
        return self._boxes_px[sample]

    def _box_around_hands(self, sample: int) -> tuple[float, float, float, float]:
        samples = np.array([sample], dtype=np.int64)
        points = self.truth(samples).points_mm[0][self._present(samples)[0]].reshape(-1, 3)
        pixels = self.intrinsics(sample).project(points)
        (x, y), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
        return float(x), float(y), float(right - x), float(bottom - y)

    def intrinsics(self, sample: int) -> Intrinsics:
        """See `HandDataset.intrinsics`."""
        take, _ = self._of(sample)
        return Intrinsics((take.focal_px, take.focal_px), take.principal_px)

    def _source(self, number: int) -> Source:
        """The pictures of a take."""
        if number not in self._sources:
            path, named = self._paths[number], Path(self._takes[number].source)
            places = [named, path.parent / named.name, path.parent / named]
            found = next((place for place in places if place.exists()), path.parent / named)
            self._sources[number] = open_source(found)
        return self._sources[number]

    def _of(self, sample: int | np.int64) -> tuple[Take, int]:
        return self._takes[int(self._take_numbers[sample])], int(self._rows[sample])

    def _present(self, samples: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, 2)"""
        return np.array([take.present[:, row] for take, row in map(self._of, samples)], dtype=bool).reshape(-1, 2)


def models_of_takes(
    paths: Sequence[Path],
    shipped: Mapping[Side, HandModel],
    users_own: Callable[[], tuple[HandModel, HandModel]],
) -> Mapping[Side, HandModel]:
    """The hand model that all takes were made with: the shipped one, or the user's own.

    Raises
    ------
    HandsError
        MODEL_MISSING where it is another, or takes of different hand models lie together
    """
    wanted = {read_take(path).model_sha256 for path in paths}
    if wanted == {(shipped["right"].sha256, shipped["left"].sha256)}:
        return shipped
    right, left = users_own()
    if wanted == {(right.sha256, left.sha256)}:
        return {"right": right, "left": left}
    raise HandsError(
        ErrorCode.MODEL_MISSING,
        f"The takes in '{paths[0].parent}' were made with hand models that are not here, or with different ones.",
        "Put takes of one hand model into a folder.",
    )
