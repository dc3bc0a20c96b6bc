"""The picture, sequence or movie behind the hands, on the camera and in step with the scene's frames."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import bpy

from ...inference.contract import Take
from .ownership import TakeKey, put_mark
from .timeline import Timeline

_PATTERN: Final = re.compile(r"#+(?!.*#)|%0?\d*d")
_NUMBERED: Final = re.compile(r"^.*?(?P<number>\d+)\.[^.]+$")
_PICTURE_SUFFIXES: Final = frozenset(getattr(bpy.path, "extensions_image"))  # noqa: B009 - missing in the stubs
_ROLE: Final = "background"


def find_background(take: Take) -> Path | None:
    """The file that Blender has to open to show the take's source, or None where there is none.

    That is the picture or movie itself, or the frame of a sequence with the take's first number. Blender plays
    sequences by the numbers in the files' names: a folder of several pictures with other names cannot be shown.
    """
    source = Path(take.source)
    if source.is_file():
        return source
    pattern = None if source.is_dir() else _PATTERN.search(source.name)
    folder = source if source.is_dir() else source.parent
    if not folder.is_dir() or (pattern is None and not source.is_dir()):
        return None
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if pattern is None:
        files = [path for path in files if path.suffix.lower() in _PICTURE_SUFFIXES]
        if len(files) == 1:
            return files[0]
    else:
        prefix, suffix = source.name[: pattern.start()], source.name[pattern.end() :]
        files = [path for path in files if path.name.startswith(prefix) and path.name.endswith(suffix)]
        files = [path for path in files if path.name[len(prefix) : len(path.name) - len(suffix)].isdigit()]
        return next((path for path in files if int(path.name[len(prefix) :][: -len(suffix)]) == take.frames[0]), None)
    numbers = [_NUMBERED.match(path.name) for path in files]
    return next(
        (path for path, found in zip(files, numbers, strict=True) if found and int(found["number"]) == take.frames[0]),
        None,
    )


def add_background(camera: bpy.types.Object, path: Path, take: Take, timeline: Timeline, key: TakeKey) -> None:
    """Show a file behind everything in the camera's view, each frame of the source at its frame of the scene.

    Raises
    ------
    RuntimeError
        where Blender cannot read the file
    """
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
    first, last = int(take.frames[0]), int(take.frames[-1])
    if image.source == "FILE" and last > first:
        image.source = "SEQUENCE"
    if image.source in ("SEQUENCE", "MOVIE"):
        user = background.image_user
        assert user is not None  # noqa: S101 - every background has one
        # Blender shows number (scene frame - frame_start + 1 + frame_offset); a movie's first frame has number 1.
        user.frame_start, user.frame_offset = timeline.first, first - 1
        user.frame_duration = last - first + 1
        user.use_auto_refresh = True
