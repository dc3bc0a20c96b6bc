"""The picture, sequence or movie behind the hands, on the camera and in step with the scene's frames."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import bpy

from ...inference.contract import Take
from .orientation import orientation_of
from .ownership import TakeKey, put_mark
from .timeline import Timeline

_PATTERN: Final = re.compile(r"#+(?!.*#)|%0?\d*d")
_NUMBERED: Final = re.compile(r"^(?P<prefix>.*?)(?P<number>\d+)(?P<suffix>\.[^.]+)$")
_PICTURE_SUFFIXES: Final = frozenset(getattr(bpy.path, "extensions_image"))  # noqa: B009 - missing in the stubs
_ROLE: Final = "background"
_LARGEST_NUMBER: Final = 2**31 - 1
"""Blender keeps the numbers of pictures in 32 bits; time stamps have more."""


def find_background(take: Take) -> Path | None:
    """The file that Blender has to open to show the take's source, or None where there is none.

    That is the picture or movie itself, or the frame of a sequence with the take's first number. Blender plays
    sequences by the numbers in the files' names: a folder of several pictures with other names cannot be shown.
    """
    source = Path(take.source)
    first = int(take.frames[0])
    if source.is_file():
        return source
    if source.is_dir():
        pictures = [path for path in _files(source) if path.suffix.lower() in _PICTURE_SUFFIXES]
        if len(pictures) == 1:
            return pictures[0]
        matches = [_NUMBERED.match(path.name) for path in pictures]
        if len({(match["prefix"], match["suffix"]) if match else None for match in matches}) != 1:
            return None
        return _with_number(pictures, matches, first)
    pattern = _PATTERN.search(source.name)
    if pattern is None:
        return None
    named = re.compile(
        re.escape(source.name[: pattern.start()]) + r"(?P<number>\d+)" + re.escape(source.name[pattern.end() :])
    )
    files = _files(source.parent)
    return _with_number(files, [named.fullmatch(path.name) for path in files], first)


def add_background(camera: bpy.types.Object, path: Path, take: Take, timeline: Timeline, key: TakeKey) -> None:
    """Show a file behind everything in the camera's view, each frame of the source at its frame of the scene.

    Raises
    ------
    RuntimeError
        where Blender cannot read the file, or cannot count as far as its frames
    """
    first, last = int(take.frames[0]), int(take.frames[-1])
    if max(abs(first), abs(last), last - first + 1) > _LARGEST_NUMBER:
        raise RuntimeError(f"frame {last} is beyond what Blender can count")
    data = camera.data
    assert isinstance(data, bpy.types.Camera)  # noqa: S101 - narrows the type
    image = bpy.data.images.load(str(path), check_existing=False)
    put_mark(image, key, _ROLE)
    background = data.background_images.new()
    background.source = "IMAGE"
    background.image = image
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "FIT"
    data.show_background_images = True
    if image.source == "FILE":
        _turn_upright(background, path, take)
        if len(take.frames) > 1:
            image.source = "SEQUENCE"
    if image.source in ("SEQUENCE", "MOVIE"):
        user = background.image_user
        assert user is not None  # noqa: S101 - every background has one
        # Blender shows number (scene frame - frame_start + 1 + frame_offset); a movie's first frame has number 1.
        user.frame_start, user.frame_offset = timeline.first, first - 1
        user.frame_duration = last - first + 1
        user.use_auto_refresh = True


def _turn_upright(background: bpy.types.CameraBackgroundImage, path: Path, take: Take) -> None:
    orientation = orientation_of(path)
    background.use_flip_x = orientation.flip_x
    background.rotation = orientation.quarter_turns * math.pi / 2
    if orientation.quarter_turns % 2:
        # Blender fits the picture as stored into the frame, and turns it then.
        background.scale = max(take.picture_size_px) / min(take.picture_size_px)


def _with_number(files: list[Path], matches: list[re.Match[str] | None], number: int) -> Path | None:
    found = (path for path, match in zip(files, matches, strict=True) if match and int(match["number"]) == number)
    return next(found, None)


def _files(folder: Path) -> list[Path]:
    """Visible files by name, none where the folder cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError:
        return []
