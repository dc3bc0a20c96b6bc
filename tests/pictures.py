"""Made pictures and movies for tests."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]

CORNERS: tuple[tuple[int, int, int], ...] = ((220, 30, 30), (30, 200, 30), (30, 30, 220), (220, 220, 30))
"""Colours of the quadrants: top left, top right, bottom left, bottom right."""


def quadrants(width: int = 96, height: int = 64) -> Picture:
    """A picture whose corners tell which way it was turned."""
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    rgb[: height // 2, : width // 2], rgb[: height // 2, width // 2 :] = CORNERS[0], CORNERS[1]
    rgb[height // 2 :, : width // 2], rgb[height // 2 :, width // 2 :] = CORNERS[2], CORNERS[3]
    return rgb


def is_quadrants(rgb: Picture | None, tolerance: int = 24) -> bool:
    """Whether a picture shows `quadrants` upright, whatever its size."""
    if rgb is None or rgb.dtype != np.uint8 or rgb.ndim != 3:
        return False
    height, width = rgb.shape[:2]
    spots = [(y, x) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    seen = [rgb[spot].astype(int) for spot in spots]
    return all(np.abs(colour - corner).max() <= tolerance for colour, corner in zip(seen, CORNERS, strict=True))


def save(path: Path, rgb: Picture | None = None) -> Path:
    """Write a picture in the format of its ending."""
    Image.fromarray(quadrants() if rgb is None else rgb).save(path)
    return path


def save_movie(path: Path, frame_count: int = 12, size: tuple[int, int] = (96, 64), fps: float = 24.0) -> Path:
    """A movie whose frame i (from 0) has the brightness of `movie_level`, in the format of its ending."""
    codec = "MJPG" if path.suffix == ".avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size)
    assert writer.isOpened()
    for index in range(frame_count):
        writer.write(np.full((size[1], size[0], 3), movie_level(index), dtype=np.uint8))
    writer.release()
    return path


def save_turned_movie(path: Path) -> Path:
    """`quadrants` as a phone held upright stores it: turned to the left, with a note to turn it to the right (MP4)."""
    stored = cv2.cvtColor(np.ascontiguousarray(np.rot90(quadrants())), cv2.COLOR_RGB2BGR)
    height, width = stored.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 24.0, (width, height))
    for _ in range(3):
        writer.write(stored)
    writer.release()
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44  # after version and flags, times, track, duration, layer, group, volume
    assert content[matrix : matrix + 4] == struct.pack(">I", 0x10000)
    quarter_turn = (0, 0x10000, 0, -0x10000, 0, 0, height << 16, 0, 0x40000000)
    content[matrix : matrix + 36] = struct.pack(">9i", *quarter_turn)
    path.write_bytes(content)
    return path


def movie_level(index: int) -> int:
    """Brightness of a movie's frame; neighbours differ by more than the codec blurs."""
    return 20 + 12 * (index % 16)


def movie_index(rgb: Picture) -> int:
    """The frame, modulo 16, that has this brightness."""
    return round((float(rgb.mean()) - 20) / 12)
