"""Presets of the reconstruction's settings, in Blender's own folder for them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bpy
from bl_ui.utils import PresetPanel

PRESET_FOLDER: Final = "twohand/reconstruct"
"""Below the user's ``scripts/presets``."""


_SHIPPED: Final = str(Path(__file__).resolve().parents[1])
"""Has a folder ``presets`` with those that come with the add-on."""


class TWOHAND_PT_presets(PresetPanel, bpy.types.Panel):
    """The menu in the header of the panel "Reconstruct"."""

    bl_idname = "TWOHAND_PT_presets"
    bl_label = "Hand Reconstruction Presets"
    preset_subdir = PRESET_FOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "twohand.add_preset"


def register() -> None:
    """Offer the shipped presets beside the user's."""
    bpy.utils.register_preset_path(_SHIPPED)


def unregister() -> None:
    """Undo `register`."""
    bpy.utils.unregister_preset_path(_SHIPPED)
