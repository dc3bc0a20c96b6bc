"""The collection that holds what was built from a take."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bpy

from .names import collection_name
from .ownership import TakeKey, is_local, mark_of, originals, put_mark, remove_blocks, replaceable

COLLECTION_ROLE: Final = "collection"
TAKE_PATH: Final = "twohand_take_path"
"""Custom property of the collection: the take file, for smoothing anew and for reports."""
TAKE_SHA256: Final = "twohand_take_sha256"
"""Custom property of the collection: fingerprint of that file when it was built from."""


def ensure_collection(scene: bpy.types.Scene, key: TakeKey) -> bpy.types.Collection:
    """The take's collection in a scene: the one of an earlier run, wherever the user has put it, or a new one."""
    found = local_collection(scene, key)
    if found is not None:
        return found
    collection = bpy.data.collections.new(collection_name(key.name))
    put_mark(collection, key, COLLECTION_ROLE)
    _root(scene).children.link(collection)
    return collection


def find_collection(scene: bpy.types.Scene, key: TakeKey) -> bpy.types.Collection | None:
    """The take's collection in a scene, or None."""
    return originals(_root(scene).children_recursive, key).get(COLLECTION_ROLE)


def local_collection(scene: bpy.types.Scene, key: TakeKey) -> bpy.types.Collection | None:
    """The take's collection in a scene if it can be built into: one linked from another file cannot."""
    found = find_collection(scene, key)
    return found if found is not None and is_local(found) else None


def built_keys(scene: bpy.types.Scene) -> list[TakeKey]:
    """Every take that was built in a scene, in the order of its collections."""
    marks = [mark_of(collection) for collection in _root(scene).children_recursive]
    keys = dict.fromkeys(mark.key for mark in marks if mark is not None and mark.role == COLLECTION_ROLE)
    return [key for key in keys if find_collection(scene, key) is not None]


def own_objects(scene: bpy.types.Scene, key: TakeKey) -> dict[str, bpy.types.Object]:
    """The take's objects in a scene by role, also those that the user moved into other collections."""
    return originals(scene.objects, key)


def take_path_of(collection: bpy.types.Collection) -> Path | None:
    """The take file that a collection was built from, where it is known."""
    path = collection.get(TAKE_PATH)
    return Path(path) if isinstance(path, str) and path else None


def remove_build(scene: bpy.types.Scene, key: TakeKey) -> None:
    """Remove everything that was built from a take; a collection that holds things of the user's stays."""
    remove_blocks(replaceable(scene.objects, key).values())
    collection = local_collection(scene, key)
    if collection is not None and not collection.all_objects and not collection.children:
        bpy.data.collections.remove(collection)


def _root(scene: bpy.types.Scene) -> bpy.types.Collection:
    assert scene.collection is not None  # noqa: S101 - every scene has one; narrows the stubs' type
    return scene.collection
