"""Presets: keep the settings of a reconstruction under a name, in Blender's own folder for presets."""

from __future__ import annotations

from typing import Final

import bpy
from bl_operators.presets import AddPresetBase

_KEPT: Final = (
    "sequence_fps",
    "use_frame_range",
    "frame_start",
    "frame_end",
    "frame_step",
    "focal_source",
    "focal_mm",
    "engine",
    "hand_model",
    "device",
    "shape_source",
    "skin_tone",
    "limit_joints",
    "smoothing",
)
"""Settings that make sense for other inputs: no paths, no boxes."""


class TWOHAND_OT_add_preset(AddPresetBase, bpy.types.Operator):  # pyright: ignore[reportIncompatibleMethodOverride] - the stubs type the base's methods as None
    """Add or remove a preset of the settings below, without the input and the boxes"""

    bl_idname = "twohand.add_preset"
    bl_label = "Add Hand Reconstruction Preset"
    preset_menu = "TWOHAND_PT_presets"
    preset_subdir = "twohand/reconstruct"
    preset_defines = ["settings = bpy.context.scene.twohand"]
    preset_values = [f"settings.{name}" for name in _KEPT]
