"""Blender extension: two hands from a picture or a movie to rigged, keyframed meshes."""

from __future__ import annotations


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import twohand_blender

    twohand_blender.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from . import twohand_blender

    twohand_blender.unregister()
