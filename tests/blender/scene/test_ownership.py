# pyright: reportMissingImports=false
# conftest.py makes the package `twohand_extension`
"""Running again replaces what the add-on made and touches nothing of the user's."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
import pytest
from scene_access import armature_of, current_scene, mesh_of, pose_of, view_layer
from take_factory import make_take, open_models
from twohand_extension.twohand_blender.scene import build, collection, ownership


def built_twice(take_source: str = "/pictures/clip.mp4") -> tuple[build.BuiltHands, build.BuiltHands]:
    first = build.build_take(bpy.context, make_take(3, source=take_source), open_models())
    return first, build.build_take(bpy.context, make_take(4, seed=1, source=take_source), open_models())


def data_counts() -> dict[str, int]:
    kinds = ("objects", "meshes", "armatures", "actions", "cameras", "materials", "images", "collections", "shape_keys")
    return {kind: len(getattr(bpy.data, kind)) for kind in kinds}


def add_object(name: str, into: bpy.types.Collection | None = None) -> bpy.types.Object:
    item = bpy.data.objects.new(name, None)
    target = into or current_scene().collection
    assert target is not None
    target.objects.link(item)
    return item


def test_running_again_gives_the_same_names_and_leaves_nothing_behind(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    counts = data_counts()
    for seed in range(1, 4):
        again = build.build_take(bpy.context, make_take(3, seed=seed), open_models())
        assert again == first
        assert data_counts() == counts
    assert len(bpy.data.collections[first.collection].objects) == 5


def test_names_of_the_users_are_left_to_the_user(empty_file: None) -> None:
    theirs = [
        add_object("HandArmature_L"),
        bpy.data.meshes.new("HandMesh_R"),
        bpy.data.actions.new("Hands clip"),
        bpy.data.collections.new("Hands clip"),
        bpy.data.materials.new("HandSkin_L"),
        bpy.data.cameras.new("HandCamera"),
    ]
    for block in theirs:
        block.use_fake_user = True
    names = [block.name for block in theirs]
    first, again = built_twice()
    assert [block.name for block in theirs] == names
    assert first.armatures == again.armatures == {"right": "HandArmature_R", "left": "HandArmature_L.001"}
    assert again.action == "Hands clip.001" and again.collection == "Hands clip.001"


def test_what_the_user_put_into_the_collection_stays(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    lamp = add_object("Lamp", bpy.data.collections[first.collection])
    again = build.build_take(bpy.context, make_take(3), open_models())
    assert lamp.name == "Lamp" and lamp.users_collection[0].name == again.collection
    collection.remove_build(current_scene(), again.key)
    assert [item.name for item in bpy.data.objects] == ["Lamp"]
    assert lamp.users_collection[0].name == again.collection


def test_what_the_user_attached_follows_to_the_successor(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    old = bpy.data.objects[first.armatures["left"]]
    ring = add_object("Ring")
    ring.parent, ring.parent_type, ring.parent_bone = old, "BONE", "ring_01_L"
    follower = add_object("Follower")
    constraint = follower.constraints.new("COPY_LOCATION")
    assert isinstance(constraint, bpy.types.CopyLocationConstraint)
    constraint.target, constraint.subtarget = old, "hand_L"
    again = build.build_take(bpy.context, make_take(3, seed=1), open_models())
    new = bpy.data.objects[again.armatures["left"]]
    assert ring.parent == new and (ring.parent_type, ring.parent_bone) == ("BONE", "ring_01_L")
    assert constraint.target == new
    view_layer().update()
    hand = new.matrix_world @ pose_of(new).bones["hand_L"].head
    assert (follower.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation - hand).length < 1e-6


def test_a_result_stays_where_the_user_has_put_it(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    handle = add_object("Handle")
    handle.location = (0, 2, 0)
    camera = bpy.data.objects[first.camera]
    camera.parent = handle
    armature = bpy.data.objects[first.armatures["right"]]
    armature.rotation_mode, armature.rotation_axis_angle = "AXIS_ANGLE", (0.7, 0, 0, 1)
    armature.location = (1, 0, 0.5)
    view_layer().update()
    places = [camera.matrix_world.copy(), armature.matrix_world.copy()]
    again = build.build_take(bpy.context, make_take(3, seed=1), open_models())
    view_layer().update()
    for name, place in zip((again.camera, again.armatures["right"]), places, strict=True):
        matrix = bpy.data.objects[name].matrix_world
        assert max(abs(matrix[i][j] - place[i][j]) for i in range(4) for j in range(4)) < 1e-6
    assert bpy.data.objects[again.camera].parent == handle
    assert bpy.data.objects[again.meshes["right"]].parent == bpy.data.objects[again.armatures["right"]]


def test_a_copy_that_the_user_made_stays(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    source = bpy.data.objects[first.meshes["right"]]
    copy, linked = source.copy(), source.copy()
    copy.data = mesh_of(source).copy()
    for item in (copy, linked):
        bpy.data.collections[first.collection].objects.link(item)
    names = (copy.name, linked.name, mesh_of(copy).name)
    shared = mesh_of(linked)
    again = build.build_take(bpy.context, make_take(3, seed=1), open_models())
    assert (copy.name, linked.name, mesh_of(copy).name) == names
    assert linked.data == shared and len(shared.vertices) > 0
    assert again.meshes["right"] == first.meshes["right"]
    assert bpy.data.objects[again.meshes["right"]] not in (copy, linked)
    assert len(bpy.data.collections[again.collection].objects) == 7


def test_a_result_that_the_user_renamed_and_moved_is_replaced_in_place(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    mine = bpy.data.collections.new("My hands")
    root = current_scene().collection
    assert root is not None
    root.children.link(mine)
    armature = bpy.data.objects[first.armatures["right"]]
    armature.name = "Hero"
    mine.objects.link(armature)
    bpy.data.collections[first.collection].objects.unlink(armature)
    again = build.build_take(bpy.context, make_take(3, seed=1), open_models())
    assert "Hero" not in bpy.data.objects
    assert [item.name for item in mine.objects] == [again.armatures["right"]]
    assert len([item for item in bpy.data.objects if item.type == "ARMATURE"]) == 2


def test_an_action_and_a_material_of_the_users_outlive_the_objects_they_were_on(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    data = bpy.data.objects[first.armatures["right"]].animation_data
    assert data is not None
    data.action = bpy.data.actions.new("Mine")
    mesh_of(bpy.data.objects[first.meshes["left"]]).materials[0] = bpy.data.materials.new("Wood")
    again = build.build_take(bpy.context, make_take(3), open_models())
    assert bpy.data.actions["Mine"].users == 1 and bpy.data.actions["Mine"].use_fake_user
    assert bpy.data.materials["Wood"].use_fake_user
    assert again.action == first.action


def test_data_that_the_user_also_uses_stays(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    skin = mesh_of(bpy.data.objects[first.meshes["left"]]).materials[0]
    assert skin is not None
    theirs = bpy.data.meshes.new("Glove")
    theirs.materials.append(skin)
    item = bpy.data.objects.new("Glove", theirs)
    bpy.data.collections[first.collection].objects.link(item)
    build.build_take(bpy.context, make_take(3), open_models())
    assert theirs.materials[0] == skin and skin.name.startswith("HandSkin_L")


def test_two_takes_live_side_by_side(empty_file: None) -> None:
    one = build.build_take(bpy.context, make_take(3, source="/a/clip.mp4"), open_models())
    two = build.build_take(bpy.context, make_take(3, source="/b/clip.mp4"), open_models())
    assert one.key != two.key and one.collection != two.collection
    assert len(bpy.data.objects) == 10
    assert [item.key for item in build.built_hands(current_scene())] == [one.key, two.key]
    build.build_take(bpy.context, make_take(3, source="/a/clip.mp4", seed=1), open_models())
    assert build.built_hands(current_scene()) == [
        build.BuiltHands(**{**vars(one), "warnings": ()}),
        build.BuiltHands(**{**vars(two), "warnings": ()}),
    ]


def test_scenes_do_not_disturb_each_other(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    other = bpy.data.scenes.new("Other")
    here = current_scene()
    window = bpy.data.window_managers[0].windows[0]
    window.scene = other
    second = build.build_take(bpy.context, make_take(3), open_models())
    assert len(bpy.data.objects) == 10
    assert set(first.armatures.values()).isdisjoint(second.armatures.values())
    assert len(other.objects) == 5 and len(here.objects) == 5


def test_a_hand_that_is_no_longer_seen_goes(empty_file: None) -> None:
    build.build_take(bpy.context, make_take(3), open_models())
    only_left = np.array([[False] * 3, [True] * 3])
    again = build.build_take(bpy.context, make_take(3, present=only_left), open_models())
    assert sorted(item.name for item in bpy.data.objects) == ["HandArmature_L", "HandCamera", "HandMesh_L"]
    assert again.meshes == {"left": "HandMesh_L"}


def test_when_building_fails_the_scene_is_as_before(empty_file: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    counts = data_counts()
    state = [(item.name, item.data, list(item.users_collection)) for item in bpy.data.objects]

    def fail(*_: object) -> None:
        raise RuntimeError("no drivers today")

    monkeypatch.setattr(build, "add_drivers", fail)
    with pytest.raises(RuntimeError, match="no drivers today"):
        build.build_take(bpy.context, make_take(5, seed=1), open_models())
    assert data_counts() == counts
    assert [(item.name, item.data, list(item.users_collection)) for item in bpy.data.objects] == state
    assert build.built_hands(current_scene())[0].armatures == first.armatures


def test_removing_takes_everything_of_ours_and_nothing_else(empty_file: None) -> None:
    cube = add_object("Cube")
    counts = data_counts()
    built = build.build_take(bpy.context, make_take(3), open_models())
    collection.remove_build(current_scene(), built.key)
    assert data_counts() == counts
    assert cube.name == "Cube"
    assert build.built_hands(current_scene()) == []


def test_running_again_in_pose_mode_on_our_own_armature(empty_file: None) -> None:
    first = build.build_take(bpy.context, make_take(3), open_models())
    armature = bpy.data.objects[first.armatures["right"]]
    view_layer().objects.active = armature
    armature.select_set(True)
    bpy.ops.object.mode_set(mode="POSE")
    again = build.build_take(bpy.context, make_take(3, seed=1), open_models())
    assert again == first
    active = view_layer().objects.active
    assert active is None or active.mode == "OBJECT" or active.name == first.armatures["right"]
    assert len(armature_of(bpy.data.objects[again.armatures["right"]]).bones) == 16


@pytest.mark.parametrize(
    "spoil",
    [
        lambda block: block.__setitem__(ownership.MARK, 3),
        lambda block: block.__setitem__(ownership.MARK, {"name": "clip"}),
        lambda block: block.__setitem__(ownership.MARK, {"name": 1, "source": 2, "role": 3, "given_name": 4}),
        lambda block: block.__setitem__(ownership.MARK, "twohand"),
    ],
)
def test_a_strange_property_of_the_users_is_no_mark(
    empty_file: None, spoil: Callable[[bpy.types.Object], None]
) -> None:
    item = add_object("Strange")
    spoil(item)
    assert ownership.mark_of(item) is None
    build.build_take(bpy.context, make_take(1), open_models())
    assert "Strange" in bpy.data.objects
