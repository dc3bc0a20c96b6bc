"""Translations of the interface, a file a language, through Blender's own machinery.

Texts in the code are English. Blender looks each of them up when it draws it, by its context: buttons of operators have
the context ``Operator``, everything else ``*``. A text that a catalogue lacks is shown in English. To add a language,
write a file like the others and name it here; a test checks that every key is a text that the interface has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import bpy

from .german import GERMAN
from .japanese import JAPANESE

CATALOGUES: Final[Mapping[str, Mapping[tuple[str, str], str]]] = {"de_DE": GERMAN, "ja_JP": JAPANESE}
"""By Blender's name of the language: context and English text to the translation."""


def register() -> None:
    """Make the catalogues known."""
    catalogues: dict[str, Any] = {language: dict(texts) for language, texts in CATALOGUES.items()}
    bpy.app.translations.register(__name__, catalogues)


def unregister() -> None:
    """Undo `register`."""
    bpy.app.translations.unregister(__name__)
