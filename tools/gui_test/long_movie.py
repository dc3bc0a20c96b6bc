"""A movie that takes long enough to be cancelled."""

from __future__ import annotations

from pathlib import Path

import cv2


def write_repeated(source: Path, path: Path, times: int) -> None:
    """Write the movie `source` several times in a row."""
    writer: cv2.VideoWriter | None = None
    for _ in range(times):
        reader = cv2.VideoCapture(str(source))
        while True:
            read, picture = reader.read()
            if not read:
                break
            if writer is None:
                height, width = picture.shape[:2]
                code = cv2.VideoWriter.fourcc(*"mp4v")
                writer = cv2.VideoWriter(str(path), code, reader.get(cv2.CAP_PROP_FPS), (width, height))
            writer.write(picture)
        reader.release()
    assert writer is not None, f"{source} has no frames"
    writer.release()
