"""Predictions of an engine as users run it: it finds the hands in the whole picture and places them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..datasets.dataset import HandDataset
from ..datasets.pictures import PictureReader
from ..engines import Engine
from ..engines.two_hands import TwoHandsEngine
from ..hands.joints import POINT_COUNT, SIDES, Side
from ..hands.rotations import quat_wxyz_to_matrix
from ..hands.skinning import pose_hand
from .prediction import PredictedHands

MILLIMETRES: Final = 1000.0


class PosedHand(Protocol):
    """A hand before the camera, in the take's terms."""

    @property
    def quat_wxyz(self) -> NDArray[np.float64]: ...

    @property
    def translation_m(self) -> NDArray[np.float64]: ...

    @property
    def betas(self) -> NDArray[np.float64]: ...


class EngineSource:
    """See `PredictionSource`. Every picture is a clip of its own: nothing is known of the frame before.

    Parameters
    ----------
    engine : any engine
    reader : reads the data set's pictures
    """

    def __init__(self, engine: Engine, reader: PictureReader) -> None:
        self._engine, self._reader = engine, reader
        self.name = f"engine {engine.name}"

    def _reconstruct(self, camera: Camera, rgb: NDArray[np.uint8]) -> Mapping[Side, PosedHand]:
        return self._engine.start(camera).reconstruct_frame(rgb)

    def batches(self, dataset: HandDataset) -> Iterator[tuple[NDArray[np.int64], PredictedHands]]:
        """See `PredictionSource.batches`; broken pictures that are skipped have no prediction."""
        for sample in range(len(dataset)):
            rgb = self._reader(sample)
            if rgb is None:
                continue
            intrinsics = dataset.intrinsics(sample)
            size_px = (rgb.shape[1], rgb.shape[0])
            # The program's camera has square pixels; the cameras of data sets have nearly square ones.
            focal_px = float(np.mean(intrinsics.focal_px))
            camera = Camera(focal_px, intrinsics.principal_px, size_px, "given")
            yield np.array([sample], dtype=np.int64), self._hands(self._reconstruct(camera, rgb))

    def _hands(self, hands: Mapping[Side, PosedHand]) -> PredictedHands:
        points = np.full((1, 2, POINT_COUNT, 3), np.nan)
        vertices = [np.full((1, *self._engine.models[side].v_template.shape), np.nan) for side in SIDES]
        for hand, side in enumerate(SIDES):
            if side in hands:
                found = hands[side]
                rotations = quat_wxyz_to_matrix(found.quat_wxyz)
                posed = pose_hand(self._engine.models[side], rotations, found.betas, found.translation_m)
                points[0, hand] = MILLIMETRES * posed.points_m
                vertices[hand][0] = MILLIMETRES * posed.vertices_m
        offset = points[:, 1, 0] - points[:, 0, 0] if len(hands) == len(SIDES) else np.full((1, 3), np.nan)
        return PredictedHands(points, (vertices[0], vertices[1]), offset)


class NetworksAlone(EngineSource):
    """The open two-hand network without the fit: what it says itself, placed before the camera.

    Parameters
    ----------
    engine : see `TwoHandsEngine`
    reader : reads the data set's pictures
    """

    def __init__(self, engine: TwoHandsEngine, reader: PictureReader) -> None:
        super().__init__(engine, reader)
        self._networks = engine
        self.name = f"networks of engine {engine.name}, no fit"

    def _reconstruct(self, camera: Camera, rgb: NDArray[np.uint8]) -> Mapping[Side, PosedHand]:
        run = self._networks.start(camera)
        return run.place(run.see(rgb))
