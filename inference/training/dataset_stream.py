"""Training batches from a data set: the same order and variation for the same seed, whatever reads them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from ..contract import ErrorCode, HandsError
from ..crops import CROP_PX
from ..datasets import KINDS, GroundTruth, HandDataset, PictureReader
from ..datasets.pictures import BrokenPictures
from ..datasets.validity import usable_points
from ..fit.placement import AnswerAxes
from ..hands.joints import SIDES
from ..hands.model import HandModel
from .augmentation import NO_VARIATION, Variation, as_a_camera_would, cut_varied, draw_variation
from .background import before_background, draw_background, hands_mask
from .batch import TrainingBatch
from .configuration import AugmentationSettings
from .paper_losses import LossTargets

_logger = logging.getLogger(__name__)
_TRIES: Final = 64
_MIRRORED_WITHIN_M: Final = 0.002
_ENDLESS: Final = 1 << 40


class DatasetStream:
    """See `BatchStream`.

    Parameters
    ----------
    dataset : the pictures and their truth
    batch : samples a batch
    augmentation : None for plain crops
    seed : of the order and of the variations
    authors_validity : use the joints' validity in the wrong order, as the authors do
    broken : what happens to pictures that cannot be read; ``skip`` takes another one in their place
    picture_px : side of the pictures
    workers : processes that read ahead; 0 reads when asked
    """

    def __init__(
        self,
        dataset: HandDataset,
        *,
        batch: int,
        augmentation: AugmentationSettings | None,
        seed: int,
        authors_validity: bool = False,
        broken: BrokenPictures = "fatal",
        workers: int = 0,
        picture_px: int = CROP_PX,
    ) -> None:
        self._batches = _Batches(
            dataset,
            batch=batch,
            augmentation=augmentation,
            seed=seed,
            authors_validity=authors_validity,
            broken=broken,
            picture_px=picture_px,
        )
        self._workers = workers

    @property
    def samples(self) -> int:
        """See `BatchStream.samples`."""
        return self._batches.samples

    @property
    def axes(self) -> AnswerAxes:
        """See `BatchStream.axes`: annotations are taken as they are."""
        return "camera"

    def batches(self, first: int, step: int) -> Iterator[TrainingBatch]:
        """See `BatchStream.batches`.

        Raises
        ------
        HandsError
            what reading a picture raised
        """
        loader = DataLoader(
            self._batches,
            batch_size=None,
            sampler=range(first, _ENDLESS, step),
            num_workers=self._workers,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_quiet_worker,
            prefetch_factor=4 if self._workers else None,
        )
        for item in loader:
            if isinstance(item, HandsError):
                raise item
            yield item


def _quiet_worker(_: int) -> None:
    # Readers side by side: each with threads of its own they would only hinder each other.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


class _Cut(NamedTuple):
    """One sample on its way into a batch: `matrix` (2, 3) leads from the picture to the crop, `rng` varies the rest."""

    sample: int
    crop: NDArray[np.uint8]
    matrix: NDArray[np.float64]
    variation: Variation
    rng: np.random.Generator


class _Batches(Dataset["TrainingBatch | HandsError"]):
    """Batch by number."""

    def __init__(
        self,
        dataset: HandDataset,
        *,
        batch: int,
        augmentation: AugmentationSettings | None,
        seed: int,
        authors_validity: bool,
        broken: BrokenPictures,
        picture_px: int,
    ) -> None:
        if len(dataset) == 0:
            raise HandsError(ErrorCode.INPUT_EMPTY, f"{dataset.name} holds no such pictures.", "See --hands, --split.")
        self.samples = len(dataset)
        self._dataset, self._batch, self._augmentation = dataset, batch, augmentation
        self._seed, self._authors_validity = seed, authors_validity
        self._broken: BrokenPictures = broken
        self._picture_px = picture_px
        self._reader: PictureReader | None = None
        self._epoch, self._order = -1, np.zeros(0, dtype=np.int64)
        self._mirrored = _are_mirrored(dataset.models["right"], dataset.models["left"])

    def __getitem__(self, number: int) -> TrainingBatch | HandsError:
        try:
            return self._make(number)
        except HandsError as error:
            # Given back, not raised: it would lose its code and its hint on the way out of a worker process.
            return error

    def _make(self, number: int) -> TrainingBatch:
        if self._reader is None:  # one a process: it counts
            self._reader = PictureReader(self._dataset, self._broken)
        skipped_before, named_before = self._reader.skipped, len(self._reader.problems)
        places = range(number * self._batch, (number + 1) * self._batch)
        cuts = [self._cut(place, self._reader) for place in places]
        for problem in self._reader.problems[named_before:]:
            _logger.warning("%s", problem)
        samples = np.array([cut.sample for cut in cuts], dtype=np.int64)
        truth = self._dataset.truth(samples)
        pictures = np.stack([self._varied(cut, truth, place) for place, cut in enumerate(cuts)])
        return self._assembled(cuts, truth, pictures, self._reader.skipped - skipped_before)

    def _cut(self, place: int, reader: PictureReader) -> _Cut:
        sample, rgb = self._readable(place, reader)
        rng = np.random.default_rng([self._seed, place, 1])
        variation = draw_variation(rng, self._augmentation) if self._augmentation else NO_VARIATION
        matrix = variation.crop_matrix(self._dataset.box_px(sample), rgb.shape[1], self._picture_px)
        return _Cut(sample, cut_varied(rgb, matrix, self._picture_px), matrix, variation, rng)

    def _varied(self, cut: _Cut, truth: GroundTruth, place: int) -> NDArray[np.float32]:
        """(S, S, 3) from 0 to 1: the crop with other colours, and whatever else the settings ask for."""
        picture, settings = cut.crop.astype(np.float32) / np.float32(255), self._augmentation
        if settings and settings.background and cut.rng.random() < settings.background:
            picture = self._before_another_background(picture, cut, truth, place)
        picture = np.clip(picture * np.array(cut.variation.colour, dtype=np.float32), 0, 1)
        return as_a_camera_would(picture, cut.rng, settings.strong) if settings and settings.strong else picture

    def _before_another_background(
        self, picture: NDArray[np.float32], cut: _Cut, truth: GroundTruth, place: int
    ) -> NDArray[np.float32]:
        """The hands of a crop elsewhere; the crop itself where a hand has no mesh to be cut out by."""
        present = self._present(cut.sample)
        if not np.all(truth.fit_valid[place][present]):
            return picture
        camera, meshes = self._dataset.intrinsics(cut.sample), []
        for hand, side in enumerate(SIDES):
            if not present[hand]:
                continue
            vertices_mm = truth.vertices_mm[hand][place]
            if not vertices_mm[:, 2].min() > 0:
                return picture
            vertices_px = camera.project(vertices_mm) @ cut.matrix[:, :2].T + cut.matrix[:, 2]
            meshes.append((vertices_px, self._dataset.models[side].triangles))
        size = picture.shape[0]
        return before_background(picture, hands_mask(meshes, size), draw_background(cut.rng, size))

    def _present(self, sample: int) -> NDArray[np.bool_]:
        """(2,) by the annotation."""
        kind = self._dataset.kinds[sample]
        return np.array([kind != KINDS.index("left"), kind != KINDS.index("right")])

    def _readable(self, place: int, reader: PictureReader) -> tuple[int, NDArray[np.uint8]]:
        """The sample at a place of the endless order, or, where its picture is broken, another one."""
        for attempt in range(_TRIES):
            if attempt == 0:
                sample = self._sample_at(place)
            else:
                sample = int(np.random.default_rng([self._seed, place, 2, attempt]).integers(self.samples))
            rgb = reader(sample)
            if rgb is not None:
                return sample, rgb
        raise HandsError(
            ErrorCode.INPUT_UNREADABLE,
            f"{_TRIES} pictures of {self._dataset.name} one after another cannot be read.",
            "Is the data set unpacked completely?",
        )

    def _sample_at(self, place: int) -> int:
        epoch, within = divmod(place, self.samples)
        if epoch != self._epoch:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(self.samples)
            self._epoch = epoch
        return int(self._order[within])

    def _assembled(
        self,
        cuts: list[_Cut],
        truth: GroundTruth,
        pictures: NDArray[np.float32],
        skipped: int,
    ) -> TrainingBatch:
        samples = np.array([cut.sample for cut in cuts], dtype=np.int64)
        parameters = self._dataset.parameters(samples)
        swap_fits = self._augmentation is None or self._augmentation.swap_fit_validity
        valid = usable_points(truth, "authors" if self._authors_validity else "mapped")
        rows = []
        for place, cut in enumerate(cuts):
            variation, matrix = cut.variation, cut.matrix
            points = truth.points_mm[place]
            with np.errstate(divide="ignore", invalid="ignore"):  # hands that are not annotated lie anywhere
                px = self._dataset.intrinsics(cut.sample).project(points)
            px = np.nan_to_num(variation.swap_hands(px @ matrix[:, :2].T + matrix[:, 2]), posinf=0.0, neginf=0.0)
            vertices = _stacked([hand[place] for hand in truth.vertices_mm])
            fits = truth.fit_valid[place]
            present = self._present(cut.sample)
            rows.append(
                {
                    "points_mm": variation.move_points(points),
                    "points_valid": variation.swap_hands(valid[place]),
                    "hand_present": variation.swap_hands(present),
                    "betas": variation.swap_hands(parameters.betas[place]),
                    "fit_valid": variation.swap_hands(fits) if swap_fits else fits,
                    "presence_valid": self._dataset.kinds_valid[cut.sample],
                    "vertices_mm": variation.move_points(vertices),
                    # Mirrored vertices are the other hand's only where the models mirror each other.
                    "vertices_valid": variation.swap_hands(fits & (self._mirrored or not variation.flip)),
                    "joints_px": px,
                }
            )
        arrays = {name: torch.from_numpy(np.stack([row[name] for row in rows]).astype(np.float32)) for name in rows[0]}
        return TrainingBatch(
            picture=torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(),
            targets=LossTargets(**{name: arrays.pop(name) for name in LossTargets._fields}),
            skipped=torch.tensor(skipped),
            **arrays,
        )


def _stacked(vertices: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(2, V, 3) of a right and a left hand; zeros fill the one with fewer vertices."""
    count = max(map(len, vertices))
    return np.stack([np.pad(hand, ((0, count - len(hand)), (0, 0))) for hand in vertices])


def _are_mirrored(right: HandModel, left: HandModel) -> bool:
    if right.v_template.shape != left.v_template.shape:
        return False
    apart = np.abs(left.v_template * [-1.0, 1.0, 1.0] - right.v_template).max()
    return bool(apart < _MIRRORED_WITHIN_M)
