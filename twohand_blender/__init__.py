"""Blender's side of Two Hands: everything that imports bpy, nothing that imports torch.

Importing this package imports no bpy, so that `job` can be tested and used without Blender.
"""

from __future__ import annotations


def register() -> None:
    """Register classes, properties and handlers; all or nothing."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Undo everything that `register` and the running add-on did, the worker process included."""
    from . import registration

    registration.unregister()
