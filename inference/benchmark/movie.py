"""The movie that is measured: a clip with two hands, played forth and back until it is long enough."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..contract import ErrorCode, HandsError
from ..media import FrameSelection, open_source

SIZE_PX: Final = (1280, 720)
FPS: Final = 30.0
_MOST_CLIP_FRAMES: Final = 240


def write_movie(clip: Path, path: Path, frame_count: int, size_px: tuple[int, int] = SIZE_PX) -> None:
    """Write `frame_count` frames of (width, height) `size_px`; forth and back, so that no hand ever jumps.

    Raises
    ------
    HandsError
        the errors of reading; INTERNAL where OpenCV cannot encode
    """
    import cv2

    selection = FrameSelection(last=_MOST_CLIP_FRAMES)
    pictures = [
        cv2.resize(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), size_px, interpolation=cv2.INTER_AREA)
        for frame in open_source(clip).read(selection)
        if frame.rgb is not None
    ]
    loop = [*pictures, *pictures[-2:0:-1]]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size_px)
    try:
        if not writer.isOpened():
            raise HandsError(ErrorCode.INTERNAL, "OpenCV cannot encode MPEG-4 movies here.", "Give another --movie.")
        for index in range(frame_count):
            writer.write(loop[index % len(loop)])
    finally:
        writer.release()
