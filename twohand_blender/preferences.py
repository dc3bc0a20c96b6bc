"""Preferences: the Python interpreter that reconstructs, and whether it has what it needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal, cast

import bpy
from bpy.props import StringProperty

from ..inference.contract import HandsError
from .locations import EXTENSION_PACKAGE, worker_python

_PACKAGES: Final = "onnxruntime opencv-python-headless pillow tqdm"
_MARK_ICONS: Final[dict[str, Literal["CHECKMARK", "INFO", "ERROR"]]] = {
    "ok": "CHECKMARK",
    "note": "INFO",
    "problem": "ERROR",
}


class TWOHAND_AP_preferences(bpy.types.AddonPreferences):
    """Blender's own Python is not touched: pictures are worked on by another interpreter, as a process of its own."""

    bl_idname = EXTENSION_PACKAGE

    if TYPE_CHECKING:
        python_path: str
        findings: str
    else:
        python_path: StringProperty(
            name="Python",
            description="Python 3.11 or newer, or the folder of a virtual environment, that has the packages below",
            subtype="FILE_PATH",
        )
        # What the last check found, a line a finding: status, subject, detail, remedy, separated by tabs.
        findings: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def draw(self, context: bpy.types.Context) -> None:  # noqa: ARG002 - Blender's signature
        layout = cast(bpy.types.UILayout, self.layout)
        layout.prop(self, "python_path", placeholder="For example /home/me/hands/bin/python")
        try:
            python = worker_python(self.python_path)
            layout.label(text=f"Used: {python}", icon="CHECKMARK")
        except HandsError as error:
            layout.label(text=error.message, icon="ERROR")
        column = layout.column(align=True)
        column.label(text="How to make one, in a terminal:")
        for command in setup_commands():
            column.label(text=f"    {command}")
        layout.operator("twohand.check_runtime", icon="VIEWZOOM")
        for line in self.findings.splitlines():
            status, subject, detail, remedy = line.split("\t")
            layout.label(text=f"{subject}: {detail}", icon=_MARK_ICONS.get(status, "DOT"))
            if remedy:
                layout.label(text=f"    {remedy}", icon="BLANK1")


def setup_commands() -> tuple[str, ...]:
    """The lines that make an interpreter with everything needed."""
    python = r"hands\Scripts\python.exe" if sys.platform == "win32" else "hands/bin/python"
    return ("python -m venv hands", f"{python} -m pip install {_PACKAGES}")


def preferences_of(context: bpy.types.Context) -> TWOHAND_AP_preferences | None:
    """The add-on's preferences; None where it is registered without being an enabled add-on (tests, scripts)."""
    preferences = cast(bpy.types.Preferences, context.preferences)
    addon = preferences.addons.get(EXTENSION_PACKAGE)
    return cast(TWOHAND_AP_preferences, addon.preferences) if addon else None


def python_path_of(context: bpy.types.Context) -> str:
    """The interpreter that the user chose, empty where none was."""
    preferences = preferences_of(context)
    return preferences.python_path if preferences else ""
