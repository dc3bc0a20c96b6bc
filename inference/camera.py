"""The pinhole camera of a picture. Axes are OpenCV's: x right, y down, z forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FocalSource = Literal["given", "exif", "default"]

FILM_WIDTH_MM: Final = 36.0
"""Width of the 35 mm film frame that "35 mm equivalent" focal lengths refer to (its longer side)."""
DEFAULT_FOCAL_MM: Final = 35.0
"""Assumed where neither the user nor the file says: between a phone's main lens (26 mm) and a normal lens (50 mm)."""


@dataclass(frozen=True)
class Camera:
    """Pinhole intrinsics in pixels; pixel (0, 0) is the centre of the top-left pixel."""

    focal_px: float
    principal_px: tuple[float, float]
    picture_size_px: tuple[int, int]
    focal_source: FocalSource

    @classmethod
    def from_focal_mm(cls, focal_mm: float, picture_size_px: tuple[int, int], source: FocalSource) -> Camera:
        """From a 35 mm equivalent focal length: `focal_mm` over 36 mm of the longer side."""
        width, height = picture_size_px
        focal_px = focal_mm / FILM_WIDTH_MM * max(width, height)
        return cls(focal_px, ((width - 1) / 2, (height - 1) / 2), picture_size_px, source)

    @classmethod
    def from_horizontal_fov(cls, fov_deg: float, picture_size_px: tuple[int, int]) -> Camera:
        """From the horizontal field of view in degrees."""
        width, height = picture_size_px
        focal_px = 0.5 * width / np.tan(np.deg2rad(fov_deg) / 2)
        return cls(float(focal_px), ((width - 1) / 2, (height - 1) / 2), picture_size_px, "given")

    @classmethod
    def from_vertical_fov(cls, fov_deg: float, picture_size_px: tuple[int, int]) -> Camera:
        """From the vertical field of view in degrees."""
        width, height = picture_size_px
        focal_px = 0.5 * height / np.tan(np.deg2rad(fov_deg) / 2)
        return cls(float(focal_px), ((width - 1) / 2, (height - 1) / 2), picture_size_px, "given")

    def project(self, points_m: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3) in camera axes, metres, to pixels (..., 2); points must lie in front of the camera."""
        points = np.asarray(points_m, dtype=np.float64)
        return self.focal_px * points[..., :2] / points[..., 2:] + np.array(self.principal_px)
