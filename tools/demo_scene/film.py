"""From rendered layers to files: composing, a phone's grain, JPEG with EXIF, H.264."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final, cast

import bpy as bpy_module
import cv2
import numpy as np
from numpy.typing import NDArray

# The stubs know no node by its kind and no union of object data: Blender is taken untyped here.
bpy: Any = cast("Any", bpy_module)

GRAIN_LEVELS: Final = 1.2
"""Standard deviation of the sensor's noise in 8-bit levels."""

Picture = NDArray[np.uint8]


def compose(hands_path: Path, background: Picture, seed: int) -> Picture:
    """(H, W, 3) BGR: the rendered hands (with alpha) over the background, with grain."""
    layer = cv2.imread(str(hands_path), cv2.IMREAD_UNCHANGED)
    if layer is None:
        raise FileNotFoundError(hands_path)
    scale = 65535.0 if layer.dtype == np.uint16 else 255.0
    colour, alpha = layer[..., :3] / scale, layer[..., 3:] / scale
    picture = colour * alpha + background / 255.0 * (1 - alpha)
    noise = np.random.default_rng(seed).normal(0.0, 1.0, (*picture.shape[:2], 3))
    # Sensors' noise is coarser than a pixel after a phone's own processing, and mostly grey.
    noise = cv2.GaussianBlur(0.8 * noise.mean(axis=2, keepdims=True) * np.ones(3) + 0.25 * noise, (0, 0), 0.7)
    noise *= GRAIN_LEVELS / noise.std()
    return np.clip(np.rint(picture * 255.0 + noise), 0, 255).astype(np.uint8)


def write_jpeg(path: Path, picture: Picture, focal_35mm: int, quality: int = 92) -> None:
    """A JPEG whose EXIF block says the 35 mm equivalent focal length, as a phone's does."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError(f"'{path}' could not be encoded.")
    body = data.tobytes()
    path.write_bytes(body[:2] + _exif_segment(focal_35mm) + body[2:])


def _exif_segment(focal_35mm: int) -> bytes:
    """APP1 segment: a TIFF header, IFD0 with the pointer to the Exif IFD, which holds FocalLengthIn35mmFilm."""
    tiff = b"II*\x00" + struct.pack("<I", 8)
    tiff += struct.pack("<H", 1) + struct.pack("<HHII", 0x8769, 4, 1, 26) + struct.pack("<I", 0)
    tiff += struct.pack("<H", 1) + struct.pack("<HHIHH", 0xA405, 3, 1, focal_35mm, 0) + struct.pack("<I", 0)
    content = b"Exif\x00\x00" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def write_movie(path: Path, pictures: list[Path], size_px: tuple[int, int], fps: int) -> None:
    """H.264 in MP4 by Blender's own FFmpeg (opencv's wheel can read H.264 but not write it)."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene: Any = bpy.context.scene
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    render = scene.render
    render.resolution_x, render.resolution_y = size_px
    render.resolution_percentage, render.fps = 100, fps
    scene.frame_start, scene.frame_end = 1, len(pictures)
    editor = scene.sequence_editor_create()
    strip = editor.strips.new_image("frames", str(pictures[0]), channel=1, frame_start=1)
    for picture in pictures[1:]:
        strip.elements.append(picture.name)
    strip.frame_final_duration = len(pictures)
    render.image_settings.file_format = "FFMPEG"
    video = render.ffmpeg
    video.format, video.codec, video.audio_codec = "MPEG4", "H264", "NONE"
    video.constant_rate_factor, video.ffmpeg_preset, video.gopsize = "HIGH", "BEST", 12
    render.use_file_extension = False
    render.filepath = str(path)
    bpy.ops.render.render(animation=True)
