"""Pictures in, a take out: the one way through the program, whatever the source and the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from . import __version__
from .boxes import ClipBoxes, UserBoxes
from .camera import DEFAULT_FOCAL_MM, Camera
from .checkpoint import Checkpoint, RunState
from .clip import Clip, ClipBuilder, hands_of_row
from .contract import (
    ErrorCode,
    HandsError,
    Take,
    output_error,
    partial_path,
    progress_record,
    read_take,
    warning_record,
    write_take,
)
from .engines import Engine, EngineRun, HandInFrame
from .fit.clip_shape import ClipShape
from .hands.joints import SIDES, Side
from .look_back import LookBack
from .media import Frame, FrameSelection, Source, SourceInfo, read_ahead
from .outcome import Outcome
from .shape_take import shape_of_take

CHECKPOINT_EVERY_S: Final = 30.0
"""At most this much work is lost where the program or the machine dies."""
_ETA_AFTER_FRAMES: Final = 3
_MOST_FRAME_WARNINGS: Final = 100


class Reporter(Protocol):
    """Where records go: lines of JSON, a bar on a terminal, a list in a test."""

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Take one record of `contract`."""
        ...


@dataclass(frozen=True)
class ReconstructOptions:
    """What the user may say about a reconstruction.

    Parameters
    ----------
    focal_mm : 35 mm equivalent focal length; what the user gives goes before the file's EXIF data
    fov_deg, vertical_fov_deg : horizontal and vertical field of view; at most one of them and `focal_mm` is given
    boxes : (x, y, width, height) of hands, see `UserBoxes`
    selection : which frames
    look_back : whether hands that are found late are followed into the frames before
    finish : work on no more frames: make a take of those that an earlier run left
    shape_each : every hand has a shape of its own, else both share one
    shape_take : a take of the same people that has their shape
    notes : warning records of what was decided before (another engine, another device); reported already, and kept in
        the take
    """

    focal_mm: float | None = None
    fov_deg: float | None = None
    vertical_fov_deg: float | None = None
    boxes: UserBoxes = field(default_factory=dict)
    selection: FrameSelection = field(default_factory=FrameSelection)
    look_back: bool = True
    finish: bool = False
    shape_each: bool = False
    shape_take: Path | None = None
    notes: tuple[Mapping[str, Any], ...] = ()


def reconstruct(
    source: Source,
    take_path: Path,
    *,
    engine: Engine,
    options: ReconstructOptions,
    report: Reporter,
    cancelled: threading.Event,
) -> Outcome:
    """Reconstruct the hands of a source into a take file.

    A run that was cancelled, or that died, leaves its frames beside the take (`checkpoint`); the same call goes on
    from there. A complete take at `take_path` is replaced only by another complete one.

    Parameters
    ----------
    take_path : where the take goes; its folder must exist
    report : receives progress and warning records
    cancelled : set from anywhere to stop after the current frame

    Raises
    ------
    HandsError
        NO_HANDS where no frame shows a hand (nothing is written then), CANCELLED where a cancelled run had nothing to
        write, INPUT_EMPTY where the selection holds no frame, the errors of reading and of writing
    """
    job = _Job(take_path, engine, options, report, cancelled)
    return _Run(source, job).run()


def choose_camera(info: SourceInfo, options: ReconstructOptions) -> Camera:
    """The camera of a source: what the user says, else what the file says, else the default."""
    size = info.picture_size_px
    if options.focal_mm is not None:
        return Camera.from_focal_mm(options.focal_mm, size, "given")
    if options.fov_deg is not None:
        return Camera.from_horizontal_fov(options.fov_deg, size)
    if options.vertical_fov_deg is not None:
        return Camera.from_vertical_fov(options.vertical_fov_deg, size)
    if info.focal_35mm is not None:
        return Camera.from_focal_mm(info.focal_35mm, size, "exif")
    return Camera.from_focal_mm(DEFAULT_FOCAL_MM, size, "default")


@dataclass(frozen=True)
class _Job:
    take_path: Path
    engine: Engine
    options: ReconstructOptions
    report: Reporter
    cancelled: threading.Event


class _Run:
    def __init__(self, source: Source, job: _Job) -> None:
        self._source, self._info = source, source.info
        self._take_path = job.take_path
        self._engine, self._options = job.engine, job.options
        self._report, self._cancelled = job.report, job.cancelled
        self._camera = choose_camera(source.info, job.options)
        # Huge pictures are worked on smaller; the take speaks of the picture as it is stored.
        self._scale = self._info.working_size_px[0] / self._info.picture_size_px[0]
        self._boxes = ClipBoxes(job.options.boxes, self._first_number(), self._scale)
        self._source_warnings = [dict(record) for record in job.options.notes]
        self._frame_warnings: list[dict[str, Any]] = []
        self._checkpoint = Checkpoint(partial_path(job.take_path), self._identity())
        self._started_s = time.monotonic()

    def run(self) -> Outcome:
        _check_writable(self._take_path)
        shape = self._shape()
        shape_count = next(iter(self._engine.models.values())).shape_count
        builder = ClipBuilder(shape_count, self._total_frames())
        done = self._checkpoint.resume(builder)
        resumed_frames = len(builder)
        self._announce(resumed_frames)
        engine_run = self._start_engine(builder, done)
        if not self._options.finish:
            self._track(builder, engine_run)
            if self._options.look_back and not self._cancelled.is_set():
                self._look_back(builder, engine_run)
        interrupted = self._cancelled.is_set()
        if interrupted and len(builder):
            self._save(builder, engine_run)
        if not builder.view().present.any():
            raise self._nothing_found(len(builder), interrupted)
        self._report(progress_record("refine", 0, 1, None))
        # Nothing here holds on to what refining replaces: a long clip lies in memory as few times as possible.
        take = self._take(
            engine_run.refine(builder.release(), shape), complete=not (interrupted or self._options.finish)
        )
        self._report(progress_record("refine", 1, 1, 0.0))
        path = self._write(take)
        return Outcome(take, path, resumed_frames, time.monotonic() - self._started_s)

    def _shape(self) -> ClipShape:
        """What the user says about the shape; found out before the work rather than after it."""
        if self._options.shape_take is not None:
            return shape_of_take(self._options.shape_take, self._engine.models)
        return ClipShape(each=self._options.shape_each)

    def _start_engine(self, builder: ClipBuilder, done: RunState | None) -> EngineRun:
        engine_run = self._engine.start(self._working_camera())
        if done is not None:
            self._frame_warnings = done.warnings
            # The engine knows nothing of frames that could not be read.
            given = np.flatnonzero(builder.view().readable)
            last_hands = hands_of_row(builder.view(), int(given[-1])) if len(given) else {}
            engine_run.resume(last_hands, done.engine_state)
        return engine_run

    def _track(self, builder: ClipBuilder, engine_run: EngineRun) -> None:
        """Every frame through the engine, until the source ends or the user cancels."""
        last_number = builder.view().last_frame
        before, total = len(builder), self._total_frames()
        started_s = saved_s = time.monotonic()
        self._report(progress_record("track", before, total, None))
        frames = read_ahead(self._source.read(self._options.selection, last_number))
        try:
            for frame in frames:
                builder.append(frame.number, self._hands_of(frame, engine_run))
                last_number = frame.number
                now_s = time.monotonic()
                made, left = len(builder) - before, max(total - len(builder), 0)
                eta_s = (now_s - started_s) / made * left if made >= _ETA_AFTER_FRAMES else None
                self._report(progress_record("track", len(builder), max(total, len(builder)), eta_s))
                if self._cancelled.is_set():
                    return
                if now_s - saved_s > CHECKPOINT_EVERY_S:
                    self._save(builder, engine_run)
                    saved_s = time.monotonic()
        finally:
            frames.close()
        self._check_length(last_number)

    def _look_back(self, builder: ClipBuilder, engine_run: EngineRun) -> None:
        """Hands that were found late, followed into the frames before, until all is done or the user cancels."""

        def read(numbers: frozenset[int]) -> Generator[Frame, None, None]:
            selection = replace(self._options.selection, last=max(numbers), only=numbers)
            return read_ahead(self._source.read(selection))

        look_back = LookBack(builder, self._boxes, self._info)
        if not look_back.total:
            return
        started_s = saved_s = time.monotonic()
        self._report(progress_record("look_back", 0, look_back.total, None))
        with closing(look_back.run(read, engine_run)) as steps:
            for done in steps:
                now_s = time.monotonic()
                eta_s = (now_s - started_s) / done * (look_back.total - done)
                self._report(progress_record("look_back", done, look_back.total, eta_s))
                if self._cancelled.is_set():
                    return
                if now_s - saved_s > CHECKPOINT_EVERY_S:
                    self._save(builder, engine_run)
                    saved_s = time.monotonic()
        self._report(progress_record("look_back", look_back.total, look_back.total, 0.0))

    def _save(self, builder: ClipBuilder, engine_run: EngineRun) -> None:
        self._checkpoint.save(builder, RunState(self._frame_warnings, dict(engine_run.state())))

    def _hands_of(self, frame: Frame, engine_run: EngineRun) -> Mapping[Side, HandInFrame] | None:
        if frame.rgb is None:
            if frame.problem:
                self._warn_unreadable(frame)
            return None
        hands = engine_run.reconstruct_frame(frame.rgb, self._boxes.at(frame.number))
        for side in SIDES:
            if side in engine_run.unread_boxes:
                message = f"In frame {frame.number} nothing in the {side} hand's box is understood as a hand."
                self._frame_warnings.append(warning_record("box_without_hand", message, frame.number))
                self._report(self._frame_warnings[-1])
        return hands

    def _warn_unreadable(self, frame: Frame) -> None:
        if len(self._frame_warnings) > _MOST_FRAME_WARNINGS:
            return
        if len(self._frame_warnings) < _MOST_FRAME_WARNINGS:
            message = f"Frame {frame.number} is a gap: {frame.problem}"
            record = warning_record("frame_unreadable", message, frame.number)
        else:
            record = warning_record("frame_unreadable", "More frames cannot be read; they are gaps, too.")
        self._frame_warnings.append(record)
        self._report(record)

    def _announce(self, resumed_frames: int) -> None:
        for record in self._info.warnings:
            self._warn(dict(record))
        if self._camera.focal_source == "default":
            self._warn(
                warning_record(
                    "focal_guessed",
                    f"The focal length is not known; {DEFAULT_FOCAL_MM:g} mm (35 mm equivalent) is assumed, so "
                    "distances are rough. Give --focal-mm or --fov if you know it.",
                )
            )
        for side, number in self._boxes.all():
            if not (number in self._info.numbers and self._options.selection.includes(number, self._info.numbers[0])):
                message = f"The {side} hand has a box in frame {number}, which is not among the chosen frames."
                self._warn(warning_record("box_unused", message, number))
        if resumed_frames:
            self._report(
                warning_record(
                    "resumed", f"{resumed_frames} frames are there from an earlier run; going on from there."
                )
            )

    def _check_length(self, last_number: int | None) -> None:
        """Warn where a movie ended long before its header says."""
        promised = int(self._info.numbers[-1])
        if self._options.selection.last is not None:
            promised = min(promised, self._options.selection.last)
        step = self._options.selection.step
        if self._info.kind == "movie" and last_number is not None and promised - last_number > step:
            self._warn(
                warning_record(
                    "movie_truncated",
                    f"The movie ends after frame {last_number}, its header promises {promised}; the file may be cut "
                    "short.",
                    last_number,
                )
            )

    def _nothing_found(self, frame_count: int, interrupted: bool) -> HandsError:
        if self._options.finish:
            return HandsError(ErrorCode.NO_HANDS, "An earlier run left no frames with hands.", "Reconstruct again.")
        if interrupted:
            return HandsError(
                ErrorCode.CANCELLED, "Cancelled before any hand was found.", "Run it again to go on from there."
            )
        self._checkpoint.remove()
        if frame_count == 0:
            return HandsError(
                ErrorCode.INPUT_EMPTY,
                f"No frame of '{self._info.path}' lies in the chosen range.",
                f"Its frames are {self._info.numbers[0]} to {self._info.numbers[-1]}.",
            )
        where = "" if self._info.kind == "picture" else f"any of the {frame_count} frames of "
        return HandsError(
            ErrorCode.NO_HANDS,
            f"No hand was found in {where}'{Path(self._info.path).name}'.",
            "Take a picture in which they are larger or less covered, or say where they are: with boxes in Blender's "
            "sidebar, with --right-box and --left-box ([frame:]x,y,width,height in pixels) on the command line.",
        )

    def _write(self, take: Take) -> Path | None:
        if take.complete:
            write_take(take, self._take_path)
            self._checkpoint.remove()
            return self._take_path
        try:
            if read_take(self._take_path).complete:
                return None
        except HandsError:
            pass  # there is none, or one that nobody can read: nothing that a user could miss
        write_take(take, self._take_path)
        return self._take_path

    def _take(self, clip: Clip, complete: bool) -> Take:
        info, camera, models = self._info, self._camera, self._engine.models
        betas = np.zeros((2, clip.betas.shape[-1]))
        for index in range(2):
            rows = clip.betas[index, clip.present[index]]
            if len(rows):
                betas[index] = rows[0]  # equal in every frame after refining
        return Take(
            source=info.path,
            source_sha256=info.sha256,
            picture_size_px=info.picture_size_px,
            fps=info.fps,
            frames=clip.frames,
            readable=clip.readable,
            focal_px=camera.focal_px,
            principal_px=camera.principal_px,
            focal_source=camera.focal_source,
            engine=self._engine.name,
            engine_settings={**self._engine.settings, **self._shape_setting()},
            model_name=models["right"].name,
            model_licence=models["right"].licence,
            model_sha256=(models["right"].sha256, models["left"].sha256),
            complete=complete,
            present=clip.present,
            confidence=clip.confidence,
            quat_wxyz=clip.quat_wxyz,
            translation_m=clip.translation_m,
            betas=betas,
            joints_px=self._to_picture_px(clip.joints_px, clip.present),
            joints_px_confidence=clip.joints_px_confidence,
            joints_m=clip.joints_m,
            warnings=[*self._source_warnings, *self._frame_warnings],
        )

    def _shape_setting(self) -> dict[str, str]:
        """How the take tells of a shape that was not found as usual. Frames do not depend on it, so a run that goes on
        from another one's frames may have another."""
        if self._options.shape_take is not None:
            return {"shape": f"from {self._options.shape_take.name}"}
        return {"shape": "each"} if self._options.shape_each else {}

    def _identity(self) -> dict[str, Any]:
        """Everything that two runs must share for one to go on from the other."""
        selection, models = self._options.selection, self._engine.models
        return {
            "program": __version__,
            "source": self._info.sha256,
            "picture_size_px": list(self._info.picture_size_px),
            "focal_px": self._camera.focal_px,
            "engine": self._engine.name,
            "engine_settings": dict(self._engine.settings),
            "models": [models[side].sha256 for side in SIDES],
            "boxes": [[side, number, *self._boxes.at(number).given[side]] for side, number in self._boxes.all()],
            "look_back": self._options.look_back,
            "selection": [selection.first, selection.last, selection.step],
        }

    def _total_frames(self) -> int:
        return sum(1 for _ in self._chosen_numbers())

    def _first_number(self) -> int:
        return next(self._chosen_numbers(), int(self._info.numbers[0]))

    def _chosen_numbers(self) -> Iterator[int]:
        first = int(self._info.numbers[0])
        return (number for number in self._info.numbers.tolist() if self._options.selection.includes(number, first))

    def _working_camera(self) -> Camera:
        width, height = self._info.working_size_px
        return Camera(
            self._camera.focal_px * self._scale,
            ((width - 1) / 2, (height - 1) / 2),
            (width, height),
            self._camera.focal_source,
        )

    def _to_picture_px(self, joints_px: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
        """From pixels of the working size to those of the picture; (0, 0) is the centre of a pixel in both."""
        scaled = joints_px + 0.5
        scaled /= self._scale
        scaled -= 0.5
        scaled[~present] = 0.0
        return scaled

    def _warn(self, record: dict[str, Any]) -> None:
        self._source_warnings.append(record)
        self._report(record)


def _check_writable(take_path: Path) -> None:
    """Fail before the work rather than after it."""
    probe = take_path.with_name(f".hands-{time.time_ns():x}.tmp")
    try:
        if take_path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise output_error(take_path, error) from error
