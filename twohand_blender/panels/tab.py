"""What the panels of the "Hands" tab share."""

from __future__ import annotations

from typing import Final, cast

import bpy

from ..operators.running import RUNNING

PARENT: Final = "TWOHAND_PT_reconstruct"


class HandsTab:
    """A panel of the 3D view's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Hands"


class SettingsPanel(HandsTab):
    """A closed panel with settings, below the button."""

    bl_parent_id = PARENT
    bl_options = {"DEFAULT_CLOSED"}


def settings_column(panel: bpy.types.Panel) -> bpy.types.UILayout:
    """Where the settings of a reconstruction are drawn: greyed, with the reason, while one runs."""
    layout = cast(bpy.types.UILayout, panel.layout)
    if RUNNING.active:
        layout.label(text="Locked while hands are reconstructed", icon="LOCKED")
    column = layout.column()
    column.enabled = not RUNNING.active
    column.use_property_split = True
    column.use_property_decorate = False
    return column
