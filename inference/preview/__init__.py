"""A take drawn over its pictures, so that a person sees how good it is without Blender."""

from __future__ import annotations

from .write import write_preview

__all__ = ["write_preview"]
