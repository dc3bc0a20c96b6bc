"""Presets of the reconstruction's settings, in Blender's own folder for them."""

from __future__ import annotations

from typing import Final

import bpy
from bl_ui.utils import PresetPanel

PRESET_FOLDER: Final = "twohand/reconstruct"
"""Below the user's ``scripts/presets``."""


class TWOHAND_PT_presets(PresetPanel, bpy.types.Panel):
    """The menu in the header of the panel "Reconstruct"."""

    bl_idname = "TWOHAND_PT_presets"
    bl_label = "Hand Reconstruction Presets"
    preset_subdir = PRESET_FOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "twohand.add_preset"
