"""Preferences: what the add-on remembers for every file, and where the rest of the add-on asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import bpy
from bpy.props import StringProperty

from .locations import EXTENSION_PACKAGE, PYTHON_VARIABLE
from .managed_runtime import managed_python


class TWOHAND_AP_preferences(bpy.types.AddonPreferences):
    """Blender's own Python is not touched: pictures are worked on by another interpreter, as a process of its own."""

    bl_idname = EXTENSION_PACKAGE

    if TYPE_CHECKING:
        python_path: str
        wheels_folder: str
        findings: str
    else:
        python_path: StringProperty(
            name="Own Python",
            description="A Python 3.11 or newer that has the packages already, or the folder of its virtual "
            "environment; used instead of what Set Up makes",
            subtype="FILE_PATH",
        )
        wheels_folder: StringProperty(
            name="Wheels Folder",
            description="Folder with the files that Set Up needs, for a computer without network: whatever lies there "
            "is not downloaded",
            subtype="DIR_PATH",
        )
        # What the last check found, a line a finding: status, subject, detail, remedy, separated by tabs.
        findings: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def draw(self, context: bpy.types.Context) -> None:
        from .preferences_models import draw_models  # these use operators, and operators use this module
        from .preferences_runtime import draw_runtime

        layout = cast(bpy.types.UILayout, self.layout)
        draw_runtime(layout, self, context)
        layout.separator()
        draw_models(layout, context)


def preferences_of(context: bpy.types.Context) -> TWOHAND_AP_preferences | None:
    """The add-on's preferences; None where it is registered without being an enabled add-on (tests, scripts)."""
    preferences = cast(bpy.types.Preferences, context.preferences)
    addon = preferences.addons.get(EXTENSION_PACKAGE)
    return cast(TWOHAND_AP_preferences, addon.preferences) if addon else None


def forget_findings(context: bpy.types.Context) -> None:
    """Before what was checked is changed."""
    preferences = preferences_of(context)
    if preferences is not None:
        preferences.findings = ""


def own_python_of(context: bpy.types.Context) -> str:
    """The interpreter that the user chose, in the preferences or by the environment variable; empty where none was."""
    preferences = preferences_of(context)
    chosen = preferences.python_path.strip() if preferences else ""
    return chosen or os.environ.get(PYTHON_VARIABLE, "").strip()


def python_path_of(context: bpy.types.Context) -> str:
    """The interpreter that reconstructs: the user's own, else that of *Set Up*; empty where there is neither."""
    return own_python_of(context) or managed_python()


def wheels_folder_of(context: bpy.types.Context) -> str:
    """The folder of wheels that the user chose, empty where none was."""
    preferences = preferences_of(context)
    return preferences.wheels_folder if preferences else ""
