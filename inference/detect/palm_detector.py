"""Finding palms: MediaPipe's palm net, its anchors, and the merging of overlapping answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .crops import CropSource
from .nets import PALM_NET_FILE, load_net
from .region import Region

INPUT_SIZE: Final = 192
_GRIDS: Final = ((24, 2), (12, 6))
"""(cells a side, anchors a cell): strides 8 and 16; every anchor has size one (MediaPipe, palm_detection graph)."""
_WRIST, _MIDDLE_MCP = 0, 2
_OVERLAP_MERGED: Final = 0.3


@dataclass(frozen=True)
class Palm:
    """A palm found in the picture.

    Parameters
    ----------
    score : from 0 to 1
    box : (4,) centre x, centre y, width, height in picture pixels, axes those of the view it was found in
    keypoints_px : (7, 2) wrist, MCP joints of index, middle, ring, pinky, thumb's CMC and MCP
    """

    score: float
    box: NDArray[np.float64]
    keypoints_px: NDArray[np.float64]

    @property
    def region(self) -> Region:
        """Where the landmark net should look."""
        return Region.from_palm(self.box, self.keypoints_px[_WRIST], self.keypoints_px[_MIDDLE_MCP])


class PalmDetector:
    """Finds palms in views (square regions) of a picture.

    Parameters
    ----------
    weights_dir : folder that holds the net
    threads, providers : see `nets.load_net`
    """

    def __init__(self, weights_dir: Path, threads: int = 2, providers: Sequence[str] | None = None) -> None:
        self._net = load_net(weights_dir / PALM_NET_FILE, threads, providers)
        self._anchors = _anchors()

    def detect(self, source: CropSource, views: Sequence[Region], threshold: float = 0.5) -> list[Palm]:
        """Palms of all views together, best first; the same palm in two views may appear twice."""
        if not views:
            return []
        crops = source.crops(views, INPUT_SIZE, replicate=False)
        boxes, logits = self._net.run(["boxes", "logits"], {"input": crops})
        palms: list[Palm] = []
        for view, values, logit in zip(views, np.asarray(boxes), np.asarray(logits)[..., 0], strict=True):
            scores = 1 / (1 + np.exp(-np.clip(logit.astype(np.float64), -100, 100)))
            found = np.flatnonzero(scores >= threshold)
            if len(found):
                points = values[found].astype(np.float64).reshape(-1, 9, 2)  # centre, size, 7 key points
                points[:, 0] += self._anchors[found]
                points[:, 2:] += self._anchors[found, None]
                palms += [_to_picture(score, merged, view) for score, merged in _merge(scores[found], points)]
        return sorted(palms, key=lambda palm: -palm.score)


def _anchors() -> NDArray[np.float64]:
    """(2016, 2) anchor centres in input pixels."""
    centers = []
    for cells, repeats in _GRIDS:
        y, x = np.mgrid[:cells, :cells]
        grid = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells * INPUT_SIZE
        centers.append(grid.repeat(repeats, axis=0))
    return np.concatenate(centers)


def _merge(scores: NDArray[np.float64], points: NDArray[np.float64]) -> list[tuple[float, NDArray[np.float64]]]:
    """Weighted non-maximum suppression: overlapping answers become their mean, weighted by score."""
    low, high = points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2
    area = np.prod(np.maximum(high - low, 0), axis=1)
    order = np.argsort(-scores)
    merged: list[tuple[float, NDArray[np.float64]]] = []
    while len(order):
        best = order[0]
        common = np.minimum(high[best], high[order]) - np.maximum(low[best], low[order])
        shared = np.prod(np.maximum(common, 0), axis=1)
        together = shared / np.maximum(area[best] + area[order] - shared, 1e-9) > _OVERLAP_MERGED
        together[0] = True
        group = order[together]
        merged.append((float(scores[best]), np.average(points[group], axis=0, weights=scores[group])))
        order = order[~together]
    return merged


def _to_picture(score: float, points: NDArray[np.float64], view: Region) -> Palm:
    matrix = view.matrix(INPUT_SIZE)
    # The net counts from the corner of its input, we from the centre of the first pixel.
    moved = (points[[0, *range(2, 9)]] - 0.5) @ matrix[:, :2].T + matrix[:, 2]
    size = points[1] * (view.side_px / INPUT_SIZE)
    return Palm(score, np.concatenate([moved[0], size]), moved[1:])
