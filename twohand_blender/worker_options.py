"""From the settings of a scene to the options of a request to the worker (``docs/command-line.md``, "serve")."""

from __future__ import annotations

from typing import Any

import bpy

from .properties import settings_of


def worker_options(scene: bpy.types.Scene) -> dict[str, Any]:
    """What the scene's settings say, without what is the worker's default anyway.

    Returns
    -------
    the options of ``reconstruct`` without dashes: text, numbers and true
    """
    settings = settings_of(scene)
    options: dict[str, Any] = {}
    if settings.as_sequence:
        options["sequence"] = True
    if settings.sequence_fps > 0:
        options["fps"] = round(settings.sequence_fps, 4)
    if settings.use_frame_range:
        options |= {"start": settings.frame_start, "end": settings.frame_end, "step": settings.frame_step}
    if settings.focal_source == "GIVEN":
        options["focal_mm"] = round(settings.focal_mm, 4)
    return options
