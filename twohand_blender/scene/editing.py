"""Edit mode for an armature that leaves the user's mode, active object and selection as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import bpy


def scene_of(context: bpy.types.Context) -> bpy.types.Scene:
    """The context's scene; the stubs take members of a context for functions."""
    return cast(bpy.types.Scene, context.scene)


@contextmanager
def edit_bones_of(
    context: bpy.types.Context, armature_object: bpy.types.Object
) -> Iterator[bpy.types.ArmatureEditBones]:
    """The edit bones of an armature; bones exist in edit mode only, and Blender enters it for the active object.

    The object is linked to the scene's own collection meanwhile, which no view layer can exclude.
    """
    scene, view_layer = scene_of(context), cast(bpy.types.ViewLayer, context.view_layer)
    assert scene.collection is not None  # noqa: S101 - every scene has one
    active = view_layer.objects.active
    mode = active.mode if active is not None else "OBJECT"
    selected = list(view_layer.objects.selected)
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for item in selected:
        # Blender would take every selected armature into edit mode as well.
        item.select_set(False)
    scene.collection.objects.link(armature_object)
    try:
        view_layer.objects.active = armature_object
        bpy.ops.object.mode_set(mode="EDIT")
        armature = armature_object.data
        assert isinstance(armature, bpy.types.Armature)  # noqa: S101 - narrows the type
        yield armature.edit_bones
    finally:
        if armature_object.mode == "EDIT":
            bpy.ops.object.mode_set(mode="OBJECT")
        scene.collection.objects.unlink(armature_object)
        for item in selected:
            item.select_set(True)
        view_layer.objects.active = active
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)
