"""Scratch scenes: a place for copies that vanishes without a trace, so that exports never touch the user's scene."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def temporary_data() -> Iterator[None]:
    """Remove every data-block that was made inside, also after an error; what was there before stays."""
    before = {item.session_uid for item in _all_data()}
    try:
        yield
    finally:
        bpy.data.batch_remove([item for item in _all_data() if item.session_uid not in before])


def _all_data() -> Iterable[bpy.types.ID]:
    return bpy.data.user_map()


def new_scene(name: str, like: bpy.types.Scene) -> bpy.types.Scene:
    """A scene with the frame rate of another one."""
    scene = bpy.data.scenes.new(name)
    scene.render.fps, scene.render.fps_base = like.render.fps, like.render.fps_base
    return scene


@contextmanager
def scene_context(context: bpy.types.Context, scene: bpy.types.Scene) -> Iterator[bpy.types.Context]:
    """Operators and `context` refer to another scene meanwhile; the window goes on showing the user's."""
    with context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        yield bpy.context


def depsgraph_of(context: bpy.types.Context, scene: bpy.types.Scene) -> bpy.types.Depsgraph:
    """The evaluated scene."""
    with scene_context(context, scene) as inside:
        return inside.evaluated_depsgraph_get()


@contextmanager
def lent_names(wanted: Iterable[tuple[bpy.types.ID, str]]) -> Iterator[None]:
    """Give data-blocks the exact names that a file is to contain, although others bear them.

    Whoever bears a name now is called otherwise meanwhile and gets it back, also after an error.
    """
    lent: list[tuple[bpy.types.ID, str]] = []
    given = [(item, name, item.name) for item, name in wanted]
    try:
        for item, name, _ in given:
            owner = next((other for other in _all_data() if _collides(other, item, name)), None)
            if owner is not None:
                lent.append((owner, name))
                owner.name = f"lent-{uuid.uuid4().hex}"
            item.name = name
        yield
    finally:
        for item, _, own_name in given:
            item.name = own_name
        for owner, name in lent:
            owner.name = name


def _collides(other: bpy.types.ID, item: bpy.types.ID, name: str) -> bool:
    """Names are unique among the local data-blocks of a type."""
    return other.name == name and other.id_type == item.id_type and other.library is None and other != item
