"""A movie as a source, decoded in order by OpenCV's FFmpeg."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError
from ..runtime import require
from .picture_file import check_smallest_side
from .source import Frame, FrameSelection, SourceInfo
from .source_hash import movie_hash

if TYPE_CHECKING:
    import cv2

_HIGHEST_FPS: Final = 1000.0
_MOST_FRAMES: Final = 10_000_000
"""More than a header can truthfully promise (four days at 25 fps): such a header is not believed."""


class MovieSource:
    """A movie; its first frame has the number 1, as in Blender and in editing programs.

    Frames are always decoded from the start: seeking by frame number is inexact in common files, while skipping
    decodes several hundred 720p frames a second.
    """

    def __init__(self, path: Path) -> None:
        require("cv2")
        import cv2

        self._path = path
        with _opened(path) as capture:
            decoded, first = capture.read()
            if not decoded:
                raise HandsError(
                    ErrorCode.INPUT_EMPTY,
                    f"'{path.name}' holds no frames that can be decoded.",
                    "Play it to see whether it is damaged; export it again, for example as H.264 in MP4.",
                )
            height, width = first.shape[:2]
            check_smallest_side(path, width, height)
            count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            if not 0 < count <= _MOST_FRAMES:
                count = 1
                while capture.grab():
                    count += 1
            fps = float(capture.get(cv2.CAP_PROP_FPS))
        self._info = SourceInfo(
            path=str(path),
            kind="movie",
            numbers=np.arange(1, count + 1, dtype=np.int64),
            fps=fps if 0 < fps <= _HIGHEST_FPS else 0.0,
            picture_size_px=(width, height),
            working_size_px=(width, height),
            focal_35mm=None,
            sha256=movie_hash(path),
        )

    @property
    def info(self) -> SourceInfo:
        """See `Source.info`."""
        return self._info

    def read(self, selection: FrameSelection, after: int | None = None) -> Iterator[Frame]:
        """See `Source.read`."""
        import cv2

        number = 0
        with _opened(self._path) as capture:
            while capture.grab():
                number += 1
                if selection.last is not None and number > selection.last:
                    return
                if not selection.includes(number, 1) or (after is not None and number <= after):
                    continue
                decoded, bgr = capture.retrieve()
                if not decoded:
                    yield Frame(number, None, "The frame cannot be decoded.")
                    continue
                rgb: NDArray[np.uint8] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[assignment]  # uint8 in, uint8 out
                yield Frame(number, rgb)


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    # FFmpeg's own messages are no sentences for a user; set before OpenCV first opens a movie.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # upright, as the file's rotation says
    try:
        if not capture.isOpened():
            raise HandsError(
                ErrorCode.INPUT_UNREADABLE,
                f"'{path.name}' is neither a picture nor a movie that can be read.",
                "If it plays elsewhere, it may be cut short or use a rare codec: export it as H.264 in MP4.",
            )
        yield capture
    finally:
        capture.release()
