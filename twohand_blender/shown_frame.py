"""Which frame of the input an editor shows, and at which frame of the scene it shows another one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bpy

from .input_frames import InputFrames, numbered_sibling

_NUMBER: Final = re.compile(r"(\d+)\.[^.]+$")


@dataclass(frozen=True)
class ShownFrame:
    """A frame of the input in an editor.

    Parameters
    ----------
    number : in the worker's terms
    shift : what another frame's number has to be raised by to have the frame of the scene that shows it; None for a
        picture that stays
    """

    number: int
    shift: int | None = None


def frame_of_image(
    image: bpy.types.Image, user: bpy.types.ImageUser, scene_frame: int, frames: InputFrames
) -> ShownFrame | None:
    """What an image user shows at a frame of the scene, None where that is not of the input.

    Blender counts from the user's start to its end and adds the offset: so a movie's first frame has number 1, and one
    of a sequence the number in its name.
    """
    file = Path(bpy.path.abspath(image.filepath, library=image.library))
    if image.source == "FILE":
        number = frames.number_of(file)
        return None if number is None else ShownFrame(number)
    if image.source not in ("SEQUENCE", "MOVIE"):
        return None
    counted = min(max(scene_frame - user.frame_start + 1, 0), user.frame_duration) + user.frame_offset
    if image.source == "MOVIE":
        counted = max(counted, 1)  # before its first frame a movie shows that one
    number = _number(file, counted, is_movie=image.source == "MOVIE", frames=frames)
    # Not from what is shown now: before its first and after its last frame the source stands still.
    return None if number is None else ShownFrame(number, _scene_frame_of(user, counted) - number)


def frame_of_clip(clip: bpy.types.MovieClip, scene_frame: int, frames: InputFrames) -> ShownFrame | None:
    """What a movie clip shows at a frame of the scene, None where that is not of the input."""
    file = Path(bpy.path.abspath(clip.filepath, library=clip.library))
    counted = scene_frame - clip.frame_start + 1 + clip.frame_offset
    match = _NUMBER.search(file.name) if clip.source == "SEQUENCE" else None
    if match:  # a clip counts the pictures of a sequence from the one that was opened
        counted += int(match[1]) - 1
    number = _number(file, counted, is_movie=clip.source == "MOVIE", frames=frames)
    return None if number is None else ShownFrame(number, scene_frame - number)


def _scene_frame_of(user: bpy.types.ImageUser, counted: int) -> int:
    """The frame of the scene at which an image user shows what it counts as a number."""
    return counted - user.frame_offset + user.frame_start - 1


def _number(file: Path, counted: int, *, is_movie: bool, frames: InputFrames) -> int | None:
    """The input's number of what Blender counts as a number."""
    if is_movie:
        return None if frames.number_of(file) is None else counted
    return frames.number_of(numbered_sibling(file, counted))
