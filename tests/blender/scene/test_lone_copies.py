# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""What bears a mark of ours and is the user's all the same: copies, other takes of one source, linked results."""

from __future__ import annotations

from pathlib import Path

import bpy
from scene_access import current_scene
from take_factory import make_take, open_models
from twohand_extension.twohand_blender.scene import build, collection


def test_a_copy_whose_original_the_user_deleted_stays(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    original = bpy.data.objects[first.armatures["right"]]
    copy = original.copy()
    copy.name = "MyHand"
    bpy.data.collections[first.collection].objects.link(copy)
    bpy.data.objects.remove(original)
    build.build_take(bpy.context, make_take(3), open_models())
    assert "MyHand" in bpy.data.objects
    collection.remove_build(current_scene(), first.key)
    assert "MyHand" in bpy.data.objects


def test_two_take_files_of_one_source_are_two_results(empty_file: None) -> None:
    near, far = (build.BuildOptions(take_path=Path(f"/takes/{name}.hands.npz")) for name in ("near", "far"))
    first = build.build_take(bpy.context, make_take(3), open_models(), near)
    second = build.build_take(bpy.context, make_take(3, seed=1), open_models(), far)
    assert len(collection.built_keys(current_scene())) == 2
    assert set(first.armatures.values()).isdisjoint(second.armatures.values())
    build.build_take(bpy.context, make_take(4), open_models(), near)
    assert len(collection.built_keys(current_scene())) == 2


def test_hands_linked_from_another_file_are_left_alone(empty_file: None, tmp_path: Path) -> None:
    built = build.build_take(bpy.context, make_take(3), open_models())
    library = str(tmp_path / "hands.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(library, link=True) as (_, wanted):  # pyright: ignore[reportGeneralTypeIssues] - the stubs miss that it is a context manager
        wanted.collections = [built.collection]
    linked = bpy.data.collections[built.collection]
    root = current_scene().collection
    assert root is not None
    root.children.link(linked)
    count = len(linked.objects)
    again = build.build_take(bpy.context, make_take(4, seed=1), open_models())
    assert len(linked.objects) == count
    local = {item.name for item in bpy.data.objects if item.library is None}
    assert set(again.armatures.values()) <= local
    assert again.last_frame - again.first_frame == 3
