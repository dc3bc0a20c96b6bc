"""The panels of the sidebar tab "Hands", a file each."""

from __future__ import annotations

from .boxes import TWOHAND_PT_boxes, TWOHAND_PT_image_boxes, TWOHAND_UL_boxes
from .build import TWOHAND_PT_build
from .camera import TWOHAND_PT_camera
from .engine import TWOHAND_PT_engine
from .frames import TWOHAND_PT_frames
from .lines import wrapped
from .presets import TWOHAND_PT_presets
from .reconstruct import TWOHAND_PT_reconstruct
from .results import TWOHAND_PT_results

__all__ = [
    "PANELS",
    "TWOHAND_PT_boxes",
    "TWOHAND_PT_build",
    "TWOHAND_PT_camera",
    "TWOHAND_PT_engine",
    "TWOHAND_PT_frames",
    "TWOHAND_PT_image_boxes",
    "TWOHAND_PT_presets",
    "TWOHAND_PT_reconstruct",
    "TWOHAND_PT_results",
    "TWOHAND_UL_boxes",
    "wrapped",
]

PANELS = (
    TWOHAND_PT_presets,
    TWOHAND_PT_reconstruct,
    TWOHAND_PT_frames,
    TWOHAND_UL_boxes,
    TWOHAND_PT_boxes,
    TWOHAND_PT_camera,
    TWOHAND_PT_engine,
    TWOHAND_PT_build,
    TWOHAND_PT_results,
    TWOHAND_PT_image_boxes,
)
"""In the order in which they are shown, a parent before its sub-panels."""
