"""Which frame of its source an editor shows, and at which frame of the scene another one is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import bpy

_NUMBER: Final = re.compile(r"(\d+)\.[^.]+$")


def frame_of_image(image: bpy.types.Image, user: bpy.types.ImageUser, scene_frame: int, *, numbered: bool) -> int:
    """The number, in the worker's terms, of what an image user shows at a frame of the scene.

    Blender counts from the user's start to its end and adds the offset: so a movie's first frame has number 1, and one
    of a sequence the number in its name.

    Parameters
    ----------
    numbered : a single picture is one of a numbered sequence, and has the number in its name; else its number is 1
    """
    if image.source in ("SEQUENCE", "MOVIE"):
        return min(max(scene_frame - user.frame_start + 1, 0), user.frame_duration) + user.frame_offset
    match = _NUMBER.search(Path(image.filepath).name) if numbered else None
    return int(match[1]) if match else 1


def scene_frame_of(user: bpy.types.ImageUser, number: int) -> int:
    """The frame of the scene at which an image user shows a frame of its source."""
    return number - user.frame_offset + user.frame_start - 1


def frame_of_clip(clip: bpy.types.MovieClip, scene_frame: int) -> int:
    """The number, in the worker's terms, of what a movie clip shows at a frame of the scene."""
    number = scene_frame - clip.frame_start + 1 + clip.frame_offset
    match = _NUMBER.search(Path(clip.filepath).name) if clip.source == "SEQUENCE" else None
    # A clip counts the pictures of a sequence from the one that was opened.
    return number + int(match[1]) - 1 if match else number
