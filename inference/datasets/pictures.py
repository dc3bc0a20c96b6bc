"""What happens to pictures that are missing or broken: named and counted, then skipped or fatal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract import ErrorCode, HandsError

BrokenPictures = Literal["skip", "fatal"]
_NAMED_AT_MOST: Final = 20
_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"


class _HasPictures(Protocol):
    def picture(self, sample: int) -> NDArray[np.uint8]: ...


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) pixels as stored, by OpenCV: twice as fast as the careful reader of users' pictures, which turns and
    converts. A data set's pictures need neither: boxes and joints are annotated in the pixels as stored.

    Raises
    ------
    HandsError
        INPUT_MISSING or INPUT_UNREADABLE
    """
    import cv2

    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise HandsError(
            ErrorCode.INPUT_MISSING, f"The picture '{path}' is missing.", "Is the data set unpacked completely?"
        ) from error
    except OSError as error:
        raise _broken(path, error.strerror or os.strerror(error.errno or 0)) from error
    # The decoder fills what is missing of a JPEG that was cut short with grey and says nothing.
    if content.startswith(_JPEG_START) and _JPEG_END not in content[-64:]:
        raise _broken(path, "it is cut short")
    if not content:
        raise _broken(path, "it is empty")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), flags)
    except cv2.error as error:  # a header that promises a picture of any size
        raise _broken(path, error.err) from error
    if bgr is None:
        raise _broken(path, "it cannot be decoded")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _broken(path: Path, detail: str) -> HandsError:
    return HandsError(
        ErrorCode.INPUT_UNREADABLE, f"The picture '{path}' is broken ({detail}).", "Unpack the data set again."
    )


class PictureReader:
    """Reads samples' pictures and keeps account of those that cannot be read.

    Parameters
    ----------
    dataset : anything with pictures
    broken : ``fatal`` raises at the first one, ``skip`` counts it and gives None

    Attributes
    ----------
    read, skipped : how many so far
    problems : the first sentences about skipped ones
    """

    def __init__(self, dataset: _HasPictures, broken: BrokenPictures = "fatal") -> None:
        self._dataset, self._fatal = dataset, broken == "fatal"
        self.read, self.skipped = 0, 0
        self.problems: list[str] = []

    def __call__(self, sample: int) -> NDArray[np.uint8] | None:
        """(H, W, 3) RGB, or None for a picture that is skipped."""
        try:
            rgb = self._dataset.picture(sample)
        except HandsError as error:
            if self._fatal or error.code not in (ErrorCode.INPUT_MISSING, ErrorCode.INPUT_UNREADABLE):
                raise
            self.skipped += 1
            if len(self.problems) < _NAMED_AT_MOST:
                self.problems.append(error.message)
            return None
        self.read += 1
        return rgb

    def summary(self) -> str:
        """One sentence about skipped pictures, empty where there are none."""
        if not self.skipped:
            return ""
        more = f" and {self.skipped - 1} more" if self.skipped > 1 else ""
        return f"{self.skipped} of {self.read + self.skipped} pictures were skipped: {self.problems[0]}{more}"
