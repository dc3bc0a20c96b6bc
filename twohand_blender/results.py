"""What was built in a scene, as operators and panels need it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import bpy

from ..inference.hands.joints import SIDES, Side
from .export.source import Hand
from .scene.build import armature_role, mesh_role
from .scene.collection import built_keys, find_collection, own_objects
from .scene.ownership import TakeKey

SUMMARY: Final = "twohand_summary"
"""Custom property of a take's collection: sentences, a line each."""
EXPORT_SUMMARY: Final = "twohand_export_summary"
"""Custom property of a take's collection: what the last export's read-back found."""


def keep_summary(scene: bpy.types.Scene, key: TakeKey, lines: Iterable[str], name: str = SUMMARY) -> None:
    """Remember sentences about a result on its collection, so that they are saved with the file."""
    collection = find_collection(scene, key)
    if collection is not None:
        collection[name] = "\n".join(lines)


def summary_of(scene: bpy.types.Scene, key: TakeKey, name: str = SUMMARY) -> list[str]:
    """The sentences kept by `keep_summary`."""
    collection = find_collection(scene, key)
    text = collection.get(name, "") if collection is not None else ""
    return text.splitlines() if isinstance(text, str) else []


def hands_of(scene: bpy.types.Scene, key: TakeKey, sides: Iterable[Side] = SIDES) -> list[Hand]:
    """The hands of a result that have both their armature and their mesh."""
    objects = own_objects(scene, key)
    return [
        Hand(side, objects[armature_role(side)], objects[mesh_role(side)])
        for side in sides
        if armature_role(side) in objects and mesh_role(side) in objects
    ]


def chosen_result(scene: bpy.types.Scene, name: str, source: str) -> TakeKey | None:
    """The result that is named; without a name the one of the active object, else the newest of the scene."""
    keys = built_keys(scene)
    if name:
        return next((key for key in keys if key.name == name and (not source or key.source == source)), None)
    active = getattr(bpy.context, "active_object", None)  # a context without a window has none
    for key in keys:
        if active is not None and active in own_objects(scene, key).values():
            return key
    return keys[-1] if keys else None
