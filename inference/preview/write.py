"""The preview of a whole take: a picture for a picture, a movie for the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract import (
    TAKE_SUFFIX,
    ErrorCode,
    HandsError,
    Take,
    progress_record,
    read_take,
    replacing,
    warning_record,
)
from ..hands.joints import Side
from ..hands.model import HandModel
from ..media import FrameSelection, Source, open_source, read_ahead
from .overlay import draw_mesh, draw_points, posed_mesh
from .smoothed import smoothed_take

PICTURE_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
MOVIE_SUFFIXES: Final = (".mp4",)
_UNKNOWN_FPS: Final = 24.0
_BACKGROUND: Final = 64
_LARGEST_MOVIE_SIDE_PX: Final = 1920

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class PreviewOptions:
    """What a preview shows.

    Parameters
    ----------
    points : draw the observed joints and the fitted skeleton, too
    frame : draw this frame alone, as a picture
    smoothing : strength from 0 to 1 (`motion.smoothing`); the take file stays as measured
    """

    points: bool = False
    frame: int | None = None
    smoothing: float = 0.0


def write_preview(
    take_path: Path,
    out: Path | None,
    models: Mapping[Side, HandModel],
    *,
    options: PreviewOptions,
    report: Report,
    cancelled: threading.Event,
) -> Path:
    """Draw a take over its source.

    Parameters
    ----------
    out : picture (PNG, JPEG) or movie (MP4) to write; None: beside the take
    models : the right and the left hand model the take was made with
    cancelled : set from anywhere to stop; nothing is written then

    Raises
    ------
    HandsError
        TAKE_DAMAGED, TAKE_NEWER, MODEL_MISSING where the models are others, USAGE, CANCELLED, errors of writing
    """
    take = read_take(take_path)
    if take.model_sha256 != (models["right"].sha256, models["left"].sha256):
        raise HandsError(
            ErrorCode.MODEL_MISSING,
            f"'{take_path.name}' was made with another version of the hand model '{take.model_name}'.",
            "Reconstruct again with the model that is installed now.",
        )
    if options.smoothing > 0:
        take = smoothed_take(take, models, options.smoothing)
    rows = _rows(take, options)
    as_picture = len(take.frames) == 1 or options.frame is not None
    path = _out_path(take_path, out, as_picture)
    if any(_is_same_file(path, source) for source in _places_of_source(take, take_path)):
        raise HandsError(
            ErrorCode.USAGE, f"'{path.name}' is the take's own source.", "Choose another name for the preview."
        )
    backgrounds = _Backgrounds(take, take_path, rows, report)
    drawn = (_draw(take, row, rgb, models, options) for row, rgb in backgrounds.frames())
    with closing(drawn):
        if as_picture:
            _write_picture(path, next(drawn))
            report(progress_record("preview", 1, 1, 0.0))
        else:
            _write_movie(path, drawn, _fps(take), count=len(rows), report=report, cancelled=cancelled)
    return path


def _rows(take: Take, options: PreviewOptions) -> list[int]:
    if options.frame is None:
        return list(range(len(take.frames)))
    found = np.flatnonzero(take.frames == options.frame)
    if len(found) == 0:
        raise HandsError(
            ErrorCode.USAGE,
            f"The take holds no frame {options.frame}.",
            f"Its frames are {take.frames[0]} to {take.frames[-1]}.",
        )
    return [int(found[0])]


def _out_path(take_path: Path, out: Path | None, as_picture: bool) -> Path:
    allowed = PICTURE_SUFFIXES if as_picture else MOVIE_SUFFIXES
    if out is None or out.is_dir():
        folder = take_path.parent if out is None else out
        return folder / f"{take_path.name.removesuffix(TAKE_SUFFIX)}.preview{allowed[0]}"
    if out.suffix.lower() not in allowed:
        kind = "picture" if as_picture else "movie"
        raise HandsError(
            ErrorCode.USAGE, f"'{out.name}' is no name for a {kind}.", f"End it in {' or '.join(allowed)}."
        )
    return out


def _is_same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist
        return False


def _fps(take: Take) -> float:
    """Frames a second of the preview: the source's, divided where the take holds every n-th frame only."""
    step = int(np.median(np.diff(take.frames))) if len(take.frames) > 1 else 1
    return (take.fps or _UNKNOWN_FPS) / max(step, 1)


class _Backgrounds:
    """The source's frames for some rows of a take, or plain grey where the source is gone."""

    def __init__(self, take: Take, take_path: Path, rows: list[int], report: Report) -> None:
        self._take, self._rows = take, rows
        self._source = _find_source(take, take_path, report)
        self._size_px = self._source.info.working_size_px if self._source else take.picture_size_px

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """(row, picture) in order; every row once."""
        numbers = self._take.frames[self._rows]
        pending = list(self._rows)
        if self._source is not None:
            selection = FrameSelection(int(numbers[0]), int(numbers[-1]))
            with closing(read_ahead(self._source.read(selection))) as frames:
                for frame in frames:
                    while pending and self._take.frames[pending[0]] < frame.number:
                        yield pending.pop(0), self._plain()
                    if pending and self._take.frames[pending[0]] == frame.number:
                        row = pending.pop(0)
                        rgb = frame.rgb
                        fits = rgb is not None and rgb.shape[1::-1] == self._size_px
                        yield row, rgb if fits and rgb is not None else self._plain()
        for row in pending:
            yield row, self._plain()

    def _plain(self) -> NDArray[np.uint8]:
        width, height = self._size_px
        return np.full((height, width, 3), _BACKGROUND, dtype=np.uint8)


def _places_of_source(take: Take, take_path: Path) -> tuple[Path, Path]:
    """Where it was, and beside the take: both may have been moved together."""
    named = Path(take.source)
    return named, take_path.parent / named.name


def _find_source(take: Take, take_path: Path, report: Report) -> Source | None:
    for path in dict.fromkeys(_places_of_source(take, take_path)):
        try:
            source = open_source(path)
        except HandsError:
            continue
        if source.info.picture_size_px != take.picture_size_px:
            continue
        if source.info.sha256 != take.source_sha256:
            message = f"'{path.name}' has changed since the take was made."
            report(warning_record("source_changed", message))
        return source
    message = f"The source '{take.source}' is gone or has another size; the hands are drawn on plain grey."
    report(warning_record("source_missing", message))
    return None


def _draw(
    take: Take, row: int, rgb: NDArray[np.uint8], models: Mapping[Side, HandModel], options: PreviewOptions
) -> NDArray[np.uint8]:
    scale = rgb.shape[1] / take.picture_size_px[0]
    principal_x, principal_y = take.principal_px
    principal = ((principal_x + 0.5) * scale - 0.5, (principal_y + 0.5) * scale - 0.5)
    mesh = posed_mesh(take, row, models)
    still = len(take.frames) == 1
    drawn = rgb if mesh is None else draw_mesh(rgb, mesh, take.focal_px * scale, principal, 2 if still else 1)
    return draw_points(drawn, take, row, scale) if options.points else drawn


def _write_picture(path: Path, rgb: NDArray[np.uint8]) -> None:
    import cv2

    done, encoded = cv2.imencode(path.suffix.lower(), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise HandsError(ErrorCode.INTERNAL, f"'{path.name}' cannot be encoded.", "Choose another file type.")
    with replacing(path, suffix=path.suffix.lower()) as temporary:
        temporary.write_bytes(encoded.tobytes())


def _write_movie(
    path: Path,
    frames: Iterator[NDArray[np.uint8]],
    fps: float,
    *,
    count: int,
    report: Report,
    cancelled: threading.Event,
) -> None:
    import cv2

    with replacing(path, suffix=path.suffix.lower()) as temporary:
        temporary.touch(exist_ok=False)  # the encoder would only be silent about a place that is not writable
        writer: cv2.VideoWriter | None = None
        size = (0, 0)
        try:
            for done, rgb in enumerate(frames):
                if cancelled.is_set():
                    raise HandsError(ErrorCode.CANCELLED, "Cancelled; no preview was written.")
                if writer is None:
                    size = _movie_size(rgb)
                    writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
                    if not writer.isOpened():
                        raise OSError(0, "the movie encoder refused it")
                bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
                writer.write(bgr if bgr.shape[1::-1] == size else cv2.resize(bgr, size, interpolation=cv2.INTER_AREA))
                report(progress_record("preview", done + 1, count, None))
        finally:
            if writer is not None:
                writer.release()
        # The writer never says that the disk was full; a movie that was cut off cannot be opened.
        if not cv2.VideoCapture(str(temporary), cv2.CAP_FFMPEG).isOpened():
            raise OSError(28, "No space left on device")


def _movie_size(rgb: NDArray[np.uint8]) -> tuple[int, int]:
    """(width, height), even as encoders want it, and not above full HD."""
    height, width = rgb.shape[:2]
    scale = min(1.0, _LARGEST_MOVIE_SIDE_PX / max(width, height))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)
