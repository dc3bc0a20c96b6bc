"""From the settings of a scene to the options of a request to the worker (``docs/command-line.md``, "serve")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..inference.contract import ErrorCode, HandsError
from .boxes import boxes_of
from .properties import settings_of
from .scene_focal import focal_options


def worker_options(scene: bpy.types.Scene, source: Path, engine: str = "") -> dict[str, Any]:
    """What the scene's settings say, without what is the worker's default anyway.

    Parameters
    ----------
    source : the absolute path of the input, whose boxes are meant
    engine : identifier of an engine that goes before the scene's

    Returns
    -------
    the options of ``reconstruct`` without dashes: text, numbers, true, and boxes as ``{"FRAME": [x, y, w, h]}``

    Raises
    ------
    HandsError
        USAGE where the focal length is to come from a camera that has none, or the shape from a take that is not named
    """
    settings = settings_of(scene)
    options: dict[str, Any] = {}
    if settings.as_sequence:
        options["sequence"] = True
    if settings.sequence_fps > 0:
        options["fps"] = float(f"{settings.sequence_fps:.7g}")  # as typed: Blender keeps 32 bits
    if settings.use_frame_range:
        options |= {"start": settings.frame_start, "end": settings.frame_end, "step": settings.frame_step}
    if settings.focal_source == "GIVEN":
        options["focal_mm"] = round(settings.focal_mm, 4)
    elif settings.focal_source == "CAMERA":
        options |= {name: round(value, 6) for name, value in focal_options(scene).items()}
    engine = engine or settings.engine
    poses_mano = settings.hand_model == "MANO" and engine in ("AUTOMATIC", "LANDMARKS")
    if poses_mano:
        engine = "LANDMARKS"  # of the engines that can pose another hand than their own the only one
        options["hand_model"] = "mano"
    if engine != "AUTOMATIC":
        options["engine"] = engine.lower()
    if settings.device != "AUTOMATIC":
        options["device"] = settings.device.lower()
    if engine != "INTERSHAPE" or settings.shape_source == "TAKE":  # else its network says the shape of each hand
        options |= _shape_options(settings.shape_source, settings.shape_take_path)
    for box in boxes_of(settings, str(source)):
        numbers = [round(value, 2) for value in box.rectangle]
        options.setdefault(f"{box.side.lower()}_box", {})[str(box.frame)] = numbers
    return options


def _shape_options(shape_source: str, take_path: str) -> dict[str, str]:
    if shape_source == "SHARED":
        return {}
    if shape_source == "EACH":
        return {"shape": "each"}
    if not take_path.strip():
        raise HandsError(
            ErrorCode.USAGE,
            "No take is chosen for the shape of the hands.",
            "Choose one in the field 'Shape Take', or another hand shape.",
        )
    return {"shape_from": str(Path(bpy.path.abspath(take_path)).absolute())}
