"""Sentences in a narrow sidebar."""

from __future__ import annotations

import textwrap
from typing import Final, Literal, cast

import bpy

Icon = Literal["NONE", "ERROR", "INFO", "BLANK1"]

# Of Blender's default font and theme, at a UI scale of 1.
_CHARACTER_PX: Final = 6.4
_MARGINS_PX: Final = 62.0
_ICON_CHARACTERS: Final = 4
_USUAL_LINE_CHARACTERS: Final = 36


def draw_lines(layout: bpy.types.UILayout, lines: list[str], width: int, icon: Icon = "NONE") -> None:
    """Sentences, wrapped between words: Blender cuts off what is longer than a line."""
    column = layout.column(align=True)
    for line in filter(None, lines):
        # Translated as a whole: the pieces that it is cut into are in no catalogue.
        translated = bpy.app.translations.pgettext_iface(line) or line
        for part in wrapped(translated, width if icon == "NONE" else width - _ICON_CHARACTERS):
            column.label(text=part, icon=icon, translate=False)
            icon = "BLANK1" if icon != "NONE" else "NONE"


def line_length(context: bpy.types.Context) -> int:
    """About how many characters a line of the sidebar takes."""
    region = cast("bpy.types.Region | None", context.region)  # the stubs take members of a context for functions
    preferences = cast(bpy.types.Preferences, context.preferences)
    if region is None:
        return _USUAL_LINE_CHARACTERS
    return max(16, int((region.width / preferences.system.ui_scale - _MARGINS_PX) / _CHARACTER_PX))


def wrapped(line: str, width: int = _USUAL_LINE_CHARACTERS) -> list[str]:
    """A sentence in pieces of at most `width` characters, cut between words where there are any."""
    return textwrap.wrap(line, width) or [""]
