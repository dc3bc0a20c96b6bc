"""Contact sheets: many samples side by side, with or without what is true of them drawn in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..contract import output_error
from ..hands.joints import SKELETON_EDGES
from .truth import Samples

Picture = NDArray[np.uint8]

_COLOURS_BGR: Final = ((60, 60, 255), (255, 150, 40))
_HIDDEN_BGR: Final = (20, 20, 20)
_LARGEST_COORDINATE_PX: Final = 10_000
_JPEG_QUALITY: Final = 95


def pictures_bgr(samples: Samples, *, truth: bool) -> list[Picture]:
    """The samples' pictures for OpenCV, with skeletons (right red, left blue, hidden joints black) if `truth`."""
    rgb = samples.picture.permute(0, 2, 3, 1).cpu().numpy()
    pictures = [np.ascontiguousarray(picture[:, :, ::-1]) for picture in rgb]
    if not truth:
        return pictures
    joints = samples.joints_px.cpu().numpy().clip(-_LARGEST_COORDINATE_PX, _LARGEST_COORDINATE_PX).round().astype(int)
    visible, present = samples.visible.cpu().numpy(), samples.present.cpu().numpy()
    for number, picture in enumerate(pictures):
        for hand in np.flatnonzero(present[number]):
            points = [(int(x), int(y)) for x, y in joints[number, hand]]
            for start, end in SKELETON_EDGES:
                cv2.line(picture, points[start], points[end], _COLOURS_BGR[hand], 1, cv2.LINE_AA)
            for point, seen in zip(points, visible[number, hand], strict=True):
                cv2.circle(picture, point, 2, (90, 255, 90) if seen else _HIDDEN_BGR, -1)
    return pictures


def write_sheet(path: Path, pictures: list[Picture], columns: int) -> None:
    """Write pictures of one size as a PNG of `columns` a row.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE
    """
    blank = np.zeros_like(pictures[0])
    padded = pictures + [blank] * (-len(pictures) % columns)
    rows = [np.hstack(padded[start : start + columns]) for start in range(0, len(padded), columns)]
    write_picture(path, np.vstack(rows))


def write_picture(path: Path, picture: Picture) -> None:
    """Write a BGR picture as its name says, as PNG or JPEG; unlike `cv2.imwrite` it says why it could not.

    Raises
    ------
    HandsError
        OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    good, data = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    try:
        if not good:
            raise OSError("the picture could not be encoded")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise output_error(path, error) from error
